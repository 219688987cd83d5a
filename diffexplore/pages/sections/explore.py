"""The section of an explorer: the surface with sliders."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.exploring.records import Explorer
from diffexplore.pages.live import live_html, live_script
from diffexplore.pages.records import Fragment, Section, Subject
from diffexplore.writing.blocks import Note, Picture, text

_LEAD = "Move a start, the learning rate or the steps: loss, symbolic gradient and path are computed in this page."


def surface(subject: Subject) -> Iterator[Section]:
    """The loss over its axes."""
    yield surface_section(subject.result)


def surface_section(explorer: Explorer) -> Section:
    """The surface with sliders that recompute it in the page; pictures where a page cannot compute it, and why."""
    if explorer.live is not None:
        live = Fragment(live_html(explorer), live_script(explorer), interactive=True)
        return Section("surface", "Surface and descent", (live,), _LEAD)
    pictures = map(Picture, explorer.figures())
    return Section("surface", "Surface and descent", (*pictures, Note(text(explorer.not_live or "", "quiet"))))
