"""The verdict in one sentence, and what failed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from diffexplore.check.records import LOSS, VALUE, Report, Row
from diffexplore.methods import runs_program, spoken
from diffexplore.numerals import short
from diffexplore.report.blocks import Block, Gap, Headline, Note, Span, Text, text
from diffexplore.report.counts import agreement, loss_note, total
from diffexplore.report.names import (
    WORDS,
    PointKey,
    candidate_of,
    kind_of,
    partial_of,
    point_key,
    reduced_partial,
    subject_of,
)
from diffexplore.report.numbers import counted, point_text, share

#: A partial at a point.
_Question = tuple[str, PointKey]

#: Failing rows that are described in full before the tables.
_DESCRIBED = 5


def headline(report: Report) -> Headline:
    """The verdict line, which opens and closes every page."""
    word, tone = WORDS[report.verdict]
    sentence = {"pass": _passed, "fail": _failed, "inconclusive": _undecided}[report.verdict]
    return Headline(word, tone, sentence(report))


def _passed(report: Report) -> str:
    said = agreement(report, _scope(report))
    return f"{said}; {_power(report)}{_by_sub_batch(report)}{loss_note(report)}"


def _failed(report: Report) -> str:
    counts = f"{counted(report.summary.failed)} of {counted(total(report), 'comparison')} failed"
    candidate = candidate_of(report)
    first, *others = worst_failures(report)
    others = [row for row in others if _subject(row) != _subject(first)]
    subjects = len({_subject(row) for row in others if row.parameter != VALUE})
    also = f", and {counted(subjects, 'other partial' if candidate else 'other gradient')} too" if subjects else ""
    if first.is_nan:
        return f"{_no_number(first, candidate, also)}; {counts}"
    wrong = f"{how_wrong(first)}{_where(first)}{also}: {counts}"
    if candidate is None and first.parameter == VALUE:
        return f"{report.loss.program} does not compute the loss that was read from it: L {wrong}"
    if candidate is None:
        return f"{partial_of(first)} by {first.method} {wrong}"
    is_not = "does not compute this loss" if first.parameter == VALUE else "is not the gradient"
    is_not = is_not if first.of is None else "does not give the second derivatives by its double backward"
    return f"{subject_of(candidate)} {is_not}: {partial_of(first, candidate)} {wrong}"


def _subject(row: Row) -> tuple[str, str | None, str]:
    """What is wrong where a row is."""
    return row.parameter, row.of, row.method


def _no_number(row: Row, candidate: str | None, also: str) -> str:
    """``reverse mode computes NaN for ∂L/∂a at d = 0 (sample 0), where the truth is 0.25: why; what to write``.

    ``also`` says what else failed.
    """
    assert row.cause is not None
    fields = row.cause.fields
    if row.parameter == VALUE and not candidate:
        what = f"the loss itself computes to {fields['value']}"
    else:
        by = subject_of(candidate) if candidate else spoken(row.method)
        what = f"{by} computes {fields['value']} for {partial_of(row, candidate)}"
    truth = f", where the truth is {short(float(row.truth.mid), 6)}" if row.truth else ""
    why = [fields.get("backward_operation") or fields.get("operation"), fields.get("remedy")]
    reason = "; ".join(words for words in why if words)
    return f"{what}{_place(row)}{truth}{also}{': ' + reason if reason else ''}"


def _place(row: Row) -> str:
    """`` at a = 1, d = 0 (sample 0)``: the point, and the data of the sample that makes the NaN."""
    fields = row.cause.fields if row.cause else {}
    where = point_text({**row.point, **fields.get("data", {})})
    sample = fields.get("sample")
    said = f" at {where}" if where else ""
    if sample is not None and row.probe is None:
        said += f" (sample {sample})"
    return f"{said} ({row.probe})" if row.probe else said


def _undecided(report: Report) -> str:
    open_questions = _without_a_pass(report)
    if not report.rows:
        return "nothing was compared"
    if not open_questions:
        return f"not every partial could be decided: {_scope(report)}; no comparison failed"
    questions = _listed(list(open_questions.values()))
    counts = f"no comparison failed ({_scope(report)})"
    return f"could not decide {questions}{_reason(report, open_questions)}; {counts}{loss_note(report)}"


def _listed(items: list[str], most: int = 2) -> str:
    if len(items) <= most:
        return " nor ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def _reason(report: Report, questions: Mapping[_Question, str]) -> str:
    """Why they are open, if there is one reason for all of them."""
    reasons = {
        row.cause.message
        for row in report.rows
        if row.cause is not None and kind_of(row) == "reduced" and (row.parameter, point_key(row.point)) in questions
    }
    return f": {reasons.pop()}" if len(reasons) == 1 else ""


def _without_a_pass(report: Report) -> dict[_Question, str]:
    """The partials and points that no comparison with the reduction settled, and how they are called."""
    return {
        (name, point_key(point)): f"{reduced_partial(name)} at {point_text(point)}"
        for name, point in report.summary.undecided
    }


def _scope(report: Report) -> str:
    """How much was compared: ``40 comparisons reduced, 4,000 by sample, 10 by probe``; without data, no reduction."""
    reduced = "reduced" if report.loss.data else ""
    totals = {reduced: 0, "by sample": 0, "by probe": 0}
    for tally in report.summary.tallies:
        words = {"reduced": reduced, "samples": "by sample"}.get(tally.kind, "by probe")
        totals[words] += tally.passed + tally.failed + tally.inconclusive
    parts = [(total, words) for words, total in totals.items() if total]
    said = ", ".join(
        f"{counted(total, 'comparison') if i == 0 else counted(total)} {words}".rstrip()
        for i, (total, words) in enumerate(parts)
    )
    said = said or "no comparisons"
    left = report.summary.inconclusive
    return f"{said}, {counted(left)} of them inconclusive" if left else said


def _power(report: Report) -> str:
    known = {name: power for name, power in report.summary.power.items() if power is not None}
    if not known:
        return "the truth is 0, so the power is stated in absolute terms below"
    stated = ", ".join(f"{short(power, upward=True) if power else 'any'} ({name})" for name, power in known.items())
    return f"smallest relative error that would be caught: {stated}"


def _by_sub_batch(report: Report) -> str:
    """Which partials no comparison over the whole batch settled, in a report that passed."""
    asked: dict[_Question, str] = {}
    passed: set[_Question] = set()
    for row in report.rows:
        if kind_of(row) == "reduced":
            question = row.parameter, point_key(row.point)
            asked[question] = f"{reduced_partial(row.parameter)} at {point_text(row.point, digits=4)}"
            passed |= {question} if row.verdict == "pass" else set()
    names = [name for question, name in asked.items() if question not in passed]
    if not names:
        return ""
    return f"; on sub-batches only: {' and '.join(names) if len(names) <= 2 else f'{len(names)} of these partials'}"


def worst_failures(report: Report) -> list[Row]:
    """Failing rows that include the reduction, else those of probes and samples; at last that of the loss's value.

    The largest relative error comes first: a rounding must not head a report in which another partial is off by half.
    """
    failing = sorted((row for row in report.rows if row.verdict == "fail"), key=_relative_error, reverse=True)
    values = [row for row in failing if row.parameter == VALUE]
    partials = [row for row in failing if row.parameter != VALUE]
    # Where the loss itself is not finite, everything else follows from that.
    itself = [row for row in values if row.method == LOSS]
    others = [row for row in values if row.method != LOSS]
    return itself + ([row for row in partials if kind_of(row) == "reduced"] or partials) + others


def _relative_error(row: Row) -> float:
    """A value that is not finite is worse than any; one that should be 0 is all error."""
    if row.value is None:
        return math.inf
    return 1.0 if row.error_rel is None else row.error_rel


def failures(report: Report) -> Iterator[Block]:
    """What failed, where, by how much and why: only where something did."""
    candidate = candidate_of(report)
    found = worst_failures(report)
    groups = _alike(_one_of_each_cause(found) if candidate else found)[:_DESCRIBED]
    for group in groups:
        yield Note(_described(group, candidate), marker="·")
    left = report.summary.failed - sum(map(len, groups))
    if left > 0:
        yield Note(text(f"{counted(left)} more failed", "quiet"), marker="·")
    if candidate is None and report.loss.program and any(runs_program(row.method) for row in found):
        yield Note(
            text(
                f"the truth is the derivative of what {report.loss.program} computes forwards; why its own "
                "differentiation differs from it, verify says"
            ),
            marker="·",
        )
    if found:
        yield Gap()


def _one_of_each_cause(rows: list[Row]) -> list[Row]:
    """A candidate is wrong for few reasons, in many rows."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.cause.message if row.cause else "", row)
    return list(found.values())


def _alike(rows: list[Row]) -> list[list[Row]]:
    """Rows of several methods that have one cause of a NaN, together; every other row by itself."""
    groups: dict[object, list[Row]] = {}
    for i, row in enumerate(rows):
        cause = row.cause.message if row.cause else ""
        key = (row.parameter, point_key(row.point), row.sample, row.probe, cause) if row.is_nan else i
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _described(rows: list[Row], candidate: str | None) -> Text:
    row = rows[0]
    reason = f": {row.cause.message}" if row.cause else ""
    by = "" if candidate or row.method == LOSS else f" by {', '.join(row.method for row in rows)}"
    subject = f"{partial_of(row, candidate)}{by}"
    wrong = "" if row.is_nan else f" {how_wrong(row)}"
    return Span(subject, "strong"), Span(f"{wrong}{_where(row)}{reason}")


def _where(row: Row) -> str:
    """`` at a = 0, b = 0, sample 17``."""
    where = f" at {point_text(row.point)}" if row.point else ""
    if row.sample is not None:
        where += f", sample {row.sample}" if where else f" in sample {row.sample}"
    return f"{where} ({row.probe})" if row.probe else where


def how_wrong(row: Row) -> str:
    if row.error_abs is not None and row.bound is not None and row.error_abs <= row.bound and row.verdict == "fail":
        ignored = row.cause is not None and row.cause.key == "upstream_ignored"
        return "is right for an upstream gradient of 1 alone" if ignored else "is right in a first call alone"
    if row.value is None:
        return "is not finite"
    if row.error_rel is None:
        return f"is {short(row.value, 3)}, where the truth is 0,"
    return f"is wrong by {share(row.error_rel)}"
