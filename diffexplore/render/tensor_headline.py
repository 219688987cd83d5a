"""The verdict on a function of tensors, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diffexplore.lists import listed
from diffexplore.numerals import distinct, short
from diffexplore.tensors.records import TensorReport, TensorRow
from diffexplore.typography import with_minus
from diffexplore.writing.blocks import Headline
from diffexplore.writing.names import WORDS
from diffexplore.writing.numbers import counted

#: Gradients that a sentence names before it counts them.
_LISTED = 3

#: A longer cause stands below the sentence.
LONGEST_CAUSE = 160

#: The cause of a gradient that there is none of: its message is a sentence of its own.
RAISES = "raises"

#: Causes that say no more than the numbers beside them do.
SHOWN_BY_NUMBERS = ("exceeds_bound",)


def headline(report: TensorReport) -> Headline:
    """The verdict line, which opens every page."""
    word, tone = WORDS[report.verdict]
    if report.verdict == "fail" and worst_first(report)[0].estimated:
        word += " (estimated truth)"
    sentence = {"pass": _passed, "fail": _failed, "inconclusive": _undecided}[report.verdict]
    return Headline(word, tone, sentence(report))


def worst_first(report: TensorReport) -> list[TensorRow]:
    """The rows: those that fail, then those that are undecided, the largest errors first, and those without numbers."""
    rank = {"fail": 0, "inconclusive": 1, "pass": 2}

    def order(row: TensorRow) -> tuple[int, bool, float, float]:
        return rank[row.verdict], not row.entries.total, -(row.error_ulp or 0.0), -(row.error_abs or 0.0)

    return sorted(report.rows, key=order)


def called(row: TensorRow, report: TensorReport) -> str:
    """``x``, with what tells it from other rows by the same input: the output, the dtype; ``(x, y)`` of order 2."""
    name = row.input
    if report.order > 1:
        name = f"({row.output.removeprefix('gradient by ')}, {name})"
    elif any(other.output != row.output for other in report.rows):
        name = f"{row.output} by {name}"
    return f"{name} ({row.dtype})" if row.dtype != report.dtype else name


def spoken(row: TensorRow, report: TensorReport) -> str:
    """``by x``, or ``of output 1 by x`` where there are several outputs."""
    name = called(row, report)
    return f"of {name}" if name.startswith(f"{row.output} by ") else f"by {name}"


def noun(report: TensorReport) -> str:
    """What is compared."""
    return "gradient" if report.order == 1 else "second derivative"


def entry_text(row: TensorRow) -> str:
    """``[2, 3]``, or the direction that was tried; empty for a number."""
    return f"[{', '.join(map(str, row.entry))}]" if row.entry else row.probe or "" if row.entry is None else ""


def stated_cause(report: TensorReport) -> str | None:
    """The message of the cause that the sentence says."""
    rows = [row for row in worst_first(report) if row.verdict != "pass"]
    return _stated(rows[0]) if rows else None


def _stated(row: TensorRow) -> str | None:
    if row.cause is None or row.cause.key in SHOWN_BY_NUMBERS:
        return None
    if row.entries.total and len(row.cause.message) > LONGEST_CAUSE:
        return None
    return row.cause.message


def same_cause(row: TensorRow, other: TensorRow) -> bool:
    """Whether two gradients are wrong in the same way, as far as their causes say."""
    if row.cause is None or other.cause is None or row.cause.key in SHOWN_BY_NUMBERS:
        return (row.cause is None) == (other.cause is None)
    if row.cause.key != other.cause.key:
        return False
    messages = without_precision(row.cause.message), without_precision(other.cause.message)
    return row.cause.key == "unexplained" or messages[0] == messages[1]


def without_precision(message: str) -> str:
    """A message without how well a number in it is known, which differs from gradient to gradient."""
    return re.sub(r" \(± [^)]*\)", "", message)


def in_short(report: TensorReport) -> str:
    """The verdict in few words, so that the cause of a failure is seen in one line or two."""
    rows = [row for row in worst_first(report) if row.verdict == report.verdict]
    if report.verdict == "pass":
        caught = f"; {_caught(report)}" if any(row.smallest_detectable is not None for row in rows) else ""
        noted = f" ({counted(len(report.notes), 'note')}, which its own report has)" if report.notes else ""
        right = counted(report.summary.passed, "entry", "entries")
        return f"{right} right{caught.partition(', and')[0]}{_left_open(report)}{noted}"
    if not rows or not rows[0].entries.total:
        return headline(report).sentence.removeprefix(f"{report.function}: ")
    counts, cause = rows[0].entries, rows[0].cause
    alike = [row for row in rows if same_cause(row, rows[0])]
    others = [row for row in rows if row not in alike]
    beside = f"; {_listed(others, report)} {'wrong' if counts.failed else 'undecided'}, too" if others else ""
    many = f"{counted(counts.failed or counts.inconclusive)} of {counted(counts.total, 'entry', 'entries')}"
    where = f"{_listed(alike, report)}, {many} {'wrong' if counts.failed else 'undecided'}"
    worded = cause is not None and cause.key not in SHOWN_BY_NUMBERS
    return with_minus(f"{where}: {cause.message if cause and worded else _numbers(rows[0]).partition(';')[0]}{beside}")


def _passed(report: TensorReport) -> str:
    caught = f"; {_caught(report)}" if any(row.smallest_detectable is not None for row in report.rows) else ""
    what = f"{_gradients(report.rows, report)} {'is' if len(report.rows) == 1 else 'are'} right"
    count = counted(report.summary.passed, "entry", "entries")
    return f"{report.function}: {what}{_against(report)}, {count}{caught}{_left_open(report)}"


def _left_open(report: TensorReport) -> str:
    left = report.summary.inconclusive
    return f"; {counted(left, 'entry', 'entries')} undecided" if left else ""


def _caught(report: TensorReport) -> str:
    """The relative error that would be caught: in every entry, and in half of them where that is another number."""
    rows = [row for row in report.rows if row.smallest_detectable is not None]
    worst = max(row.smallest_detectable or 0.0 for row in rows)
    middle = max(row.smallest_detectable_median or 0.0 for row in rows)
    if not worst:
        return "any error would be caught"
    stated = f"a relative error of {short(worst, upward=True)} would be caught"
    return stated if worst < 4 * middle else f"{stated}, and of {short(middle, upward=True)} in half of the entries"


def _failed(report: TensorReport) -> str:
    rows = worst_first(report)
    first = rows[0]
    assert first.cause is not None
    if not first.entries.total:  # what is wrong is how it is called, and not a number
        return first.cause.message if first.cause.key == RAISES else f"{report.function}: {first.cause.message}"
    others = [row for row in rows[1:] if row.verdict == "fail" and row.entries.total]
    alike = [row for row in others if same_cause(row, first)]
    different = [row for row in others if row not in alike]
    also = f"; so {'is that' if len(alike) == 1 else 'are those'} {_listed(alike, report)}" if alike else ""
    if different:
        that, are = ("that", "is") if len(different) == 1 else ("those", "are")
        also += f"; {that} {_listed(different, report)} {are} wrong, too"
    stated = _stated(first)
    reason = f": {stated}" if stated else ""
    return with_minus(
        f"{report.function}: the {noun(report)} {spoken(first, report)} is wrong ({_numbers(first)}){reason}{also}"
    )


def _numbers(row: TensorRow) -> str:
    """``−4.146 at [0, 4], should be 4.747; 128 of 128 entries``."""
    where = f" at {entry_text(row)}" if row.entry else f" along {row.probe}" if row.entry is None and row.probe else ""
    truth = None if row.truth is None else float(row.truth.mid)
    value, right = distinct((row.value, truth), range(4, 18))
    value, should = "not finite" if row.value is None else value, "" if truth is None else f", should be {right}"
    counts = row.entries
    return f"{value}{where}{should}; {counted(counts.failed)} of {counted(counts.total, 'entry', 'entries')}"


def _undecided(report: TensorReport) -> str:
    if not report.rows and report.skipped:
        return f"{report.function}: nothing was compared: {report.skipped[0].reason}"
    rows = [row for row in worst_first(report) if row.verdict == "inconclusive"]
    if not report.summary.passed and not any(row.entries.total or row.cause for row in rows):
        empty = " and ".join(dict.fromkeys(f"{row.input} is {'×'.join(map(str, row.shape))}" for row in report.rows))
        return f"{report.function}: nothing was compared, as {empty}: pass inputs that have elements"
    stated = _stated(rows[0])
    return f"{report.function}: could not decide {_gradients(rows, report)}{f': {stated}' if stated else ''}"


def _gradients(rows: Sequence[TensorRow], report: TensorReport) -> str:
    return f"the {noun(report)}{'' if len(rows) == 1 else 's'} {_listed(rows, report)}"


def _listed(rows: Sequence[TensorRow], report: TensorReport) -> str:
    names = list(dict.fromkeys(spoken(row, report) for row in rows))
    names = [names[0], *(name.removeprefix("by ") for name in names[1:])]
    if len(names) > _LISTED:
        return f"{', '.join(names[: _LISTED - 1])} and {len(names) - _LISTED + 1} more"
    return listed(names)


def _against(report: TensorReport) -> str:
    if report.reference is not None:
        return f" (against {report.reference})"
    return " as far as differences tell" if report.truth == "estimated" else ""
