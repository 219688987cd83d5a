"""The sections of what the terminal shows as one long page: of an audit, a bench, a graph, a proof, tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count

from diffexplore.auditing import page as audits
from diffexplore.graphing.records import Graph
from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.algebra import drawing
from diffexplore.render import benches, graphs, proofs
from diffexplore.render.tensors import blocks_of as of_tensors
from diffexplore.writing.blocks import Block, Gap, Heading, Headline, Note, Picture


def audit(subject: Subject) -> Iterator[Section]:
    """What is refuted and open, and every entry with its class."""
    yield from parted(audits.page(subject.result, all_entries=True), "entries", "Entries")


def proof(subject: Subject) -> Iterator[Section]:
    """Everything that the terminal shows below the answer."""
    yield from parted(proofs.outline(subject.result), "statements", "Statements")


def tensors(subject: Subject) -> Iterator[Section]:
    """A line for each gradient, the causes, and what else there is to know."""
    yield from parted(of_tensors(subject.result, full=True), "gradients", "Gradients")


def graph(subject: Subject) -> Iterator[Section]:
    """The drawing, and below it all that the terminal shows."""
    found: Graph = subject.result
    _, *rest = graphs.outline(found)
    notes = [block for block in rest if isinstance(block, Note)]
    yield Section("graph", "Graph", (drawing(found), *notes), graphs.headline(found).aside)
    yield from parted((block for block in rest if not isinstance(block, Note)), "formula", "Formula")


def bench(subject: Subject) -> Iterator[Section]:
    """The tables, without the answer; then time against error, and time against size."""
    blocks = (block for block in benches.outline(subject.result) if not isinstance(block, Headline | Picture))
    lead = "Medians of interleaved runs; the first call, which traces or compiles, apart from the later ones."
    yield Section("measurements", "Time, memory and error", tuple(blocks), lead)
    pictures = tuple(map(Picture, subject.result.figures()))
    yield Section("figures", "Time against error, and against size", pictures)


def parted(blocks: Iterable[Block], key: str, title: str) -> Iterator[Section]:
    """A section for each heading, whose aside is its lead; what comes before them has the ``key`` and ``title`` given.

    Headlines are left out: a page has its own.
    """
    lead = ""
    content: list[Block] = []
    taken: set[str] = set()
    for block in blocks:
        if isinstance(block, Heading):
            yield Section(_free(key, taken), title, _shown(content), lead)
            key, title, lead, content = _key(block.title), block.title, block.aside, []
        elif not isinstance(block, Headline):
            content.append(block)
    yield Section(_free(key, taken), title, _shown(content), lead)


def _shown(content: list[Block]) -> tuple[Block, ...]:
    return () if all(isinstance(block, Gap) for block in content) else tuple(content)


def _key(title: str) -> str:
    """Letters, digits and hyphens, for an ``id``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "part"


def _free(key: str, taken: set[str]) -> str:
    """The key, or the key with the first number that is free."""
    keys = (key if number == 1 else f"{key}-{number}" for number in count(1))
    free = next(key for key in keys if key not in taken)
    taken.add(free)
    return free
