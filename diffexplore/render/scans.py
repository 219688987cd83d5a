"""The scans of a report: a figure for each partial."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.records import Report
from diffexplore.writing.blocks import Block, Gap, Note, Picture, text


def scans(report: Report) -> Iterator[Block]:
    """Their figures, each with what is to be seen in it."""
    for scan in report.scans:
        for figure in scan.figures():
            yield Picture(figure)
            yield Note(text(figure.caption, "quiet"))
            yield Gap()
