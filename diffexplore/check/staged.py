"""Programs in two stages: what no data reaches is computed once, the rest for each sample (or vector of them)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diffexplore.symbolic.program import Arithmetic, Program


class StagedProgram:
    """A program run in one arithmetic, with the inputs ``fixed`` at doubles and the others, ``varying``, at each call.

    ``number`` makes a value of the arithmetic from a double, or from a vector of them. What is fixed is computed by
    :meth:`prepare`, in the precision of that moment.
    """

    def __init__(
        self, program: Program, arithmetic: Arithmetic, number: Callable[[Any], Any],
        fixed: Mapping[str, float], varying: Sequence[str],
    ) -> None:  # fmt: skip
        depends = program.depends_on(varying)
        self._program = program
        self._arithmetic = arithmetic
        self._number = number
        self._fixed = fixed
        self.varying = tuple(name for name in varying if name in program.inputs)
        self._columns = [program.inputs.index(name) for name in self.varying]
        first = program.first_step
        plan = [(arithmetic.operations[s.operation], s.arguments, first + i) for i, s in enumerate(program.steps)]
        self._once = [entry for entry in plan if not depends[entry[2]]]
        self._always = [_unpacked(*entry) for entry in plan if depends[entry[2]]]
        self.operations = program.operations
        self._slots = first + len(program.steps)
        self._base: list[Any] = []

    def prepare(self) -> None:
        """Computes what does not vary, at the current precision."""
        inputs = self._program.inputs
        base = [self._number(self._fixed[name]) if name in self._fixed else None for name in inputs]
        base += [self._arithmetic.constant(constant) for constant in self._program.constants]
        base += [None] * (self._slots - len(base))
        for function, arguments, slot in self._once:
            base[slot] = function(*[base[i] for i in arguments])
        self._base = base

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for ``values``, which are in the order of ``varying``."""
        slots = self._base.copy()
        for slot, value in zip(self._columns, values, strict=True):
            slots[slot] = self._number(value)
        for function, first, second, others, slot in self._always:
            if others is None:
                slots[slot] = function(slots[first], slots[second])
            else:
                slots[slot] = function(*[slots[i] for i in others])
        return [slots[slot] for slot in self._program.outputs]


def _unpacked(
    function: Any, arguments: tuple[int, ...], slot: int
) -> tuple[Any, int, int, tuple[int, ...] | None, int]:
    """A step laid out so that the common one, of two operands, is called without unpacking."""
    if len(arguments) == 2:
        return function, *arguments, None, slot
    return function, 0, 0, arguments, slot
