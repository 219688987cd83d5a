"""For which inputs and numbers of samples a proof holds: all that its headline must not leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sympy.logic.boolalg import Boolean

from diffexplore.checking.records import VALUE
from diffexplore.decide.premises import left_open
from diffexplore.decide.records import Unvalued
from diffexplore.decide.regions import Region
from diffexplore.formula.text import to_text
from diffexplore.proving.parts import Part
from diffexplore.proving.records import Statement
from diffexplore.proving.sizes import sizes_of


@dataclass(frozen=True)
class Scope:
    """Where a proof holds.

    Attributes:
        conditions: all side conditions, those of the domain and of the number of samples first.
        exclusions: those of the inputs that may leave out more than a null set of what can be differentiated by.
        sizes: those of the number of samples.
        unvalued: sentences about where the backward pass has no finite value, though there is a derivative.
    """

    conditions: tuple[str, ...]
    exclusions: tuple[str, ...]
    sizes: tuple[str, ...]
    unvalued: tuple[str, ...]


def scope_of(
    sizes: Iterable[Boolean], statements: Sequence[Statement], domain: Iterable[Any], others: Sequence[Part] = ()
) -> Scope:
    """The scope of all statements together, with conditions of the number of samples and those that were given.

    ``others`` are the parts of a program that are proved for further numbers of samples.
    """
    given = tuple(to_text(condition) for condition in domain if left_open(condition, Region(), ()) != ())
    counted = sizes_of(sizes)
    decisions = [statement.decision for statement in statements]
    proved = tuple(condition for decision in decisions for condition in decision.conditions)
    excluded = tuple(condition for decision in decisions for condition in decision.exclusions)
    further = [(part, statement.decision) for part in others for statement in part.statements]
    proved += tuple(_where(part, one) for part, decision in further for one in decision.conditions if one not in proved)
    excluded += tuple(
        _where(part, one) for part, decision in further for one in decision.exclusions if one not in excluded
    )
    return Scope(
        tuple(dict.fromkeys((*given, *counted, *proved))),
        tuple(dict.fromkeys((*given, *excluded))),
        counted,
        tuple(_sentences(statements)),
    )


def _where(part: Part, condition: str) -> str:
    return f"{condition} (where {part.text})"


def _sentences(statements: Sequence[Statement]) -> list[str]:
    """What is computed where there is no finite value, each region once."""
    regions: dict[tuple[str, bool, bool], dict[str, Unvalued]] = {}
    for statement in statements:
        for one in statement.decision.unvalued:
            key = one.where, one.of_sample, statement.name == VALUE
            regions.setdefault(key, {})[one.left] = one
    found = []
    for (where, of_sample, of_value), sides in regions.items():
        nan = "NaN" if all(one.always_nan for one in sides.values()) else "NaN or an infinity"
        what = "the loss" if of_value else "the derivative"
        right = f"{what}{' of their term' if of_sample else ''} is {next(iter(sides))}"
        if len(sides) > 1:
            right = f"{what}{'' if of_value else 's'} exist{'s' if of_value else ''}"
        who = "the program" if of_value else "autograd"
        found.append(f"for {'samples with ' if of_sample else ''}{where} {who} computes {nan}, where {right}")
    return found
