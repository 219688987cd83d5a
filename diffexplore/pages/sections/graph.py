"""The sections of a graph: its drawing, the tree of values and adjoints, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.graphing.records import Graph
from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.algebra import drawing
from diffexplore.pages.sections.parted import parted
from diffexplore.render.graphs import headline, outline
from diffexplore.writing.blocks import Note


def title_of(subject: Subject) -> str:
    """The loss."""
    return headline(subject.result).title


def parts(subject: Subject) -> Iterator[Section]:
    """The drawing, and below it all that the terminal shows."""
    found: Graph = subject.result
    _, *rest = outline(found)
    notes = [block for block in rest if isinstance(block, Note)]
    yield Section("graph", "Graph", (drawing(found), *notes), headline(found).aside)
    shown = (block for block in rest if not isinstance(block, Note))
    yield from parted(shown, first=("formula", "Formula"))
