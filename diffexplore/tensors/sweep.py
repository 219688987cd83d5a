"""The way back: cotangents of states, from the last operation to the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.tensor_balls import settled
from diffexplore.tensors.memory import StorageRegion, together
from diffexplore.tensors.open_choices import differences_left
from diffexplore.tensors.sweep_rules import SweepRules
from diffexplore.torch_ops.tensor_rules.operands import Applied, OpenChoices, Pullback


@dataclass(frozen=True, eq=False)
class TapeEntry:
    """An operation: its operands (None for one of integers), its results, and the way back, as of its rule's result."""

    operands: tuple[StorageRegion | None, ...]
    results: tuple[StorageRegion | None, ...]
    pullback: Pullback
    open_choices: OpenChoices | None = None
    by_element: bool = False
    moves: bool = False


def entry_of(
    applied: Applied, operands: tuple[StorageRegion | None, ...], results: tuple[StorageRegion | None, ...]
) -> TapeEntry:
    """The entry of an operation, by what its rule found."""
    assert applied.pullback is not None
    ways = applied.open_choices, applied.by_element, applied.moves
    return TapeEntry(operands, results, applied.pullback, *ways)


#: The number of an entry, the cotangents of its results, and those of its operands.
Passed = tuple[int, Sequence[DoubleBall | None], Sequence[DoubleBall | None]]


def swept(
    entries: Sequence[TapeEntry],
    seeds: Sequence[tuple[StorageRegion, DoubleBall]],
    sources: Sequence[StorageRegion],
    *,
    rules: SweepRules | None = None,
    passed: list[Passed] | None = None,
) -> list[DoubleBall]:
    """The cotangents of the sources, given those of the results: ``seeds``.

    ``passed``, where given, is filled with the number of each entry on the way, and its cotangents on both sides.
    """
    cotangents: dict[int, DoubleBall] = {}
    rules = rules or SweepRules()

    def give(place: StorageRegion, cotangent: DoubleBall) -> None:
        flat = place.layout.spread(rules.as_computed(cotangent), len(place.state.ball.high))
        cotangents[id(place.state)] = together(cotangents.get(id(place.state)), flat)

    for place, seed in seeds:
        give(place, seed)
    for number in reversed(range(len(entries))):
        entry = entries[number]
        given = [
            None
            if place is None or id(place.state) not in cotangents
            else _of_known(place, cotangents[id(place.state)])
            for place in entry.results
        ]
        if all(one is None for one in given):
            continue
        choices = entry.open_choices if rules.budget.is_left else None
        back = list((entry.pullback if choices is None else choices.middle)(given))
        if choices is not None:
            for place, off in differences_left(entries, number, choices.differences(given), rules):
                give(place, off)
        if passed is not None:
            passed.append((number, given, back))
        for operand, cotangent in zip(entry.operands, back, strict=True):
            if operand is not None and operand.varies and cotangent is not None:
                give(operand, cotangent)
    return [
        settled(source.layout.read(cotangents.get(id(source.state), exact(np.zeros_like(source.state.ball.high)))))
        for source in sources
    ]


def _of_known(place: StorageRegion, cotangents: DoubleBall) -> DoubleBall:
    """The cotangent of a result, of which nothing is known where the result has no value, and it is used.

    A factor of 0 behind it would hide that: 0 · (1/x) has no value at 0, and no derivative. A number without a radius
    may have one: the two sides of a jump may meet again further on.
    """
    cotangent = place.layout.read(cotangents)
    ball = place.state.ball
    unknown = ~np.isfinite(place.layout.view(ball.high)) & ~np.isfinite(place.layout.view(ball.radius))
    if not unknown.any():
        return cotangent
    used = unknown & ~np.broadcast_to(cotangent.exactly_zero, unknown.shape)
    return cotangent._replace(radius=np.where(used, np.inf, cotangent.radius))
