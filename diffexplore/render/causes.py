"""What was not compared, and why: each cause stated once, and referred to from the tables by number."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from diffexplore.checking.records import Cause, Report, Row
from diffexplore.writing.blocks import Block, Gap, Heading, Note, Span, Text, text
from diffexplore.writing.numbers import counted

#: Reasons that one screen has room for.
_MOST = 4

_NOTHING = Note(text("Nothing was skipped, and every comparison could be decided."))


class Footnotes:
    """Numbers for the causes of inconclusive rows, each wording once, in order of appearance in the report."""

    def __init__(self, report: Report) -> None:
        found: dict[str, Cause] = {}
        for row in report.rows:
            if row.verdict == "inconclusive" and row.cause is not None:
                found.setdefault(row.cause.message, row.cause)
        self.causes = tuple(found.values())
        self._numbers = {message: number for number, message in enumerate(found, start=1)}

    def verdict(self, row: Row) -> Text:
        """The cell of a row's verdict: ``pass``, ``FAIL``, ``inconclusive [1]``."""
        if row.verdict == "pass":
            return text("pass", "good")
        if row.verdict == "fail":
            return text("FAIL", "bad")
        number = self._numbers.get(row.cause.message) if row.cause else None
        return text(f"inconclusive [{number}]" if number else "inconclusive", "doubt")

    def marker(self, cause: Cause) -> str:
        """``[1]``, which stands for a cause."""
        return f"[{self._numbers[cause.message]}]"


def not_compared(report: Report, footnotes: Footnotes) -> Iterator[Block]:
    """Skipped methods and inconclusive comparisons, with their reasons."""
    notes = [*_skipped(report), *_inconclusive(report, footnotes, set())]
    if notes:
        yield Heading("Not compared, and why")
    yield from notes or [_NOTHING]
    yield Gap()


def not_compared_briefly(
    report: Report, footnotes: Footnotes, stated: AbstractSet[str], *, sparing: bool = False
) -> Iterator[Block]:
    """The same without a heading, and without the causes whose messages are ``stated`` already.

    ``sparing`` names the skipped methods in one line, without the reason of each.
    """
    notes = [*(_skipped_together(report) if sparing else _skipped(report)), *_inconclusive(report, footnotes, stated)]
    yield from notes[:_MOST]
    if len(notes) > _MOST:
        yield Note(text(f"{counted(len(notes) - _MOST, 'other reason')} beside", "quiet"), "·")
    if not notes and not stated:
        yield _NOTHING


def _skipped(report: Report) -> Iterator[Note]:
    for skip in report.skipped:
        yield Note((Span(skip.method, "strong"), Span(f" was skipped: {skip.reason}")), marker="·")


def _skipped_together(report: Report) -> Iterator[Note]:
    names = ", ".join(dict.fromkeys(skip.method for skip in report.skipped))
    if names:
        yield Note((Span("skipped: "), Span(names, "strong")), marker="·")


def _inconclusive(report: Report, footnotes: Footnotes, stated: AbstractSet[str]) -> Iterator[Note]:
    for number, cause in enumerate(footnotes.causes, start=1):
        if cause.message in stated:
            continue
        shares_its_count = sum(other.key == cause.key for other in footnotes.causes) > 1
        count = None if shares_its_count else report.summary.causes.get(cause.key)
        yield _cause(cause.message, count, f"[{number}]")
    explained = {row.cause.key for row in report.rows if row.cause is not None}
    for key, count in report.summary.causes.items():
        if key not in explained:
            yield _cause(key.replace("_", " "), count, "·")


def _cause(message: str, count: int | None, marker: str) -> Note:
    how_many = f"{counted(count)} inconclusive: " if count is not None else "inconclusive: "
    return Note((Span(how_many, "doubt"), Span(message)), marker)
