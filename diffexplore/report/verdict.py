"""The verdict in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from diffexplore.check.records import VALUE, Report, Row
from diffexplore.methods import spoken
from diffexplore.numerals import short
from diffexplore.report.blocks import Headline
from diffexplore.report.counts import agreement, loss_note, total
from diffexplore.report.names import (
    WORDS,
    PointKey,
    candidate_of,
    entry_of_gradient,
    is_data,
    kind_of,
    partial_of,
    point_key,
    reduced_partial,
    sample_partial,
    subject_of,
)
from diffexplore.report.numbers import counted, point_text
from diffexplore.report.places import at_place, place
from diffexplore.report.wrong import how_wrong, where, worst_failures

#: A partial at a point.
_Question = tuple[str, PointKey]


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
        return f"{_no_number(first, report, also)}; {counts}"
    wrong = f"{how_wrong(first)}{where(first, report)}{also}: {counts}"
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


def _no_number(row: Row, report: Report, also: str) -> str:
    """``reverse mode computes NaN for ∂L/∂a at d = 0 (sample 0), where the truth is 0.25: why; what to write``.

    ``also`` says what else failed.
    """
    assert row.cause is not None
    fields, candidate = row.cause.fields, candidate_of(report)
    if row.parameter == VALUE and not candidate:
        what = f"the loss itself computes to {fields['value']}"
    else:
        by = subject_of(candidate) if candidate else spoken(row.method)
        what = f"{by} computes {fields['value']} for {partial_of(row, candidate)}"
    truth = f", where the truth is {short(float(row.truth.mid), 6)}" if row.truth else ""
    why = [fields.get("backward_operation") or fields.get("operation"), fields.get("remedy")]
    reason = "; ".join(words for words in why if words)
    return f"{what}{_place(row, report)}{truth}{also}{': ' + reason if reason else ''}"


def _place(row: Row, report: Report) -> str:
    """`` at a = 1, d = 0 (sample 0)``: the point, and the data of the sample that makes the NaN."""
    fields = row.cause.fields if row.cause else {}
    sample, parts = fields.get("sample"), (place(report, row.point), point_text(fields.get("data", {})))
    said = f" at {', '.join(filter(None, parts))}" if any(parts) else ""
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
        if row.cause is not None
        and row.probe is None
        and (row.parameter, point_key(row.point)) in questions
        and (row.sample is None or is_data(report, row.parameter))
    }
    return f": {reasons.pop()}" if len(reasons) == 1 else ""


def _without_a_pass(report: Report) -> dict[_Question, str]:
    """The partials and points that no comparison with the reduction settled, and how they are called."""
    return {
        (name, point_key(point)): f"{_called(name, report)}{at_place(report, point)}"
        for name, point in report.summary.undecided
    }


def _called(name: str, report: Report) -> str:
    """A partial that is asked for: by data, that of a sample."""
    if not is_data(report, name):
        return reduced_partial(name)
    return entry_of_gradient(name) if candidate_of(report) else sample_partial(name)


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
        if kind_of(row) == "reduced" and row.parameter != VALUE:
            question = row.parameter, point_key(row.point)
            asked[question] = f"{reduced_partial(row.parameter)}{at_place(report, row.point, digits=4)}"
            passed |= {question} if row.verdict == "pass" else set()
    names = [name for question, name in asked.items() if question not in passed]
    if not names:
        return ""
    return f"; on sub-batches only: {' and '.join(names) if len(names) <= 2 else f'{len(names)} of these partials'}"
