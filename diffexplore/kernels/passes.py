"""Which passes over a block the vector steps of a reduction take, and in which order the terms of a sum are added.

A product of a parameter and a vector takes no pass of its own where it is added: torch adds a multiple of a vector as
fast as a vector. Of a sum, vectors are added first, two columns of data in one pass, and numbers that do not vary last,
when the vector is in the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from diffexplore.kernels.reduction import Reduction
from diffexplore.program.program import Step


class Pass(NamedTuple):
    """``operation`` of the slots ``arguments``, the second of them times the parameter in the slot ``factor``."""

    slot: int
    operation: str
    arguments: tuple[int, ...]
    factor: int | None = None


class _Term(NamedTuple):
    """What is added (sign 1) or subtracted (−1): a slot, times the parameter ``factor``; their product has a slot."""

    sign: int
    slot: int
    factor: int | None = None
    product: int | None = None


def passes(reduction: Reduction, results: Iterable[int]) -> list[Pass]:
    """The passes that compute the vectors of a reduction, in order; the slots ``results`` are needed after them."""
    chains = _Chains(reduction, set(results))
    sums = {slot: chains.terms(slot) for slot, step in reversed(reduction.vectors) if chains.begins(slot, step)}
    found = []
    for slot, step in reduction.vectors:
        if slot in sums:
            found += _added(slot, *sums[slot])
        elif slot not in chains.taken:
            found.append(Pass(slot, step.operation, step.arguments))
    return found


class _Chains:
    """Sums and differences, with those that nothing else uses taken into the one that uses them."""

    def __init__(self, reduction: Reduction, results: set[int]) -> None:
        self._varies = reduction.varies
        self._parameters = range(len(reduction.program.inputs))
        uses = Counter(slot for _, step in reduction.vectors for slot in step.arguments)
        self._inner = {slot: step for slot, step in reduction.vectors if uses[slot] == 1 and slot not in results}
        self._steps = dict(reduction.vectors)
        #: Slots that are no vectors of their own any more.
        self.taken: set[int] = set()

    def begins(self, slot: int, step: Step) -> bool:
        """Whether a step is a sum that no other sum has taken; those that use it come before."""
        return step.operation in ("add", "sub") and slot not in self.taken

    def terms(self, slot: int) -> tuple[list[_Term], list[_Term], list[int]]:
        """The vectors and the numbers of a sum, and the slots that are free since they are taken into it."""
        before, found = set(self.taken), list[_Term]()
        self._collect(1, slot, self._steps[slot], found)
        vectors = [one for one in found if self._varies[one.slot]]
        numbers = [one for one in found if not self._varies[one.slot]]
        products = {one.product for one in vectors}
        return vectors, numbers, sorted(self.taken - before - products)

    def _collect(self, sign: int, slot: int, step: Step | None, found: list[_Term]) -> None:
        if step is not None and step.operation in ("add", "sub", "neg"):
            signs = {"add": (sign, sign), "sub": (sign, -sign), "neg": (-sign,)}[step.operation]
            for inner_sign, inner in zip(signs, step.arguments, strict=True):
                inner_step = self._inner.get(inner)
                self._collect(inner_sign, inner, inner_step, found)
                if inner_step is not None and inner_step.operation in ("add", "sub", "neg"):
                    self.taken.add(inner)
            return
        scaled = self._scaled(step)
        if scaled is None:
            found.append(_Term(sign, slot))
        else:
            self.taken.add(slot)
            found.append(_Term(sign, *scaled, slot))

    def _scaled(self, step: Step | None) -> tuple[int, int] | None:
        """The vector of a product with a parameter, and the parameter."""
        if step is None or step.operation != "mul":
            return None
        for factor, vector in (step.arguments, step.arguments[::-1]):
            if factor in self._parameters and not self._varies[factor] and self._varies[vector]:
                return vector, factor
        return None


def _added(slot: int, vectors: list[_Term], numbers: list[_Term], free: list[int]) -> list[Pass]:
    """The passes that add terms up: each into one of the slots ``free``, the last into ``slot``."""
    positive = next((one for one in numbers if one.sign > 0), None)
    first, found = _first(vectors, positive), list[Pass]()
    if first.product is not None and first.factor is not None:
        found.append(Pass(first.product, "mul", (first.factor, first.slot)))
    sign, held, places = first.sign, first.slot if first.product is None else first.product, iter((*free, slot))

    def add(operation: str, *arguments: int, factor: int | None = None) -> None:
        nonlocal held
        held = next(places)
        found.append(Pass(held, operation, arguments, factor))

    for one in vectors:
        if one is not first:
            add("add" if one.sign == sign else "sub", held, one.slot, factor=one.factor)
    if sign < 0 and positive is not None:
        add("sub", positive.slot, held)
        sign, first = 1, positive
    for one in numbers:
        if one is not first:
            add("add" if one.sign == sign else "sub", held, one.slot)
    if sign < 0:
        add("neg", held)
    return [*found[:-1], found[-1]._replace(slot=slot)]


def _first(vectors: list[_Term], positive: _Term | None) -> _Term:
    """The term that the others are added to: one that needs no pass to be scaled, or negated, where there is one."""
    plain = [one for one in vectors if one.factor is None]
    found = next((one for one in plain if one.sign > 0), None)
    if found is None and positive is not None:
        return plain[0] if plain else positive
    return found or next((one for one in vectors if one.sign > 0), vectors[0])
