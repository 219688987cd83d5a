"""The first screen of each command as a new user meets it: headlines, what to run next, the start, the list, the help."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from matrix import Recorder
from representatives import slow

import diffexplore as dx
from diffexplore import losses, methods
from diffexplore.checking.batch import make_batch
from diffexplore.checking.digits import correct_digits
from diffexplore.checking.run import run_check
from diffexplore.cli import panels, start
from diffexplore.cli.main import app, main
from diffexplore.cli.progress import ScreenListener, counted, time_shown

Output = pytest.CaptureFixture[str]

MINE = """
import torch
from representatives import slow
def notebook(a, b, x, y):
    return ((a*x - y + b)**2 / (a**2 + 1)).mean()
def negated(a, b, x, y):
    return -((a*x - y + b)**2 / (2*(a**2 + 1))).mean()
def summed(a, b, x, y):
    return ((a*x - y + b)**2 / (2*(a**2 + 1))).sum()
def doubled(a, b, x, y):
    r = a*x - y + b
    return (2*r*(x + a*(y - b))/(a*a + 1)**2).mean(), (2*r/(a*a + 1)).mean()
def unfinished(a, b, x, y):
    r = a*x - y + b
    return (r*x/(a*a + 1)).mean(), (r/(a*a + 1)).mean()
def right(a, b, x, y):
    return ((a*x - y + b)**2 / (2*(a**2 + 1))).mean()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def said(capsys: Output) -> str:
    return " ".join(capsys.readouterr().out.split())


VERIFY = ["--loss", "perpendicular", "--at", "a=2.5,b=1"]


# ---------------------------------------------------------------------------------------------------- headlines
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("notebook", "your loss notebook is 2 times this loss: the ½ is missing; its gradient agrees with it"),
        slow("negated", "your loss negated is this loss negated: the sign is wrong; its gradient agrees with it"),
        ("summed", "your loss summed is N times this loss: the sum was taken for the mean; its gradient agrees with it"),
    ],
)  # fmt: skip
def test_a_loss_that_is_another_one_is_named_in_the_headline(name: str, sentence: str, capsys: Output) -> None:
    assert main(["verify", f"mine.py:{name}", *VERIFY, "--quiet"]) == 1
    assert said(capsys) == f"FAIL {sentence}"
    if name == "notebook":
        assert main(["prove", f"mine.py:{name}", "--loss", "perpendicular", "--quiet"]) == 1
        assert said(capsys) == f"REFUTED {sentence}; traced in float64"


def test_a_half_that_a_loss_does_not_have_is_not_missed(capsys: Output) -> None:
    Path("mine.py").write_text("def f(a, x):\n    return (2*a*x).sum()\n", encoding="utf-8")
    assert (
        main(["verify", "mine.py:f", "--loss", "a*x", "--at", "a=3", "--points", "5", "--reduction", "sum", "--quiet"])
        == 1
    )
    assert said(capsys) == "FAIL your loss f is 2 times this loss: a factor ½ is missing; its gradient agrees with it"


def test_a_gradient_alone_may_have_been_accumulated(capsys: Output) -> None:
    assert main(["verify", "mine.py:doubled", "--kind", "gradient", *VERIFY, "--quiet"]) == 1
    assert said(capsys) == (
        "FAIL doubled: ∂L/∂a is wrong (1.24, should be 0.618, at a = 2.5, b = 1): it is 2 times the gradient: a factor "
        "½ is missing, or it was accumulated twice without zeroing; ∂L/∂b is wrong too"
    )


def test_one_partial_is_wrong_and_the_other_right(capsys: Output) -> None:
    assert main(["verify", "mine.py:unfinished", "--kind", "gradient", *VERIFY]) == 1
    out = capsys.readouterr().out
    assert " ".join(out.split()).startswith(
        "FAIL unfinished: ∂L/∂a is wrong (2.09, should be 0.618, at a = 2.5, b = 1): missing "
        "−a·(a·x + b − y)²/(a² + 1)²: as if 1/(a² + 1) did not depend on a (a detach, or a rule left out); "
        "∂L/∂b is right"
    )
    assert out.count("as if") == 1, "nothing twice"
    assert re.search(r"∂L/∂a +2\.091932908 +0\.618306428 +\S+ ulp +\S+ ulp +FAIL", out)
    assert len(out.splitlines()) <= 30 and max(map(len, out.splitlines())) <= 80


def test_what_passes_and_its_evidence(capsys: Output) -> None:
    assert main(["verify", "mine.py:right", "--loss", "perpendicular"]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"∂L/∂[ab] at a=\S+ b=\S+ .*█", out)) == 4
    assert out.count("PASS") == 1 and len(out.splitlines()) <= 30


def test_only_failing(capsys: Output) -> None:
    assert main(["verify", "mine.py:unfinished", "--kind", "gradient", *VERIFY, "--only-failing"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 7 and sum("FAIL" in line for line in lines) == 2
    assert main(["report", "exp(-a)", "--at", "a=1", "--methods", "reverse", "--only-failing"]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 3
    assert main(["report", "exp(-a)", "--at", "a=1", "--only-failing", "--full"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_full_has_every_table(capsys: Output) -> None:
    arguments = ["report", "exp(-k*t)", "--at", "k=0.5", "--points", "20", "--methods", "reverse,symbolic"]
    assert main(arguments) == 0
    screen = capsys.readouterr().out
    assert main([*arguments, "--full"]) == 0
    full = capsys.readouterr().out
    assert "verdict" in full and "the worst:" in full and "python" in full
    assert "verdict" not in screen and len(screen.splitlines()) < len(full.splitlines())


# ------------------------------------------------------------------------------------------------ what to run next
def test_the_next_commands_run(capsys: Output) -> None:
    assert main(["report", "exp(-k*t)", "--at", "k=0.5", "--points", "9"]) == 0
    lines = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("  diffexplore ")]
    assert [line.split()[1] for line in lines] == ["report", "fit", "graph"]
    assert main(["report", "exp(-k*t)", "--at", "k=0.5", "--points", "9", "--methods", "reverse,symbolic,numpy"]) == 0
    assert "  the same with --full" in capsys.readouterr().out
    shorter = {"report": ["--methods", "reverse"], "fit": ["--steps", "5"], "graph": []}
    for line in lines:
        command = shlex.split(line)[1:]
        assert main([*command, *shorter[command[0]]]) == 0, line
        assert capsys.readouterr().out


def test_no_argument_shows_what_there_is(capsys: Output) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert "\x1b" not in out, "plain in a pipe"
    for command, _ in start.COMMANDS:
        assert f"  {command} " in out
        name, *arguments = shlex.split(command)[1:]
        assert name in panels._EXAMPLES and isinstance(arguments, list)


def test_the_picture_of_the_start_shows_what_is_measured() -> None:
    names = [method for method, *_ in start.PICTURE]
    report = dx.check("perpendicular", at={"a": 2.5, "b": 1.0}, methods=names, wrt="a")
    measured = {row.method: correct_digits(row, "float64") for row in report.rows if row.sample is None}
    for method, digits, bar, _ in start.PICTURE:
        assert digits == pytest.approx(measured[method], abs=0.3), method
        assert f"{bar}"[: len(bar) - 1] in str(report)


# ------------------------------------------------------------------------------------------------------------ list
@pytest.mark.parametrize("word", ["losses", "loss"])
def test_list_losses(word: str, capsys: Output) -> None:
    assert main(["list", word]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines() if line.strip()} >= set(losses.names())
    assert "reverse" not in out


def test_list_methods_and_functions(capsys: Output) -> None:
    assert main(["list", "methods"]) == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert {entry.name for entry in (*methods.entries(), *methods.named_only())} <= shown
    assert main(["list", "functions"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  lgamma +logarithm of the gamma function", out, re.MULTILINE)


def test_list_shows_a_loss(capsys: Output) -> None:
    assert main(["list", "huber"]) == 0
    out = said(capsys)
    assert "∂L/∂a = " in out and "source: " in out and "Huber's loss" in out and "diffexplore report huber" in out
    assert main(["list", "hyperplane:2"]) == 0
    assert "∂L/∂w2 = " in said(capsys)


def test_list_shows_a_method_and_a_function(capsys: Output) -> None:
    assert main(["list", "autograd"]) == 0
    assert said(capsys).startswith(
        "reverse torch reverse mode: backward(); also called backward, autograd differs by rounding alone"
    )
    assert main(["list", "complex_step"]) == 0
    assert "truncation by its step" in said(capsys)
    for entry in methods.named_only():
        assert main(["list", entry.name]) == 0
        out = said(capsys)
        assert out.startswith(f"{entry.name} ") and f"diffexplore report --methods {entry.name}" in out
        assert entry.library is not None
        state = "installed" if entry.library.installed else f"not installed: {entry.library.command}"
        assert f"runs only when named ({state})" in out
    assert main(["list", "ln"]) == 0
    assert said(capsys) == "log natural logarithm, or to the base given second; also called ln takes 1 or 2 arguments"


def test_list_of_what_there_is_not(capsys: Output) -> None:
    assert main(["list", "hubber"]) == 2
    assert capsys.readouterr().err == "error: unknown name 'hubber': did you mean 'huber'?\n"


@pytest.mark.parametrize("method", methods.entries(), ids=lambda entry: entry.name)
def test_the_registry_says_which_methods_take_a_step(method: methods.Entry) -> None:
    assert method.truncates == (not method.load().exact)


# ------------------------------------------------------------------------------------------------ help, completion
@pytest.mark.parametrize("name", sorted(panels._EXAMPLES))
def test_every_command_has_examples_of_options_that_it_has(name: str, capsys: Output) -> None:
    import typer

    group = panels.arrange(typer.main.get_command(app))
    options = {option for parameter in group.commands[name].params for option in parameter.opts}
    for example in panels._EXAMPLES[name]:
        program, command, *arguments = shlex.split(example)
        assert (program, command) == ("diffexplore", name)
        assert {word for word in arguments if word.startswith("--")} <= options
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:" in out and "─ Output ─" in out


def test_every_command_has_an_example_and_a_place() -> None:
    import typer

    commands = typer.main.get_command(app).commands
    assert set(commands) == set(panels._EXAMPLES)
    assert set(commands) <= {name for names in panels._COMMANDS.values() for name in names}


def test_completion_is_installed_and_answers(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: "bash")
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "bash")
    assert main(["--install-completion"]) == 0
    assert "complete -o default -F _diffexplore_completion diffexplore" in next(
        (folder / ".bash_completions").iterdir()
    ).read_text(encoding="utf-8")
    capsys.readouterr()
    monkeypatch.setenv("_DIFFEXPLORE_COMPLETE", "complete_bash")
    for words, place, found in (("diffexplore report per", 2, "perpendicular"), ("diffexplore ver", 1, "verify"),
                                ("diffexplore report --only", 2, "--only-failing")):  # fmt: skip
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(place))
        assert main([]) == 0
        assert found in capsys.readouterr().out.split()


# -------------------------------------------------------------------------------------------------------- progress
@pytest.mark.parametrize(
    ("done", "total", "elapsed", "left", "text"),
    [
        (0, None, 0.4, None, ""),
        (0, None, 3.2, None, "3 s"),
        (0, 100, 2.0, None, "2 s"),
        (1, 100, 2.0, 198.0, "2 s"),
        (30, 100, 2.0, 4.7, "5 s left"),
        (30, 100, 2.0, 200.0, "3 min 20 s left"),
        (30, 100, 2.0, 7500.0, "2 h 5 min left"),
        (100, 100, 7.0, 0.0, "7 s"),
        (50, 100, 1.5, None, "2 s"),
    ],
)
def test_time_left_is_told_where_the_pace_is_known(
    done: int, total: int | None, elapsed: float, left: float | None, text: str
) -> None:
    assert time_shown(done, total, elapsed, left) == text


def test_parts_are_counted_where_there_are_any() -> None:
    assert (counted(30_000, 1_000_000), counted(0, None)) == ("30,000 of 1,000,000", "")
    ScreenListener(None, None).progress("a phase", 0, 0)


def test_a_person_at_a_terminal_sees_the_phases() -> None:
    """Through a pseudo-terminal on stderr; standard output is a pipe, and holds the report alone."""
    ours, theirs = pty.openpty()
    arguments = ["derive", "exp(-k*t)", "--wrt", "k"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-m", "diffexplore", *arguments], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        seen = _read_all(ours)
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0, seen
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "loading SymPy" in shown
    assert seen.rstrip().endswith("\x1b[2K"), "gone at the end"
    assert out.startswith("Loss") and "loading" not in out


def test_phases_have_the_names_of_what_is_done() -> None:
    recorder = Recorder(wants_rows=False)
    loss = dx.losses.get("squared_error")
    points = [{"a": 1.0, "b": 0.0}, {"a": 2.0, "b": 1.0}]
    run_check(loss, make_batch(loss, None), points, methods="reverse,numpy", listener=recorder)
    stages = list(dict.fromkeys(stage for stage, _, _ in recorder.marks))
    assert stages[0] == "deriving the gradient" and "torch" in stages[1]
    assert [stage for stage in stages if stage.startswith("point 1 of 2: ")][:4] == [
        "point 1 of 2: the whole batch at once, by reverse",
        "point 1 of 2: the whole batch at once, by numpy",
        "point 1 of 2: samples",
        "point 1 of 2: judging the whole batch",
    ]
    parts = [(done, total) for stage, done, total in recorder.marks if stage == "point 2 of 2: samples"]
    assert parts[0] == (0, 100) and parts[-1] == (100, 100), "from the first to the last"
    assert all(total == 0 for stage, _, total in recorder.marks if "samples" not in stage), "no part is invented"


def _read_all(descriptor: int) -> str:
    found = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        found += part
    return found.decode(errors="replace")
