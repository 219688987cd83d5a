"""Programs in two stages: what no data reaches is computed once, the rest for each sample (or vector of them)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diffexplore.program.program import Arithmetic, Program


@dataclass(frozen=True)
class RunningMode:
    """How a program is run: its arithmetic, and how inputs become numbers of it.

    ``number`` makes a value from a double, or from a vector of them; ``moved`` does so for the inputs of its names, in
    its place. Steps that depend on none of ``by`` are run in the arithmetic ``cases``, the others in ``arithmetic``.
    """

    arithmetic: Arithmetic
    number: Callable[[Any], Any]
    moved: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    cases: Arithmetic | None = None
    by: Sequence[str] = ()


class StagedProgram:
    """A program run in one reading, with the inputs ``fixed`` at doubles and the others, ``varying``, at each call.

    What is fixed is computed by :meth:`prepare`, in the precision of that moment.
    """

    def __init__(
        self, program: Program, reading: RunningMode, fixed: Mapping[str, float], varying: Sequence[str]
    ) -> None:
        depends = program.depends_on(varying)
        self._program = program
        self._reading = reading
        self._fixed = fixed
        self.varying = tuple(name for name in varying if name in program.inputs)
        self._columns = [(program.inputs.index(name), self._maker(name)) for name in self.varying]
        plan = _plan(program, reading)
        self._once = [entry for entry in plan if not depends[entry[2]]]
        self._always = [_unpacked(*entry) for entry in plan if depends[entry[2]]]
        self._slots = program.first_step + len(program.steps)
        self._base: list[Any] = []

    def _maker(self, name: str) -> Callable[[Any], Any]:
        return self._reading.moved.get(name, self._reading.number)

    def prepare(self) -> None:
        """Computes what does not vary, at the current precision."""
        inputs = self._program.inputs
        base = [self._maker(name)(self._fixed[name]) if name in self._fixed else None for name in inputs]
        base += [self._reading.arithmetic.constant(constant) for constant in self._program.constants]
        base += [None] * (self._slots - len(base))
        for function, arguments, slot in self._once:
            base[slot] = function(*[base[i] for i in arguments])
        self._base = base

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for ``values``, which are in the order of ``varying``."""
        slots = self._base.copy()
        for (slot, number), value in zip(self._columns, values, strict=True):
            slots[slot] = number(value)
        for function, first, second, others, slot in self._always:
            if others is None:
                slots[slot] = function(slots[first], slots[second])
            else:
                slots[slot] = function(*[slots[i] for i in others])
        return [slots[slot] for slot in self._program.outputs]


def _plan(program: Program, reading: RunningMode) -> list[tuple[Any, tuple[int, ...], int]]:
    """For each step its function, its arguments and its slot."""
    depends = program.depends_on(reading.by)
    moving = reading.arithmetic.operations
    free = moving if reading.cases is None else reading.cases.operations
    return [
        ((moving if depends[slot] else free)[step.operation], step.arguments, slot)
        for slot, step in enumerate(program.steps, program.first_step)
    ]


def _unpacked(
    function: Any, arguments: tuple[int, ...], slot: int
) -> tuple[Any, int, int, tuple[int, ...] | None, int]:
    """A step laid out so that the common one, of two operands, is called without unpacking."""
    if len(arguments) == 2:
        return function, *arguments, None, slot
    return function, 0, 0, arguments, slot
