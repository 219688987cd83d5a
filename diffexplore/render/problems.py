"""What is wrong or undecided, one problem each, for tools that show it beside the code: GitHub Actions, SARIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Literal
from urllib.parse import quote

from diffexplore import __version__
from diffexplore.checking.records import VALUE, Cause, Report, Row
from diffexplore.lists import grouped
from diffexplore.proving.records import Proof
from diffexplore.render.places import at_place
from diffexplore.render.proof_headline import headline as answer
from diffexplore.render.proof_headline import named_cause
from diffexplore.render.tensor_headline import headline as of_tensors
from diffexplore.render.tensor_headline import worst_first
from diffexplore.render.verdict import headline
from diffexplore.render.wrong import how_wrong, where, worst_failures
from diffexplore.tensors.records import TensorReport
from diffexplore.writing.names import PointKey, candidate_of, partial_of, point_key, reduced_partial

#: The rule of a wrong gradient without a named cause, and of what nothing decided.
WRONG, UNDECIDED = "wrong_gradient", "undecided"


@dataclass(frozen=True)
class CodePlace:
    """A line of a file, counted from 1; the path as it was given."""

    path: str
    line: int


@dataclass(frozen=True)
class CodeProblem:
    """``rule`` is the key of the cause; what is ``open`` could not be decided."""

    rule: str
    level: Literal["error", "open"]
    message: str
    place: CodePlace | None = None


def problems_of_report(report: Report, place: CodePlace | None = None) -> Iterator[CodeProblem]:
    """Each cause of a wrong partial, at its worst; and each partial at a point that nothing decided."""
    failures = worst_failures(report)
    for rule, rows in grouped(failures, lambda row: row.cause.key if row.cause else WRONG).items():
        yield CodeProblem(rule, "error", _wrong(rows, report), place)
    failed = {row.parameter for row in failures}
    for name, point in report.summary.undecided:
        if name not in failed:
            cause = _why(report, name, point_key(point))
            reason = f": {cause.message}" if cause else ""
            message = f"could not decide {reduced_partial(name)}{at_place(report, point)}{reason}"
            yield CodeProblem(cause.key if cause else UNDECIDED, "open", message, place)
    if report.verdict == "inconclusive" and not report.summary.undecided:
        yield CodeProblem(UNDECIDED, "open", headline(report).sentence, place)


def _wrong(rows: list[Row], report: Report) -> str:
    """The worst in full, and what else is wrong for the same cause."""
    row, candidate = rows[0], candidate_of(report)
    names = list(dict.fromkeys(partial_of(other, candidate) for other in rows))
    also = f" (so {'is' if len(names) == 2 else 'are'} {', '.join(names[1:])})" if len(names) > 1 else ""
    by = "" if candidate or row.parameter == VALUE else f" by {row.method}"
    reason = f": {row.cause.message}" if row.cause else ""
    return f"{names[0]}{by} {how_wrong(row)}{where(row, report)}{also}{reason}"


def _why(report: Report, name: str, point: PointKey) -> Cause | None:
    """The cause of a comparison that would have decided this partial at this point."""
    rows = (row for row in report.rows if row.parameter == name and point_key(row.point) == point)
    return next((row.cause for row in rows if row.verdict == "inconclusive" and row.cause is not None), None)


def problems_of_proof(proof: Proof, place: CodePlace | None = None) -> Iterator[CodeProblem]:
    """That it is refuted, or could not be decided."""
    if proof.status == "refuted":
        cause = named_cause(proof)
        yield CodeProblem(cause.key if cause else WRONG, "error", answer(proof).sentence, place)
    elif proof.status == "unknown":
        yield CodeProblem(UNDECIDED, "open", answer(proof).sentence, place)


def problems_of_tensors(report: TensorReport, place: CodePlace | None = None) -> Iterator[CodeProblem]:
    """Each cause of a wrong or an undecided gradient, at its worst."""
    reported: set[str] = set()
    for row in worst_first(report):
        rule = row.cause.key if row.cause is not None else WRONG if row.verdict == "fail" else UNDECIDED
        if row.verdict == "pass" or rule in reported or (report.verdict == "fail" and row.verdict != "fail"):
            continue
        reported.add(rule)
        alone = replace(report, rows=(row,), verdict=row.verdict)
        yield CodeProblem(rule, "error" if row.verdict == "fail" else "open", of_tensors(alone).sentence, place)
    if report.verdict == "inconclusive" and not reported:
        yield CodeProblem(UNDECIDED, "open", of_tensors(report).sentence, place)


def to_annotation(problem: CodeProblem) -> str:
    """A workflow command of GitHub Actions, which shows the problem beside the line."""
    command, place = "error" if problem.level == "error" else "warning", problem.place
    at = [] if place is None else [f"file={_escaped(place.path, ':,')}", f"line={place.line}"]
    properties = ",".join([*at, f"title=diffexplore%3A {_escaped(problem.rule, ':,')}"])
    return f"::{command} {properties}::{_escaped(problem.message)}"


def _escaped(text: str, more: str = "") -> str:
    """As https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts escapes."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


VERSION = "2.1.0"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(problems: Sequence[CodeProblem]) -> dict[str, Any]:
    """The log: one run, a rule for each cause, and a result for each problem; none where nothing is wrong.

    What could not be decided is of the kind "open", which has no level (sections 3.27.9 and 3.27.10).
    """
    rules = list(dict.fromkeys(problem.rule for problem in problems))
    described = [{"id": rule, "shortDescription": {"text": rule.replace("_", " ")}} for rule in rules]
    versions = {"version": __version__, "semanticVersion": __version__}
    tool = {"driver": {"name": "diffexplore", **versions, "rules": described}}
    results = [_result(problem, rules.index(problem.rule)) for problem in problems]
    run = {"tool": tool, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": VERSION, "runs": [run]}


def _result(problem: CodeProblem, rule: int) -> dict[str, Any]:
    decided = problem.level == "error"
    found: dict[str, Any] = {
        "ruleId": problem.rule, "ruleIndex": rule, "kind": "fail" if decided else "open",
        "level": "error" if decided else "none", "message": {"text": problem.message},
    }  # fmt: skip
    return found if problem.place is None else found | {"locations": [_location(problem.place)]}


def _location(place: CodePlace) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place.path)}, "region": {"startLine": place.line}}}


def _uri(path: str) -> str:
    """A reference relative to the working folder where the file is in it, which GitHub takes for the repository's."""
    here, file = Path.cwd(), Path(path)
    if file.is_absolute() and not file.is_relative_to(here):
        return file.as_uri()
    relative = file.relative_to(here) if file.is_absolute() else PurePath(path)
    return quote(relative.as_posix())
