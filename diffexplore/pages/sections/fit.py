"""The sections of a fit: why it ended so, the loss curve, the fitted values, and the directions at the minimum."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.fitting.records import Fit
from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.explore import surface_section
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
