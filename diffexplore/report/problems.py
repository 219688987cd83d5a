"""What is wrong or undecided, one problem each, for tools that show problems beside the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from diffexplore.check.records import VALUE, Cause, Report, Row
from diffexplore.proving.records import Proof
from diffexplore.report.names import PointKey, candidate_of, partial_of, point_key, reduced_partial
from diffexplore.report.places import at_place
from diffexplore.report.wrong import how_wrong, where, worst_failures

#: The rule of a wrong gradient without a named cause, and of what nothing decided.
WRONG, UNDECIDED = "wrong_gradient", "undecided"


@dataclass(frozen=True)
class CodePlace:
    """A line of a file, counted from 1; the path as it was given."""

    path: str
    line: int


@dataclass(frozen=True)
class Problem:
    """``rule`` is the key of the cause; what is ``open`` could not be decided."""

    rule: str
    level: Literal["error", "open"]
    message: str
    place: CodePlace | None = None


def problems_of_report(report: Report, place: CodePlace | None = None) -> Iterator[Problem]:
    """Each wrong partial once for each cause, at its worst; and each partial at a point that nothing decided."""
    seen = set()
    for row in worst_failures(report):
        key = row.parameter, row.of, row.cause.key if row.cause else WRONG
        if key not in seen:
            seen.add(key)
            yield Problem(key[2], "error", _wrong(row, report), place)
    for name, point in report.summary.undecided:
        at = at_place(report, point)
        cause = _why(report, name, point_key(point))
        reason = f": {cause.message}" if cause else ""
        message = f"could not decide {reduced_partial(name)}{at}{reason}"
        yield Problem(cause.key if cause else UNDECIDED, "open", message, place)
    if report.verdict == "inconclusive" and not report.summary.undecided:
        yield Problem(UNDECIDED, "open", "nothing was compared", place)


def _wrong(row: Row, report: Report) -> str:
    candidate = candidate_of(report)
    by = "" if candidate or row.parameter == VALUE else f" by {row.method}"
    reason = f": {row.cause.message}" if row.cause else ""
    return f"{partial_of(row, candidate)}{by} {how_wrong(row)}{where(row, report)}{reason}"


def _why(report: Report, name: str, point: PointKey) -> Cause | None:
    """The cause of a comparison that would have decided this partial at this point."""
    rows = (row for row in report.rows if row.parameter == name and point_key(row.point) == point)
    return next((row.cause for row in rows if row.verdict == "inconclusive" and row.cause is not None), None)


def problems_of_proof(proof: Proof, place: CodePlace | None = None) -> Iterator[Problem]:
    """Each statement that is refuted, or not decided."""
    named = proof.cause is not None and proof.cause.key != "unexplained"
    rule = proof.cause.key if proof.cause is not None and named else WRONG
    reason = f": {proof.cause.message}" if proof.cause is not None and named else ""
    for statement in proof.statements:
        called = "L" if statement.name == VALUE else reduced_partial(statement.name)
        if statement.status == "refuted":
            what = "is not the loss" if statement.name == VALUE else "is not the derivative"
            at = f" where {statement.decision.place}" if statement.decision.place else ""
            yield Problem(rule, "error", f"{called} {what} of {proof.loss}{at}{reason}", place)
        elif statement.status == "unknown":
            yield Problem(UNDECIDED, "open", f"could not decide whether {called} is right", place)


def to_annotation(problem: Problem) -> str:
    """A workflow command of GitHub Actions, which shows the problem beside the line."""
    command = "error" if problem.level == "error" else "warning"
    place = problem.place
    at = [] if place is None else [f"file={_escaped(place.path, ':,')}", f"line={place.line}"]
    properties = ",".join([*at, f"title=diffexplore%3A {_escaped(problem.rule, ':,')}"])
    return f"::{command} {properties}::{_escaped(problem.message)}"


def _escaped(text: str, more: str = "") -> str:
    """As https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts escapes."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
