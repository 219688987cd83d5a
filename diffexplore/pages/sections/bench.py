"""The sections of a bench: the times with what they mean, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.benching.records import Bench
from diffexplore.pages.records import Section, Subject
from diffexplore.render.benches import headline, outline
from diffexplore.render.benches import title_of as title_of_bench
from diffexplore.writing.blocks import Headline, Picture


def title_of(subject: Subject) -> str:
    """The losses that were timed."""
    return title_of_bench(subject.result)


def headline_of(subject: Subject) -> Headline:
    """Which method is fastest."""
    return headline(subject.result)


def measurements(subject: Subject) -> Iterator[Section]:
    """The tables, without the answer and the pictures that stand elsewhere."""
    blocks = (block for block in outline(subject.result) if not isinstance(block, Headline | Picture))
    lead = "Medians of interleaved runs; the first call, which traces or compiles, apart from the later ones."
    yield Section("measurements", "Time, memory and error", tuple(blocks), lead)


def pictures(subject: Subject) -> Iterator[Section]:
    """Time against error, and time against size."""
    bench: Bench = subject.result
    yield Section("figures", "Time against error, and against size", tuple(map(Picture, bench.figures())))
