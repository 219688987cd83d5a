"""The sections of a derivation: the loss with its gradient; the lines come from :mod:`.algebra`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from diffexplore.formula.descriptions import LossSummary, PartialFormula
from diffexplore.pages.records import Section, Subject
from diffexplore.render.outline import formulas


@dataclass(frozen=True)
class Derivation:
    """A loss and its partials, as text."""

    loss: LossSummary
    gradient: Mapping[str, PartialFormula]


def title_of(subject: Subject) -> str:
    """The loss."""
    found: Derivation = subject.result
    return f"Gradient of {found.loss.name or found.loss.formula}"


def loss(subject: Subject) -> Iterator[Section]:
    """The loss and its gradient."""
    found: Derivation = subject.result
    yield Section("loss", "Loss and gradient", tuple(formulas(found.loss, found.gradient)))
