"""The verdict in one sentence."""

from __future__ import annotations

from diffexplore.checking.records import VALUE, Report
from diffexplore.lists import grouped
from diffexplore.numerals import short
from diffexplore.render.counts import agreement, loss_note, total
from diffexplore.render.failed import failed
from diffexplore.render.places import at_place
from diffexplore.writing.blocks import Headline
from diffexplore.writing.names import WORDS, candidate_of, is_data, kind_of, point_key, reduced_partial, sample_partial
from diffexplore.writing.numbers import counted

#: Powers that a sentence lists: of more, the least and the largest.
_MOST_POWERS = 4

#: Partials that a sentence names.
_NAMED = 2


def headline(report: Report) -> Headline:
    """The verdict line, which opens and closes every page."""
    word, tone = WORDS[report.verdict]
    sentence = {"pass": _passed, "fail": failed, "inconclusive": _undecided}[report.verdict]
    return Headline(word, tone, sentence(report))


def _passed(report: Report) -> str:
    message = agreement(report, _scope(report))
    return f"{message}; {_power(report)}{_by_sub_batch(report)}{loss_note(report)}"


def _undecided(report: Report) -> str:
    if not report.rows:
        return "nothing was compared"
    if not report.summary.undecided:
        return f"not every partial could be decided: {_scope(report)}; no comparison failed"
    questions = [f"{_called(name, report)}{at_place(report, point)}" for name, point in report.summary.undecided]
    reason = open_cause(report)
    why, counts = f": {reason}" if reason else "", f"no comparison failed ({_scope(report)})"
    return f"could not decide {_listed(questions)}{why}; {counts}{loss_note(report)}"


def _listed(items: list[str], most: int = 2) -> str:
    if len(items) <= most:
        return " nor ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def open_cause(report: Report) -> str | None:
    """The message of the one cause of all open questions, which the verdict line says; None where there are several."""
    if report.verdict != "inconclusive":
        return None
    questions = {(name, point_key(point)) for name, point in report.summary.undecided}
    rows = (row for row in report.rows if row.probe is None and (row.sample is None or is_data(report, row.parameter)))
    open_rows = (row for row in rows if (row.parameter, point_key(row.point)) in questions)
    reasons = {row.cause.message for row in open_rows if row.cause is not None}
    return reasons.pop() if len(reasons) == 1 else None


def _called(name: str, report: Report) -> str:
    """A partial that is requested: by data, that of a sample."""
    return sample_partial(name, candidate_of(report)) if is_data(report, name) else reduced_partial(name)


def _scope(report: Report) -> str:
    """How much was compared: ``40 comparisons reduced, 4,000 by sample, 10 by probe``; without data, no reduction."""
    reduced = "reduced" if report.loss.data else ""
    totals = {reduced: 0, "by sample": 0, "by probe": 0}
    for tally in report.summary.tallies:
        words = {"reduced": reduced, "samples": "by sample"}.get(tally.kind, "by probe")
        totals[words] += total(tally)
    parts = [(count, words) for words, count in totals.items() if count]
    nouns = ["comparison", *[""] * len(parts)]
    numbers = (f"{counted(count, noun)} {words}".rstrip() for (count, words), noun in zip(parts, nouns, strict=False))
    message = ", ".join(numbers) or "no comparisons"
    left = report.summary.inconclusive
    return f"{message}, {counted(left)} of them inconclusive" if left else message


def _power(report: Report) -> str:
    known = {name: power for name, power in report.summary.power.items() if power is not None}
    if not known:
        return "the truth is 0, so the power is stated in absolute terms below"
    if len(known) > _MOST_POWERS:
        known = {name: known[name] for name in (min(known, key=known.__getitem__), max(known, key=known.__getitem__))}
    between = " to " if len(known) < len(report.summary.power) else ", "
    stated = between.join(f"{short(power, upward=True) if power else 'any'} ({name})" for name, power in known.items())
    return f"smallest relative error that would be caught: {stated}"


def _by_sub_batch(report: Report) -> str:
    """Which partials no comparison over the whole batch settled, in a report that passed."""
    rows = [row for row in report.rows if kind_of(row) == "reduced" and row.parameter != VALUE]
    by_question = grouped(rows, lambda row: (row.parameter, point_key(row.point))).values()
    left = [rows[0] for rows in by_question if all(row.verdict != "pass" for row in rows)]
    names = [f"{reduced_partial(row.parameter)}{at_place(report, row.point, digits=4)}" for row in left[:_NAMED]]
    message = f"{len(left)} of these partials" if len(left) > _NAMED else " and ".join(names)
    return f"; on sub-batches only: {message}" if left else ""
