"""What the page of each command holds, in which order: a line for each section.

A section is made by a function of the :class:`~diffexplore.pages.records.Subject`, which yields one or several, or none
where it has nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from diffexplore.pages.records import Page, Section, Subject
from diffexplore.pages.sections import (
    algebra,
    audit,
    bench,
    derivation,
    explore,
    fit,
    graph,
    pictures,
    proof,
    report,
    tensors,
)  # fmt: skip
from diffexplore.writing.blocks import Headline

Maker = Callable[[Subject], Iterator[Section]]


@dataclass(frozen=True)
class Kind:
    """A kind of page: its title, its answer, its sections and its last line."""

    title: Callable[[Subject], str]
    headline: Callable[[Subject], Headline | None]
    sections: tuple[Maker, ...]
    footer: Callable[[Subject], str] = lambda subject: ""


def _unanswered(subject: Subject) -> None:
    """What answers no question has no headline."""


_REPORT = (
    report.wrong,
    report.overview,
    report.loss,
    report.comparisons,
    pictures.pictures,
    algebra.derivation,
    algebra.graph,
)

KINDS: Mapping[str, Kind] = {
    "report": Kind(report.title_of, report.headline_of, _REPORT, report.footer_of),
    "verify": Kind(report.title_of, report.headline_of, _REPORT, report.footer_of),
    "fit": Kind(
        fit.title_of,
        fit.headline_of,
        (
            fit.why,
            fit.surface,
            fit.curve,
            fit.curvature,
            fit.loss,
            algebra.derivation,
            algebra.graph,
        ),
    ),
    "explore": Kind(explore.title_of, _unanswered, (explore.surface, explore.loss)),
    "prove": Kind(proof.title_of, proof.headline_of, (proof.statements,)),
    "gradcheck": Kind(tensors.title_of, tensors.headline_of, (tensors.gradients,)),
    "graph": Kind(graph.title_of, _unanswered, (graph.parts,)),
    "derive": Kind(derivation.title_of, _unanswered, (derivation.loss, algebra.derivation, algebra.graph)),
    "bench": Kind(bench.title_of, bench.headline_of, (bench.measurements, bench.pictures)),
    "audit": Kind(audit.title_of, audit.headline_of, (audit.entries,)),
}


def page(kind: str, subject: Subject) -> Page:
    """The page of a command about ``subject``."""
    made = KINDS[kind]
    sections = tuple(section for maker in made.sections for section in maker(subject))
    return Page(kind, made.title(subject), made.headline(subject), sections, made.footer(subject))
