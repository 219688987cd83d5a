"""The sentence of a report that failed: what is wrong, by which numbers, where, why, and what is right."""

from __future__ import annotations

import re
from decimal import Decimal

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.lists import grouped, listed, shortened
from diffexplore.methods import spoken
from diffexplore.numerals import decimal_of, distinct, short
from diffexplore.render.places import place
from diffexplore.render.wrong import is_right_by_itself, where, worst_failures
from diffexplore.typography import with_minus
from diffexplore.writing.names import candidate_of, partial_of, subject_of
from diffexplore.writing.numbers import counted, digits_of, point_text

#: Digits in which a value is set beside the truth: so many, or as many as tell them apart.
_DIGITS = 3

#: A longer cause is stated up to where its first part ends, and completely below the headline.
_LONGEST_CAUSE = 220

#: Partials and methods that a sentence lists before it counts them.
_LISTED = 3

#: Causes that say no more than the two numbers do.
_SHOWN_BY_NUMBERS = ("exceeds_bound",)


def failed(report: Report) -> str:
    """``mine: ∂L/∂a is wrong (−8.59, should be 0.618, at a = 2.5, b = 1): why; ∂L/∂b is right``."""
    first, candidate = worst_failures(report)[0], candidate_of(report)
    loss_is = _consistent(first, report)
    if loss_is and candidate:
        name = "" if candidate in ("loss", "candidate") else f" {candidate}"
        return f"your loss{name} is {loss_is}; its gradient agrees with it"
    if first.is_nan:
        return f"{_no_number(first, report)}{_others(first, report)}"
    cause = _cause(first)
    return f"{_subject(first, report)}{_wrong(first, report)}{f': {cause}' if cause else ''}{_others(first, report)}"


def stated_causes(report: Report) -> set[str]:
    """The messages of causes that the sentence says completely, which need no saying again."""
    if report.verdict != "fail":
        return set()
    first = worst_failures(report)[0]
    if _consistent(first, report):
        return {row.cause.message for row in report.rows if row.cause is not None and "loss_is" in row.cause.fields}
    if first.is_nan or first.cause is None or _cause(first) != first.cause.message:
        return set()
    return {first.cause.message, *_follow(first, report)}


def _follow(first: Row, report: Report) -> set[str]:
    """What an unexplained value of the loss says, where a partial has a cause: that its value is wrong too."""
    if first.parameter == VALUE or first.cause is None or first.cause.key == "unexplained":
        return set()
    unexplained = [row for row in report.rows if row.cause is not None and row.cause.key == "unexplained"]
    partials = {row.cause.message for row in unexplained if row.cause and row.parameter != VALUE}
    return {row.cause.message for row in unexplained if row.cause} - partials


def _consistent(row: Row, report: Report) -> str | None:
    """What the candidate's loss is, where its gradient is wrong only as its loss is."""
    failing = (other for other in report.rows if other.verdict == "fail")
    if row.cause is None or not all(other.cause is not None and "loss_is" in other.cause.fields for other in failing):
        return None
    return str(row.cause.fields["loss_is"])


def _subject(row: Row, report: Report) -> str:
    """Whose number it is, and what it should be where that is not the gradient itself."""
    candidate = candidate_of(report)
    if candidate is None:
        of_value = f"{report.loss.program} does not compute the loss that was read from it: "
        return of_value if row.parameter == VALUE else f"{row.method}: "
    if row.parameter == VALUE:
        return f"{subject_of(candidate)} does not compute this loss: "
    double = " does not give the second derivatives by its double backward" if row.of is not None else ""
    return f"{subject_of(candidate)}{double}: "


def _wrong(row: Row, report: Report) -> str:
    """``∂L/∂a is wrong (−8.59, should be 0.618, at a = 2.5, b = 1)``."""
    name = partial_of(row, candidate_of(report))
    there = with_minus(where(row, report))
    right = is_right_by_itself(row)
    if right is not None:
        return f"{name} {right}{there}"
    value, truth = _beside(row, report.dtype)
    return f"{name} is wrong ({value}, should be {truth}{',' if there else ''}{there})"


def _beside(row: Row, dtype: str) -> tuple[str, str]:
    """The value and the truth in as few digits as distinguish them."""
    if row.value is None or row.truth is None:
        return "not finite", short(float(row.truth.mid), _DIGITS) if row.truth else "a number"
    value, truth = distinct(
        (decimal_of(row.value), decimal_of(row.truth.mid)), range(_DIGITS, digits_of(dtype) + 1), _written
    )
    return value, truth


def _written(number: Decimal, digits: int) -> str:
    if not -5 < number.adjusted() < 7 or not number:
        return with_minus(short(number, digits)) if number else "0"
    return with_minus(f"{number:.{max(0, digits - 1 - number.adjusted())}f}")


def _cause(row: Row) -> str:
    """The cause in one clause; nothing where the numbers say it."""
    if row.cause is None or row.cause.key in _SHOWN_BY_NUMBERS:
        return ""
    message = with_minus(row.cause.message)
    if len(message) <= _LONGEST_CAUSE:
        return message
    return shortened(re.split(r"; | \(", message, maxsplit=1)[0], _LONGEST_CAUSE)


def _others(first: Row, report: Report) -> str:
    """What else is wrong, and what is right."""
    candidate = candidate_of(report)
    names: dict[str, list[str]] = {"wrong": [], "right": []}
    for name, rows in _by_partial(report, None if candidate else first.method).items():
        if (rows[0].parameter, rows[0].of) == (first.parameter, first.of):
            continue
        if any(row.verdict == "fail" for row in rows):
            names["wrong"].append(name)
        elif all(row.verdict == "pass" for row in rows):
            names["right"].append(name)
    message = "".join(
        f"; {_listed(found)} {'is' if len(found) == 1 else 'are'} {word}" for word, found in names.items() if found
    )
    message = message.replace(" wrong", " wrong too", 1) if names["wrong"] else message
    methods = list(dict.fromkeys(row.method for row in report.rows if row.verdict == "fail"))
    if candidate is None and len(methods) > 1:
        others = [method for method in methods if method != first.method]
        message += f"; {_listed(others, 'other methods')} {'fails' if len(others) == 1 else 'fail'} too"
    return message


def _by_partial(report: Report, method: str | None) -> dict[str, list[Row]]:
    """The rows of each partial, of one method where it is given; it is called as it is where it is reduced."""
    rows = (row for row in report.rows if row.method == (method or row.method) and row.parameter != VALUE)
    found = grouped((row for row in rows if row.probe is None), lambda row: (row.parameter, row.of)).values()
    called = (min(rows, key=lambda row: row.sample is not None) for rows in found)
    return {partial_of(row, candidate_of(report)): rows for row, rows in zip(called, found, strict=True)}


def _listed(names: list[str], plural: str = "other partials") -> str:
    return f"{counted(len(names))} {plural}" if len(names) > _LISTED else listed(names)


def _no_number(row: Row, report: Report) -> str:
    """``reverse mode computes NaN for ∂L/∂a at d = 0 (sample 0), where the truth is 0.25: why; what to write``."""
    assert row.cause is not None
    fields, candidate = row.cause.fields, candidate_of(report)
    if row.parameter == VALUE and not candidate:
        what = f"the loss itself computes to {fields['value']}"
    else:
        by = subject_of(candidate) if candidate else spoken(row.method)
        what = f"{by} computes {fields['value']} for {partial_of(row, candidate)}"
    truth = f", where the truth is {with_minus(short(float(row.truth.mid), 6))}" if row.truth else ""
    forward, backward = fields.get("operation"), fields.get("backward_operation")
    made = forward if forward and forward.endswith("= NaN") else backward or forward  # a NaN only goes on from there
    reason = with_minus("; ".join(words for words in (made, fields.get("remedy")) if words))
    return f"{what}{with_minus(_place(row, report))}{truth}{': ' + reason if reason else ''}"


def _place(row: Row, report: Report) -> str:
    """`` at a = 1, d = 0 (sample 0)``: the point, and the data of the sample that makes the NaN."""
    fields = row.cause.fields if row.cause else {}
    sample, parts = fields.get("sample"), (place(report, row.point), point_text(fields.get("data", {})))
    message = f" at {', '.join(filter(None, parts))}" if any(parts) else ""
    if sample is not None and row.probe is None:
        message += f" (sample {sample})"
    return f"{message} ({row.probe})" if row.probe else message
