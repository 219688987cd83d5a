"""The slots of a program while it grows: inputs, constants and steps, each once."""

from __future__ import annotations

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

    def product(self, slots: list[int]) -> int:
        """The slot of a product, multiplied from left to right."""
        product = slots[0]
        for slot in slots[1:]:
            product = self.step("mul", product, slot)
        return product

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
