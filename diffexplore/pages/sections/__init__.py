"""What the page of each command holds, in which order: a line for each section.

A section is made by a function of the :class:`~diffexplore.pages.records.Subject`, which yields one or several, or none
where it has nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diffexplore.auditing import page as audits
from diffexplore.pages.records import Page, Section, Subject
from diffexplore.pages.sections import algebra, fit, outlines, pictures, report
from diffexplore.render import benches, fits, graphs, outline, proof_headline, tensors, verdict
from diffexplore.writing.blocks import Headline

Maker = Callable[[Subject], Iterator[Section]]


def _nothing(result: Any) -> None:
    """What answers no question has no headline."""


@dataclass(frozen=True)
class Kind:
    """A kind of page: of a result its title, its answer and the last line, and its sections."""

    title: Callable[[Any], str]
    sections: tuple[Maker, ...]
    headline: Callable[[Any], Headline | None] = _nothing
    footer: Callable[[Any], str] = lambda result: ""


def _loss_of(result: Any) -> str:
    return str(result.loss.name or result.loss.formula)


_CHECK = Kind(
    report.title_of,
    (report.wrong, report.overview, report.loss, report.comparisons, pictures.pictures, algebra.derivation,
     algebra.graph),
    verdict.headline,
    outline.versions_of,
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    "report": _CHECK,
    "verify": _CHECK,
    "fit": Kind(
        lambda found: f"Fit of {_loss_of(found)}",
        (fit.why, fit.surface, fit.curve, fit.curvature, algebra.loss, algebra.derivation, algebra.graph),
        fits.headline,
    ),
    "explore": Kind(_loss_of, (fit.explored, algebra.loss)),
    "prove": Kind(lambda found: f"{found.program} against {found.loss}", (outlines.proof,), proof_headline.headline),
    "gradcheck": Kind(tensors.title_of, (outlines.tensors,), tensors.first_of),
    "graph": Kind(lambda found: graphs.headline(found).title, (outlines.graph,)),
    "derive": Kind(lambda found: f"Gradient of {_loss_of(found)}", (algebra.loss, algebra.derivation, algebra.graph)),
    "bench": Kind(benches.title_of, (outlines.bench,), benches.headline),
    "audit": Kind(lambda found: f"Audit of {found.source}", (outlines.audit,), audits.headline),
}


def page(kind: str, subject: Subject) -> Page:
    """The page of a command about ``subject``."""
    made, result = KINDS[kind], subject.result
    sections = tuple(section for maker in made.sections for section in maker(subject))
    return Page(kind, made.title(result), made.headline(result), sections, made.footer(result))
