"""Programs while they grow: inputs, constants and steps, each once; and programs of elementary operations alone.

The latter are for arithmetics that are neither torch nor NumPy. Torch's complex power is wrong at z⁴ for z = −2, and a
ball around 0 has no power that is taken through a logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

import sympy

from diffexplore.program.program import Constant, Program, Step


class Collector:
    """Collects constants and steps; an operation on slots that it had before gets the slot of its result.

    Constants and steps are counted apart while they grow: a constant is numbered −1, −2, … until the end.
    """

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self._inputs = inputs
        self._constants: dict[sympy.Expr, int] = {}
        self._steps: dict[tuple[str, tuple[int, ...]], int] = {}

    def program(self, outputs: list[int]) -> Program:
        """The finished program."""
        first_step = len(self._inputs) + len(self._constants)

        def final(slot: int) -> int:
            if slot < 0:
                return len(self._inputs) - 1 - slot
            return slot if slot < len(self._inputs) else slot - len(self._inputs) + first_step

        steps = tuple(Step(name, tuple(final(slot) for slot in slots)) for name, slots in self._steps)
        constants = tuple(Constant(exact) for exact in self._constants)
        return Program(self._inputs, constants, steps, tuple(final(slot) for slot in outputs))

    def input(self, name: str) -> int:
        """The slot of an input; raises TypeError for a name that is none."""
        try:
            return self._inputs.index(name)
        except ValueError:
            raise TypeError(f"the expression has the symbol {name!r}, which is not an input") from None

    def constant(self, exact: sympy.Expr) -> int:
        """The slot of an exact number."""
        return -1 - self._constants.setdefault(exact, len(self._constants))

    def exact(self, slot: int) -> sympy.Expr | None:
        """The exact number in a slot; None for one that holds an input or a result."""
        return list(self._constants)[-1 - slot] if slot < 0 else None

    def step(self, operation: str, *slots: int) -> int:
        """The slot of an operation's result."""
        key = (operation, slots)
        if key not in self._steps:
            self._steps[key] = len(self._inputs) + len(self._steps)
        return self._steps[key]

    def choice(self, condition: int, taken: int, otherwise: int) -> int:
        """The slot of ``where(condition, taken, otherwise)``."""
        if taken < 0 and otherwise < 0:
            # Of two bare numbers no library knows the dtype: one of them takes that of the inputs.
            taken = self.step("full_like", 0, taken)
        return self.step("where", condition, taken, otherwise)

    def fold(self, operation: str, slots: Sequence[int]) -> int:
        """The slot of an operation of two operands, such as a product, applied from left to right."""
        return reduce(partial(self.step, operation), slots)

    def whole_power(self, slot: int, exponent: int) -> int:
        """A power with a whole exponent from 1 up, as products by repeated squaring."""
        result: int | None = None
        square = slot
        while True:
            if exponent & 1:
                result = square if result is None else self.step("mul", result, square)
            exponent >>= 1
            if not exponent:
                assert result is not None
                return result
            square = self.step("mul", square, square)


def elementary(program: Program) -> Program:
    """``program`` with each power with a constant exponent n or n + 1/2 as products.

    A half takes a square root, a negative exponent a division. The value is the same wherever there is one. A power
    with exponent 0 stays: it is 1 where its base has a value.
    """
    if not any(_is_product(program, step) for step in program.steps):
        return program
    collector = Collector(program.inputs)
    slots = list(range(len(program.inputs))) + [collector.constant(constant.exact) for constant in program.constants]
    for step in program.steps:
        arguments = [slots[slot] for slot in step.arguments]
        if not _is_product(program, step):
            slots.append(collector.step(step.operation, *arguments))
        else:
            exponent = program.number(step.arguments[1])
            assert exponent is not None
            slots.append(_power(collector, arguments[0], exponent))
    return collector.program([slots[slot] for slot in program.outputs])


def _is_product(program: Program, step: Step) -> bool:
    if step.operation != "pow":
        return False
    exponent = program.number(step.arguments[1])
    return exponent is not None and exponent.is_Rational and exponent.q in (1, 2) and exponent != 0


def _power(collector: Collector, base: int, exponent: sympy.Rational) -> int:
    whole, half = divmod(abs(exponent), 1)
    factors = [collector.whole_power(base, int(whole))] if whole else []
    factors += [collector.step("sqrt", base)] if half else []
    power = collector.fold("mul", factors)
    return collector.step("div", collector.constant(sympy.S.One), power) if exponent < 0 else power
