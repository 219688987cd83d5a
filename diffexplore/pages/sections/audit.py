"""The sections of an audit: all that the terminal shows of it, and every entry."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.auditing.page import headline, page
from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.parted import parted
from diffexplore.writing.blocks import Headline


def title_of(subject: Subject) -> str:
    """The file that was audited."""
    return f"Audit of {subject.result.source}"


def headline_of(subject: Subject) -> Headline:
    """The answer."""
    return headline(subject.result)


def entries(subject: Subject) -> Iterator[Section]:
    """What is refuted and open, and every entry with its class."""
    yield from parted(page(subject.result, all_entries=True), first=("entries", "Entries"))
