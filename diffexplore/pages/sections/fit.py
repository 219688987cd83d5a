"""The sections of a fit: why it ended so, the loss curve, the fitted values, and the directions at the minimum."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.exploring.records import Explorer
from diffexplore.fitting.records import Fit
from diffexplore.pages.live import live_html, live_script
from diffexplore.pages.records import Fragment, Section, Subject
from diffexplore.render.fits import directions, values, what_ran
from diffexplore.writing.blocks import Note, Picture, text


def why(subject: Subject) -> Iterator[Section]:
    """The explanation, sentence by sentence."""
    fit: Fit = subject.result
    notes = tuple(Note(text(finding.sentence), "·") for finding in fit.explanation[1:])
    lead = f"What ran: {what_ran(fit)}. Each sentence rests on numbers that are in the JSON document."
    yield Section("why", "Why it ended there", notes, lead)


def curve(subject: Subject) -> Iterator[Section]:
    """The loss curve, and where each run came to."""
    fit: Fit = subject.result
    yield Section("curve", "Loss curve", (Picture(fit.figure()), values(fit)))


def surface(subject: Subject) -> Iterator[Section]:
    """The loss over two parameters, with the descent on it."""
    fit: Fit = subject.result
    if fit.fitted is not None:
        yield surface_section(fit.explore(subject.axes))


def curvature(subject: Subject) -> Iterator[Section]:
    """The Hessian at the optimum."""
    fit: Fit = subject.result
    if fit.optimum_curvature is not None:
        lead = "The Hessian at the minimum: how curved the loss is along each of its own directions, and so how fast."
        yield Section("directions", "Directions", (directions(fit.optimum_curvature),), lead)


_LEAD = "Move a start, the learning rate or the steps: loss, symbolic gradient and path are computed in this page."


def explored(subject: Subject) -> Iterator[Section]:
    """The loss over its axes."""
    yield surface_section(subject.result)


def surface_section(explorer: Explorer) -> Section:
    """The explored with sliders that recompute it in the page; pictures where a page cannot compute it, and why."""
    if explorer.live is not None:
        live = Fragment(live_html(explorer), live_script(explorer), interactive=True)
        return Section("explored", "Surface and descent", (live,), _LEAD)
    pictures = map(Picture, explorer.figures())
    return Section("explored", "Surface and descent", (*pictures, Note(text(explorer.not_live or "", "quiet"))))
