"""The sections of a check of tensors: a line for each gradient, the causes, and what else there is to know."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.parted import parted
from diffexplore.render.tensors import blocks_of, first_of
from diffexplore.tensors.records import TensorReports
from diffexplore.writing.blocks import Headline


def title_of(subject: Subject) -> str:
    """The function, or how many there are."""
    result = subject.result
    return f"{len(result.checks)} functions" if isinstance(result, TensorReports) else str(result.function)


def headline_of(subject: Subject) -> Headline:
    """The answer."""
    return first_of(subject.result)


def gradients(subject: Subject) -> Iterator[Section]:
    """Everything that the terminal shows below the answer."""
    yield from parted(blocks_of(subject.result, full=True), first=("gradients", "Gradients"))
