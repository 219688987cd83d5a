"""The sections of an explorer: the surface with sliders, and the formulas that it is computed by."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.exploring.records import Explorer
from diffexplore.pages.live import live_html, live_script
from diffexplore.pages.records import Fragment, Section, Subject
from diffexplore.render.outline import formulas
from diffexplore.writing.blocks import Note, Picture, text

_LEAD = "Move a start, the learning rate or the steps: loss, symbolic gradient and path are computed in this page."


def title_of(subject: Subject) -> str:
    """The loss."""
    explorer: Explorer = subject.result
    return explorer.loss.name or explorer.loss.formula


def surface(subject: Subject) -> Iterator[Section]:
    """The loss over its axes."""
    yield surface_section(subject.result)


def surface_section(explorer: Explorer) -> Section:
    """The surface with sliders that recompute it in the page; pictures where a page cannot compute it, and why."""
    if explorer.live is not None:
        live = Fragment(live_html(explorer), live_script(explorer), interactive=True)
        return Section("surface", "Surface and descent", (live,), _LEAD)
    pictures = tuple(Picture(figure) for figure in explorer.figures())
    return Section("surface", "Surface and descent", (*pictures, Note(text(explorer.not_live or "", "quiet"))))


def loss(subject: Subject) -> Iterator[Section]:
    """The loss and the gradient that is followed."""
    explorer: Explorer = subject.result
    yield Section("loss", "Loss and gradient", tuple(formulas(explorer.loss, explorer.gradient)))
