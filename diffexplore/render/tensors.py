"""What a reader of a check of tensors sees: the verdict, the causes, a line for each gradient."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from diffexplore.numerals import ABSENT, beside_bound, short
from diffexplore.render.tensor_headline import (
    SHOWN_BY_NUMBERS,
    called,
    entry_text,
    headline,
    in_short,
    noun,
    stated_cause,
    without_precision,
    worst_first,
)
from diffexplore.render.terminal import Drawing, plain_text
from diffexplore.tensors.records import TensorReport, TensorReports, TensorRow
from diffexplore.typography import speaks_mathematics, with_minus
from diffexplore.writing.blocks import Block, Column, Gap, Headline, Note, Span, Table, Text, text
from diffexplore.writing.names import WORDS
from diffexplore.writing.numbers import counted, in_ulps, ulp_at

#: Rows and causes that one screen has room for, and what an assertion says in 25 lines of 80 columns.
_ROWS, _CAUSES, _NOTES = 12, 5, 4
_WIDTH, _LINES = 80, 25

#: So many rows are tried, until a screen has room for them.
_FEWER = (_ROWS, 9, 6, 4, 3, 2, 1)

#: A longer name, index or cause is cut, from the left and from the right, unless everything is shown.
_LONGEST_NAME, _LONGEST_CAUSE = 22, 400

_COUNTED = {"fail": "fail", "inconclusive": "undecided", "pass": "pass"}


def outline(report: TensorReport, *, full: bool = False) -> Iterator[Block]:
    """The blocks of a report, on one screen of 25 lines of 80 columns; ``full`` has every row and every cause."""
    if full:
        yield from _outline(report, None)
        return
    for most in _FEWER:
        blocks = tuple(_outline(report, most))
        if len(plain_text(Drawing(blocks, False), _WIDTH).splitlines()) <= _LINES:
            break
    yield from blocks


def _outline(report: TensorReport, most: int | None) -> Iterator[Block]:
    """The blocks, with so many rows, and no more causes and remarks; all of them where that is None."""
    yield headline(report)
    rows = worst_first(report)
    stated = stated_cause(report)
    wrong = [row for row in rows if row.verdict != "pass"]
    yield from _causes(wrong, report, stated, None if most is None else min(most, _CAUSES))
    shown = rows[:most]
    yield from _table(shown, report)
    if len(rows) > len(shown):
        others = counted(len(rows) - len(shown), f"other {noun(report)}")
        yield Note(text(f"and {others}{_all_pass(rows[len(shown) :])}", "quiet"))
    yield from _remarks(report, None if most is None else min(most, _NOTES))


def failure_text(report: TensorReport, *, ascii: bool | None = None) -> str:
    """What an assertion says: at most 25 lines of 80 columns, whatever the shapes."""
    plain = not speaks_mathematics(getattr(sys.stdout, "encoding", None) or "utf-8") if ascii is None else ascii
    for most in _FEWER:
        lines = plain_text(Drawing(tuple(_short(report, most)), plain), _WIDTH).splitlines()
        if len(lines) <= _LINES:
            return "\n".join(lines)
    return "\n".join([*lines[: _LINES - 1], "..."])


def _short(report: TensorReport, most: int) -> Iterator[Block]:
    rows = [row for row in worst_first(report) if row.verdict == report.verdict]
    yield headline(report)
    yield from _causes(rows, report, stated_cause(report), min(most, _CAUSES))
    yield from _table(rows[:most], report)
    if len(rows) > most:
        yield Note(text(f"and {counted(len(rows) - most, f'other {noun(report)}')}"))
    if report.truth == "estimated":
        yield Note(text(report.notes[0]), marker="·")
    yield Gap()
    yield Note(text(f"again: the same call with seed={report.seed}, in {report.dtype} on {report.device}"))


def _causes(rows: Sequence[TensorRow], report: TensorReport, stated: str | None, most: int | None) -> Iterator[Note]:
    """Causes that the verdict line has not stated, each once, with the gradients that have it."""
    caused = [(row, row.cause) for row in rows if row.cause is not None and row.cause.key not in SHOWN_BY_NUMBERS]
    named = len({row.input for row, _ in caused}) > 1
    different = {
        without_precision(cause.message): f"{called(row, report)}: {cause.message}"
        if named and row.entries.total
        else cause.message
        for row, cause in reversed(caused)
    }
    messages = [message for key, message in reversed(different.items()) if key != without_precision(stated or "")]
    for message in messages[:most]:
        cut = message if most is None or len(message) <= _LONGEST_CAUSE else message[: _LONGEST_CAUSE - 1] + "…"
        yield Note(text(with_minus(cut)), marker="·")
    if most is not None and len(messages) > most:
        yield Note(text(f"{counted(len(messages) - most, 'other cause')} beside"), marker="·")


def _table(rows: Sequence[TensorRow], report: TensorReport) -> Iterator[Block]:
    """A line for each gradient that has numbers; values beside the truth where something does not pass."""
    rows = [row for row in rows if row.entries.total or row.verdict != "fail"]
    if not rows:
        return
    wrong = any(row.verdict != "pass" for row in rows)
    in_ulp = any(row.error_ulp is not None for row in rows) or all(row.error_abs is None for row in rows)
    unit = "ulp" if in_ulp else "absolute"
    numbers = (Column("value"), Column("should be")) if wrong else ()
    name = "gradient by" if report.order == 1 else "by"
    columns = (
        Column(name, align="left", flexible=True), Column("shape", align="left"),
        Column("entries", align="left"), Column("worst", align="left"), *numbers,
        Column("error", unit), Column("allowed", unit), *(() if wrong else (Column("catches", "relative"),)),
    )  # fmt: skip
    yield Gap()
    yield Table(columns, tuple(_cells(row, report, wrong=wrong, in_ulp=in_ulp) for row in rows))


def _cells(row: TensorRow, report: TensorReport, *, wrong: bool, in_ulp: bool) -> tuple[Text, ...]:
    mid = None if row.truth is None else float(row.truth.mid)
    ulp = ulp_at(row.truth, row.real_dtype) if row.error_ulp is not None else None
    sizes = (row.error_ulp, in_ulps(row.allowed, ulp)) if in_ulp else (row.error_abs, row.allowed)
    error, allowed = beside_bound(*sizes)
    return (
        text(_cut(called(row, report))),
        text(_cut_within("×".join(map(str, row.shape)) or "number")),
        _entries(row),
        text(_cut_within(entry_text(row))),
        *((text(_value(row.value)), text(_value(mid))) if wrong else ()),
        text(error if row.error_abs else "0" if row.error_abs == 0 else ABSENT),
        text(allowed),
        *(() if wrong else (text(_power(row)),)),
    )


def _power(row: TensorRow) -> str:
    """Relative, or absolute where the truth of every entry is 0; any error at all, where nothing rounds."""
    if row.smallest_detectable is not None:
        return short(row.smallest_detectable, upward=True) if row.smallest_detectable else "any"
    absolute = row.smallest_detectable_abs
    return f"{short(absolute, upward=True)} abs" if absolute else "any" if absolute == 0 else ABSENT


def _value(number: float | None) -> str:
    return with_minus(short(number, 5)) if number is not None else ABSENT


def _entries(row: TensorRow) -> Text:
    """``128``, ``3/128 FAIL``, ``2/128 open``."""
    counts = row.entries
    if counts.failed:
        return text(f"{counted(counts.failed)}/{counted(counts.total)} FAIL", "bad")
    if row.verdict == "fail":
        return text("FAIL", "bad")
    if counts.inconclusive:
        return text(f"{counted(counts.inconclusive)}/{counted(counts.total)} open", "doubt")
    return text(counted(counts.total))


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]


def _cut_within(shape: str) -> str:
    """A shape or an index, of many axes with both ends."""
    half = _LONGEST_NAME // 2
    return shape if len(shape) <= _LONGEST_NAME else f"{shape[: half - 1]}…{shape[-half:]}"


def _all_pass(rows: Sequence[TensorRow]) -> str:
    return ", which pass" if all(row.verdict == "pass" for row in rows) else ""


def _remarks(report: TensorReport, most: int | None) -> Iterator[Note]:
    """Entries that were left out, outputs that were skipped, and what else there is to know."""
    left = [row for row in report.rows if row.verdict == "pass" and row.entries.inconclusive]
    found = [_left_out(row, report) for row in left]
    found += [_as_zero(row, report) for row in report.rows if row.entries.zeros and row.smallest_detectable is not None]
    found += [f"{skip.method}: {skip.reason}" for skip in report.skipped]
    found += report.notes
    for remark in found[:most]:
        yield Note(text(remark, "quiet"), marker="·")
    if most is not None and len(found) > most:
        yield Note(text(f"and {counted(len(found) - most, 'other remark')}", "quiet"), marker="·")


def _left_out(row: TensorRow, report: TensorReport) -> str:
    counts = row.entries
    at_kinks, hidden = "at a kink, a tie or a singularity of the forward", "where rounding hides the gradient"
    at_kinks = f"where numbers overflow, or {at_kinks}" if counts.overflows else at_kinks
    rounded = counts.inconclusive - counts.kinks
    both = f": {counted(counts.kinks)} {at_kinks}, {counted(rounded)} {hidden}"
    why = both if counts.kinks and rounded else f", {at_kinks if counts.kinks else hidden}"
    return f"{called(row, report)}: {counted(counts.inconclusive, 'entry', 'entries')} undecided{why}"


def _as_zero(row: TensorRow, report: TensorReport) -> str:
    """Of an entry that is nothing beside the bounds no relative error can be told."""
    many = row.entries.zeros
    counts = f"{counted(many, 'entry', 'entries')} {'counts' if many == 1 else 'count'} as 0"
    caught = short(row.smallest_detectable_abs or 0.0, upward=True)
    return f"{called(row, report)}: {counts}: an error of {caught} would be caught there, a smaller one might not"


def blocks_of(result: TensorReport | TensorReports, *, full: bool = False) -> Iterator[Block]:
    """The blocks of one check, or a line for each of several, the worst first."""
    if isinstance(result, TensorReport):
        yield from outline(result, full=full)
        return
    yield first_of(result)
    yield Gap()
    for name, report in result.checks:
        word, tone = WORDS[report.verdict]
        sentence = headline(report).sentence.removeprefix(f"{report.function}: ") if full else in_short(report)
        yield Note((Span(word, tone), Span(f"  {name}: {sentence}")))
    for name, reason in result.refused:
        yield Note((Span("REFUSED", "doubt"), Span(f"  {name}: {reason}")))
    if result.unchecked:
        yield Note((Span(f"not checked, without sample_inputs: {', '.join(result.unchecked)}", "quiet"),))


def first_of(result: TensorReport | TensorReports) -> Headline:
    """The answer."""
    if isinstance(result, TensorReport):
        return headline(result)
    word, tone = WORDS[result.verdict]
    counts = result.to_dict()["summary"]
    counts_in_words = [f"{counted(counts[key])} {verb}" for key, verb in _COUNTED.items() if counts[key]]
    return Headline(word, tone, f"of {counted(len(result.checks), 'function')} {', '.join(counts_in_words)}")


def title_of(result: TensorReport | TensorReports) -> str:
    """The function, or how many there are."""
    return result.function if isinstance(result, TensorReport) else counted(len(result.checks), "function")
