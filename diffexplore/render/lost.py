"""Digits that rounding leaves nothing of: where they are lost, and which form keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.records import LostDigits, Report
from diffexplore.numerals import short
from diffexplore.render.places import place
from diffexplore.writing.blocks import Block, Gap, Heading, Note, Span, Text
from diffexplore.writing.names import candidate_of, is_data, reduced_partial, sample_partial
from diffexplore.writing.numbers import point_text, share

#: Entries that a page shows; the JSON document has all.
_SHOWN = 8


def lost_digits(report: Report) -> Iterator[Block]:
    """A note for each subexpression that loses more than half the digits of a partial."""
    if not report.lost_digits:
        return
    yield Heading("Lost digits", "rounding leaves fewer than half the digits of the dtype")
    for lost in report.lost_digits[:_SHOWN]:
        yield Note(lost_text(lost, report), marker="·")
    if len(report.lost_digits) > _SHOWN:
        yield Note((Span(f"{len(report.lost_digits) - _SHOWN} more", "quiet"),), marker="·")
    yield Gap()


def lost_text(lost: LostDigits, report: Report) -> Text:
    """``∂L/∂a by reverse at a = -40: no digit is certain; expm1(a) + 1 loses them …; exp(a) keeps the digits``."""
    certain = "no digit is certain" if lost.relative is None else f"certain to {share(lost.relative)} only"
    grows = f"its relative error grows from {short(lost.before, 2)} to {short(lost.after, 2)}"
    kept = "no form that keeps them is known here"
    if lost.better is not None:
        kept = f"{lost.better} {'in place of the whole partial ' if lost.whole else ''}keeps the digits"
        kept += f" (to {short(lost.better_relative, 2)})"
    by = "" if candidate_of(report) else f" by {', '.join(lost.methods)}"
    where = ", ".join(filter(None, (place(report, lost.point), point_text(lost.data))))
    return (
        Span(f"{_partial(lost, report)}{by}", "strong"),
        Span(f"{f' at {where}' if where else ''}{_sample(lost)}: {certain}; "),
        Span(lost.subexpression, "doubt"),
        Span(f" {lost.how}: {grows}; {kept}"),
    )


def lost_briefly(lost: LostDigits, report: Report) -> Text:
    """``∂ℓᵢ/∂a by reverse (sample 99): (a*x + b) - y cancels; exp(a) keeps the digits``."""
    by = "" if candidate_of(report) else f" by {lost.methods[0]}"
    kept = "" if lost.better is None else f"; {lost.better} keeps the digits"
    subject = f"{_partial(lost, report)}{by}{_sample(lost)}: "
    return Span(subject), Span(lost.subexpression, "doubt"), Span(f" {lost.how}{kept}")


def _partial(lost: LostDigits, report: Report) -> str:
    if lost.sample is None:
        return reduced_partial(lost.parameter)
    return sample_partial(lost.parameter, candidate_of(report) if is_data(report, lost.parameter) else None)


def _sample(lost: LostDigits) -> str:
    return f" (sample {lost.sample})" if lost.sample is not None else ""
