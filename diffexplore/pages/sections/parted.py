"""Blocks that were made for one long page, parted into sections at their headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diffexplore.pages.records import Section
from diffexplore.writing.blocks import Block, Gap, Heading, Headline


def parted(blocks: Iterable[Block], first: tuple[str, str]) -> Iterator[Section]:
    """A section for each heading, whose aside is its lead; what comes before them has the key and title ``first``.

    Headlines are left out: a page has its own.
    """
    key, title, lead = *first, ""
    content: list[Block] = []
    taken: set[str] = set()
    for block in blocks:
        if isinstance(block, Headline):
            continue
        if isinstance(block, Heading):
            yield Section(_free(key, taken), title, _shown(content), lead)
            key, title, lead, content = _key(block.title), block.title, block.aside, []
        else:
            content.append(block)
    yield Section(_free(key, taken), title, _shown(content), lead)


def _shown(content: list[Block]) -> tuple[Block, ...]:
    return () if all(isinstance(block, Gap) for block in content) else tuple(content)


def _key(title: str) -> str:
    """Letters, digits and hyphens, for an ``id``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "part"


def _free(key: str, taken: set[str]) -> str:
    number = 1
    free = key
    while free in taken:
        number += 1
        free = f"{key}-{number}"
    taken.add(free)
    return free
