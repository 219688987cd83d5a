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
    def varies(self) -> Sequence[bool]:
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
