"""The examples in README.md and docs/*.md: how they are run and compared. The tests and refresh.py share it.

A ``console`` block is a session: lines that begin with ``$ `` are commands (``> `` continues one that ends in a
backslash), and what follows each is its output. ``diffexplore`` runs inside this process, 80 columns wide and without
colour, and ``python -m pytest`` and what torchrun starts in forks of it, which need not load torch; anything else, what
is piped into it, and what its output is piped into, runs in ``sh``. The session of a document lives in one temporary
folder.
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import functools
import importlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from diffexplore.auditing.findings import AuditFinding
    from diffexplore.auditing.records import Audit, Record

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_VERDICT = re.compile(r" (pass|FAIL|inconclusive( \[\d+\])?)$")


@dataclass(frozen=True)
class Command:
    """A command of a session, as written (several lines where it is continued), and the output that is documented."""

    written: str
    expected: str

    @property
    def line(self) -> str:
        """The command as a shell would take it."""
        return re.sub(r"\\\n> ", "", self.written.removeprefix("$ "))


def commands(block: str) -> Iterator[Command]:
    """The commands of a ``console`` block."""
    parts = re.split(r"^(\$ .*(?:(?<=\\)\n> .*)*)\n?", block, flags=re.MULTILINE)
    for written, expected in zip(parts[1::2], parts[2::2], strict=True):
        yield Command(written, expected)


class Session:
    """Runs the commands of one document, and remembers the exit code of the last."""

    def __init__(self) -> None:
        self._code = 0

    def run(self, line: str) -> str:
        """What a terminal would show."""
        if line == "echo $?":
            return f"{self._code}\n"
        program, _, rest = line.partition(" | ")
        arguments = shlex.split(program)
        if arguments[0] == "diffexplore":
            shown, error = self._diffexplore(arguments[1:])
            return (self._shell(rest, shown) if rest else shown) + error
        if arguments[:3] == ["python", "-m", "pytest"]:
            shown = _pytest_in_a_fork(arguments[3:])
            return self._shell(rest, shown) if rest else shown
        if arguments[1:3] == ["torchrun", "--nproc-per-node"] and arguments[-1] == "2>/dev/null":
            return _ranks_in_forks(int(arguments[3]), arguments[arguments.index("diffexplore") + 1 : -1])
        if rest.startswith("diffexplore ") and " | " not in rest:
            return "".join(self._diffexplore(shlex.split(rest)[1:], given=self._shell(program, "")))
        return self._shell(line, "")

    def _diffexplore(self, arguments: list[str], given: str = "") -> tuple[str, str]:
        from diffexplore.cli.main import main

        out, error = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            mock.patch.dict(os.environ, _ENVIRONMENT),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
        ):
            self._code = main(arguments)
        return _written(out), _written(error)

    def _shell(self, line: str, text: str) -> str:
        own = str(Path(sys.executable).parent)  # "python" is this one, also where its environment is not activated
        environment = {**os.environ, "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)])}
        done = subprocess.run(
            ["sh", "-c", line], input=text, capture_output=True, encoding="utf-8", env=environment, check=False
        )
        return done.stdout + done.stderr


def _pytest_in_a_fork(arguments: list[str]) -> str:
    """What ``python -m pytest`` prints in the folder of the session."""

    def work() -> None:
        sys.stderr, sys.path[:0] = sys.stdout, [os.getcwd()]
        for file in Path().glob("*.py"):  # another document may have loaded one of the same name
            sys.modules.pop(file.stem, None)
        importlib.invalidate_caches()
        importlib.import_module("pytest").main(arguments)

    return _in_forks([work])


def _ranks_in_forks(count: int, arguments: list[str]) -> str:
    """What ``diffexplore`` prints to the standard output in so many processes, as torchrun starts them."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}

    def work(rank: int) -> None:
        from diffexplore.cli.main import main

        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # open until the process ends
        os.environ |= {**_ENVIRONMENT, **told, "RANK": str(rank), "LOCAL_RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"}
        main(arguments)

    return _in_forks([functools.partial(work, rank) for rank in range(count)])


def _in_forks(works: Sequence[Callable[[], object]]) -> str:
    """What pieces of work print that run side by side, each in a fork of this process."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        sys.stdout.flush()
        children = [_forked(work, printed.fileno()) for work in works]
        for child in children:
            os.waitpid(child, 0)
        printed.seek(0)
        return printed.read()


def _forked(work: Callable[[], object], printed: int) -> int:
    """The number of a process that does the work, and whose streams are the file ``printed``."""
    if child := os.fork():
        return child
    for stream in (1, 2):
        os.dup2(printed, stream)
    with open(1, "w", encoding="utf-8", closefd=False) as sys.stdout:
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


def difference(expected: str, actual: str) -> str | None:
    """How the output differs from what is documented, beyond what another CPU may change; None where it does not.

    ``...`` stands for anything, as in doctest. Sums are rounded differently by different CPUs: in a row of a table
    the digits beyond what the row itself says it would catch, and the error that they make, are not compared.
    """
    want = _without_rounding(_stripped(expected))
    if doctest.OutputChecker().check_output(want, _stripped(actual), _FLAGS):
        return None
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "documented", "printed", lineterm="")
    return "\n".join(lines)


def _stripped(text: str) -> str:
    """``text`` without spaces at the ends of its lines and without empty lines at its own end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n") + "\n"


#: Correct digits with their bar or with the number of a cause, and the words about the worst of them.
_DIGITS = re.compile(r" +\d+\.\d ([█▉▊▋▌▍▎▏]+|(?=\[\d))")
_WORST = re.compile(r"worst: \S+ % of what is allowed.*$")
_OF_ALLOWED = re.compile(r"worst \S+ of (\S+)( ulp)? allowed.*$")


def _without_rounding(text: str) -> str:
    """``text`` with ``...`` in place of what rounding decides."""
    lines, catches = [], False
    for line in text.splitlines():
        line = _DIGITS.sub(" ... ", line)
        line = _OF_ALLOWED.sub(r"worst ... of \1\2 allowed...", _WORST.sub("worst: ... % of what is allowed...", line))
        if "allowed" in line and "error" in line:
            catches = "catches" in line
        lines.append(_loosened(line, catches) if _VERDICT.search(line) else line)
    return "\n".join(lines) + "\n"


def _loosened(row: str, catches: bool) -> str:
    verdict = _VERDICT.search(row)
    assert verdict is not None
    cells = row[: verdict.start()].split()
    error = -3 if catches else -2
    if len(cells) >= 1 - error and _is_number(cells[error]):
        if catches:
            cells[error - 1] = _certain_digits(cells[error - 1], cells[-1])
        cells[error] = "..."
    return " ".join(cells) + verdict.group()


def _certain_digits(value: str, catches: str) -> str:
    """``value`` up to the digits that a method would be sure to have right."""
    if not (_is_number(value) and _is_number(catches)):
        return value
    if float(catches) >= 1:
        return "..."
    digits = len(f"{1 / float(catches):.0f}") - 3
    mantissa, _, exponent = value.partition("e")
    kept, seen, started = "", 0, False
    for character in mantissa:
        started = started or character in "123456789"
        if character.isdigit() and started:
            seen += 1
        if seen > digits:
            return kept.rstrip(".") + "..." + (f"e{exponent}" if exponent else "")
        kept += character
    return value


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------------------------------- generated tables
_GENERATED = re.compile(r"(<!-- begin (\w+) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def with_tables(document: str) -> str:
    """A document with the tables that are made from the code, between ``<!-- begin NAME -->`` and the end."""
    return _GENERATED.sub(lambda match: f"{match[1]}{_TABLES[match[2]]()}{match[4]}", document)


def _claims() -> str:
    from diffexplore.bounds.claims import CLAIMS
    from diffexplore.functions.rounding import Claim

    claims = {name: claim for name, claim in CLAIMS.items() if isinstance(claim, Claim)}
    rows: dict[str, list[str]] = {f"{ulps:g} ulp": [] for ulps in sorted({claim.ulps for claim in claims.values()})}
    for name, claim in claims.items():
        rows[f"{claim.ulps:g} ulp"].append(f"`{name}`")
    for units, said in (
        ("absolute", "and {:g} u absolute"),
        ("narrow_absolute", "and {:g} u of float32 absolute, in bfloat16 and float16"),
        ("double_absolute", "and {:g} u absolute, in float64"),
        ("operand_roundings", "and what {:g} ulp of the operands make"),
    ):
        for name, claim in claims.items():
            if getattr(claim, units):
                rows.setdefault(said.format(getattr(claim, units)), []).append(f"`{name}`")
    return _table(("claimed error", "functions"), [(said, ", ".join(names)) for said, names in rows.items()])


def _functions() -> str:
    from diffexplore.functions import TABLE

    rows = [(", ".join(f"`{name}`" for name in (entry.name, *entry.aliases)), entry.doc) for entry in TABLE]
    return _table(("function", "what it is"), [(names, doc.replace("|", "\\|")) for names, doc in rows])


def _audit_classes() -> str:
    rows = []
    for kind, counts in sorted(_audited().counts().items(), key=lambda item: -sum(item[1].values())):
        found = [f"{counts[status]} {status}" for status in ("proved", "refuted", "unknown") if counts.get(status)]
        rows.append((kind, f"{sum(counts.values())}{': ' if found else ''}{', '.join(found)}"))
    return _table(("class", "entries"), rows)


def _audit_refuted() -> str:
    from diffexplore.auditing.page import off_by

    refuted = [record for record in _audited().records if record.refuted]
    rows = [(f"`{record.name}`", str(record.judgement), off_by(record), str(record.line)) for record in refuted]
    return _table(("entry", "judgement", "off by", "line of derivatives.yaml"), rows)


def _audit_findings() -> str:
    """What is wrong with the refuted entries: a paragraph and the code that shows it for each cause."""
    found: dict[AuditFinding, list[str]] = {}
    for record in _audited().records:
        if record.finding is not None:
            found.setdefault(record.finding, []).append(f"`{record.name}`")
    return "\n".join(
        f"**{', '.join(names)}**: {finding.judgement}, in `{finding.file}`: {finding.words}.\n\n"
        f"```text\n{finding.reproducer}```\n"
        for finding, names in found.items()
    )


def _audit_entries() -> str:
    by_words: dict[tuple[str, str], list[str]] = {}
    for record in _audited().records:
        if record.checks:
            by_words.setdefault((record.status, _audit_conditions(record)), []).append(f"`{record.name}`")
    rows = [(", ".join(names), f"{status}{': ' if words else ''}{words}".replace("|", "\\|"))
            for (status, words), names in sorted(by_words.items())]  # fmt: skip
    return _table(("entries", "decision"), rows)


def _audit_conditions(record: Record) -> str:
    """The conditions of an entry's proofs, by case where they are not the same in all; or what is refuted."""
    refuted = [check.input for check in record.checks if check.status == "refuted"]
    if refuted:
        return ", ".join(dict.fromkeys(f"by {name}" for name in refuted))
    by_case: dict[str, dict[str, None]] = {}
    for check in record.checks:
        by_case.setdefault(check.case, {}).update(dict.fromkeys(check.conditions))
    if all(set(conditions) == set(next(iter(by_case.values()))) for conditions in by_case.values()):
        return "; ".join(next(iter(by_case.values())))
    named = ((case or "in general", "; ".join(conditions) or "always") for case, conditions in by_case.items())
    return " / ".join(f"{case}: {conditions}" for case, conditions in named)


@functools.cache
def _audited() -> Audit:
    from diffexplore.auditing.audit import audit

    return audit()


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


_TABLES = {
    "claims": _claims,
    "functions": _functions,
    "audit_classes": _audit_classes,
    "audit_entries": _audit_entries,
    "audit_refuted": _audit_refuted,
    "audit_findings": _audit_findings,
}


# ------------------------------------------------------------------------------------------------------- documents
def set_up(namespace: dict[str, Any]) -> None:
    """Before the examples of a document: a folder of their own, and no GPU, so that the output is everyone's."""
    import torch  # noqa: F401  nothing but the command line can be patched before it is loaded

    folder = tempfile.TemporaryDirectory()
    namespace["_clean_up"] = stack = contextlib.ExitStack()
    stack.enter_context(folder)
    stack.enter_context(contextlib.chdir(folder.name))
    stack.enter_context(mock.patch("torch.cuda.is_available", return_value=False))
    namespace["_session"] = Session()


def tear_down(namespace: dict[str, Any]) -> None:
    """After them."""
    namespace["_clean_up"].close()


def run_block(block: str, session: Session) -> str | None:
    """What is wrong with a ``console`` block, or None."""
    problems = []
    for command in commands(block):
        found = difference(command.expected, session.run(command.line))
        if found is not None:
            problems.append(f"{command.written}\n{found}")
    return "\n".join(problems) or None


def refreshed_block(block: str, session: Session) -> str:
    """A ``console`` block with the output of today; output with ``...`` in it is left to its author."""
    text = ""
    for command in commands(block):
        actual = session.run(command.line)
        if "..." in command.expected:
            if difference(command.expected, actual) is not None:
                print(f"edit by hand: {command.written}\n{actual}", file=sys.stderr)
            actual = command.expected
        text += f"{command.written}\n{_stripped(actual) if actual.strip() else ''}"
    return text
