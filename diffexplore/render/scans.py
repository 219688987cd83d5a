"""The scans of a report: a figure for each partial."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest

from diffexplore.checking.records import Report
from diffexplore.writing.blocks import Block, Gap, Note, Picture, text
from diffexplore.writing.numbers import counted

#: Lines of the figures that one screen shows, by how many there are, without what their markers stand for.
_LINES = (15, 10)


def scans(report: Report) -> Iterator[Block]:
    """Their figures, each with what is to be seen in it."""
    for scan in report.scans:
        for figure in scan.figures():
            yield Picture(figure)
            yield Note(text(figure.caption, "quiet"))
            yield Gap()


def scans_briefly(report: Report, most: int = len(_LINES)) -> Iterator[Block]:
    """The first ``most`` figures on one screen, of every scan one before any has a second."""
    from diffexplore.scanning.scan_figure import where_of

    by_scan = [[(scan, figure) for figure in scan.figures()] for scan in report.scans]
    found = [pair for pair in chain.from_iterable(zip_longest(*by_scan)) if pair is not None]
    shown = found[: max(1, most)]
    for position, (scan, figure) in enumerate(shown):
        if position == 0 or scan is not shown[0][0]:
            yield Note(text(where_of(scan), "quiet"))
        yield Picture(figure, _LINES[len(shown) - 1], dense=True)
    if len(found) > len(shown):
        yield Note(text(f"and {counted(len(found) - len(shown), 'other figure')}", "quiet"))
