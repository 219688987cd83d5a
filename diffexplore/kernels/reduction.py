"""A program whose outputs are reduced over the samples, as few vector operations and reductions as it needs.

What does not depend on the data is taken out of the sums: Σ c v = c Σ v, Σ (v + c) = Σ v + N c; a sum of products needs
no product, Σ v w is a dot product. Only the vectors that are left are computed for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diffexplore.program.program import Arithmetic, Program, Step

#: One reduction over the samples: the sum of the vector in a slot, or the dot product of those in two slots.
Reduced = tuple[int, ...]


@dataclass(frozen=True)
class Scaled:
    """A sum as ``operation`` of parts: ("sum", place), ("scalar", slot), ("count",), ("neg", x), ("mul", x, y), …"""

    operation: str
    parts: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Reduction:
    """A program with some outputs to be summed over the samples, the others kept for each sample.

    Attributes:
        program: what computes the slots.
        data: the inputs that vary with the sample.
        sums: the reductions that are needed.
        combined: how each summed output is made of them, by its place among the outputs; None for one that is kept.
    """

    program: Program
    data: tuple[str, ...]
    sums: tuple[Reduced, ...]
    combined: tuple[Scaled | None, ...]

    @cached_property
    def varies(self) -> list[bool]:
        """For each slot, whether it holds a vector."""
        return self.program.depends_on(self.data)

    @cached_property
    def vectors(self) -> tuple[tuple[int, Step], ...]:
        """The steps that are run for each sample, with their slots."""
        return tuple((slot, step) for slot, step in self._needed if self.varies[slot])

    @cached_property
    def scalars(self) -> tuple[tuple[int, Step], ...]:
        """The steps that are run once."""
        return tuple((slot, step) for slot, step in self._needed if not self.varies[slot])

    @cached_property
    def _needed(self) -> list[tuple[int, Step]]:
        needed = {slot for sum_ in self.sums for slot in sum_}
        for slot, combined in zip(self.program.outputs, self.combined, strict=True):
            needed |= {slot} if combined is None else set(_scalars_of(combined))
        found = []
        for slot in reversed(range(self.program.first_step, self.program.first_step + len(self.program.steps))):
            if slot in needed:
                step = self.program.steps[slot - self.program.first_step]
                needed.update(step.arguments)
                found.append((slot, step))
        return found[::-1]

    @property
    def operations(self) -> int:
        """Vector operations and reductions, each one pass over a block."""
        return len(self.vectors) + len(self.sums)

    def begun(self, arithmetic: Arithmetic, values: Mapping[str, Any]) -> list[Any]:
        """All slots: those of ``values``, of constants and of scalars are filled, the others are None."""
        slots = [values.get(name) for name in self.program.inputs]
        slots += [arithmetic.constant(constant) for constant in self.program.constants]
        slots += [None] * len(self.program.steps)
        for slot, step in self.scalars:
            slots[slot] = arithmetic.operations[step.operation](*[slots[i] for i in step.arguments])
        return slots

    def total(self, place: int, slots: Sequence[Any], sums: Sequence[Any], count: int) -> Any:
        """A summed output from the reductions."""

        def value(part: Scaled) -> Any:
            if part.operation == "sum":
                return sums[part.parts[0]]
            if part.operation == "scalar":
                return slots[part.parts[0]]
            if part.operation == "count":
                return count
            return _COMBINING[part.operation](*map(value, part.parts))

        combined = self.combined[place]
        assert combined is not None, "the output is summed"
        return value(combined)


_COMBINING: dict[str, Callable[..., Any]] = {
    "neg": lambda x: -x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
}


def _scalars_of(part: Scaled) -> list[int]:
    if part.operation == "scalar":
        return [part.parts[0]]
    return [slot for inner in part.parts if isinstance(inner, Scaled) for slot in _scalars_of(inner)]


def reduced(program: Program, data: Sequence[str], summed: Sequence[bool]) -> Reduction:
    """The reduction of the outputs that are ``summed``."""
    found = _Sums(program, data)
    combined = tuple(
        found.sum_of(slot) if is_summed else None for slot, is_summed in zip(program.outputs, summed, strict=True)
    )
    return Reduction(program, tuple(data), tuple(found.sums), combined)


class _Sums:
    def __init__(self, program: Program, data: Sequence[str]) -> None:
        self._program = program
        self._varies = program.depends_on(data)
        self.sums: dict[Reduced, int] = {}

    def sum_of(self, slot: int) -> Scaled:
        if not self._varies[slot]:
            return Scaled("mul", (Scaled("scalar", (slot,)), Scaled("count", ())))
        step = self._step(slot)
        if step is None:
            return self._sum(slot)
        first, *others = step.arguments
        if step.operation == "neg":
            return Scaled("neg", (self.sum_of(first),))
        if step.operation == "div" and not self._varies[others[0]]:
            return Scaled("div", (self.sum_of(first), Scaled("scalar", (others[0],))))
        if step.operation == "mul":
            return self._product(first, others[0])
        if step.operation in ("add", "sub") and self._worth_splitting(first, others[0]):
            return Scaled(step.operation, (self.sum_of(first), self.sum_of(others[0])))
        return self._sum(slot)

    def _product(self, first: int, second: int) -> Scaled:
        if not self._varies[first]:
            return Scaled("mul", (Scaled("scalar", (first,)), self.sum_of(second)))
        if not self._varies[second]:
            return Scaled("mul", (Scaled("scalar", (second,)), self.sum_of(first)))
        sign, (left, above), (right, below) = 1, self._factored(first), self._factored(second)
        product = self._sum(*sorted((left, right)))
        for operation, scalar in (*above, *below):
            if operation == "neg":
                sign = -sign
            else:
                product = Scaled(operation, (product, Scaled("scalar", (scalar,))))
        return product if sign > 0 else Scaled("neg", (product,))

    def _factored(self, slot: int) -> tuple[int, list[tuple[str, int]]]:
        """A vector as another one times and over scalars."""
        factors: list[tuple[str, int]] = []
        while True:
            step = self._step(slot)
            if step is None or step.operation not in ("neg", "mul", "div"):
                return slot, factors
            first, *others = step.arguments
            if step.operation == "neg":
                factors.append(("neg", slot))
                slot = first
            elif not self._varies[others[0]]:
                factors.append((step.operation, others[0]))
                slot = first
            elif step.operation == "mul" and not self._varies[first]:
                factors.append(("mul", first))
                slot = others[0]
            else:
                return slot, factors

    def _worth_splitting(self, first: int, second: int) -> bool:
        """Whether two sums take no more passes than that of both: one operand is a scalar, or both are products."""
        if not (self._varies[first] and self._varies[second]):
            return True
        steps = self._step(first), self._step(second)
        return all(step is not None and step.operation in ("mul", "div", "neg", "add", "sub") for step in steps)

    def _sum(self, *slots: int) -> Scaled:
        return Scaled("sum", (self.sums.setdefault(slots, len(self.sums)),))

    def _step(self, slot: int) -> Step | None:
        place = slot - self._program.first_step
        return self._program.steps[place] if place >= 0 else None
