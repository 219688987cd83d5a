"""Expressions as straight-line programs: one lowering that every arithmetic runs.

A :class:`Program` is a list of elementary operations on numbered slots, without loops or branches. The same
program is run on torch tensors, NumPy arrays, complex numbers and Arb balls (see :mod:`diffexplore.arithmetic`),
so that all of them compute the same formula. Equal subexpressions share a slot (common subexpression elimination
by value numbering).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import sympy

from diffexplore.formula.remembered import remembered

_COMMUTATIVE = frozenset({"add", "mul"})


class Arithmetic(Protocol):
    """A way to compute: how a constant looks, and a function for each operation name."""

    @property
    def operations(self) -> Mapping[str, Any]: ...

    def constant(self, constant: Constant) -> Any: ...


@dataclass(frozen=True)
class Constant:
    """An exact real number: a rational or an expression without symbols such as sqrt(2/pi)."""

    exact: sympy.Expr

    @cached_property
    def nearest(self) -> float:
        """The double nearest to the number (NaN for an undefined one)."""
        from diffexplore.arithmetic.balls import nearest_double

        return nearest_double(self)

    @cached_property
    def error(self) -> float:
        """A bound on |exact − nearest|: 0 where the double is the number, infinite beyond the doubles."""
        if not math.isfinite(self.nearest):
            return math.inf
        if self.is_rational and Fraction(self.nearest) == Fraction(int(self.exact.p), int(self.exact.q)):
            return 0.0
        return math.ulp(self.nearest)

    @property
    def is_rational(self) -> bool:
        return bool(self.exact.is_Rational)

    def as_number(self, most: int = 2**53) -> float | int:
        """The nearest double, or the whole number itself of at most ``most``: for libraries that cast numbers."""
        whole = self._whole
        return self.nearest if whole is None or abs(whole) > most else whole

    @cached_property
    def _whole(self) -> int | None:
        """The number, where it is a whole one."""
        return int(self.exact) if self.exact.is_Integer else None


@dataclass(frozen=True)
class Step:
    """``operation`` applied to the values in the slots ``arguments``; its result opens the next slot."""

    operation: str
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Slots are numbered: first the inputs, then the constants, then one for each step."""

    inputs: tuple[str, ...]
    constants: tuple[Constant, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def run(self, arithmetic: Arithmetic, values: Mapping[str, Any]) -> list[Any]:
        """The outputs, computed in ``arithmetic`` from a value for each input."""
        slots = [values[name] for name in self.inputs]
        slots += [arithmetic.constant(constant) for constant in self.constants]
        operations = arithmetic.operations
        for step, dead in zip(self.steps, self._dead, strict=True):
            slots.append(operations[step.operation](*[slots[slot] for slot in step.arguments]))
            for slot in dead:  # a vector of a million samples is not kept longer than it is needed
                slots[slot] = None
        return [slots[slot] for slot in self.outputs]

    def run_moved(self, arithmetic: Arithmetic, slots: Sequence[Any], name: str, value: Any) -> Any:
        """The first output where one input has another value than in ``slots``, by the steps that depend on it."""
        found = [*slots[: len(self.inputs)], *(arithmetic.constant(constant) for constant in self.constants)]
        found += slots[self.first_step :]
        found[self.inputs.index(name)] = value
        if name not in self._moved:
            self._moved[name] = self._steps_after(name)
        for slot in self._moved[name]:
            step = self.steps[slot - self.first_step]
            found[slot] = arithmetic.operations[step.operation](*[found[i] for i in step.arguments])
        return found[self.outputs[0]]

    @cached_property
    def _moved(self) -> dict[str, list[int]]:
        return {}

    def _steps_after(self, name: str) -> list[int]:
        return [slot for slot, depends in enumerate(self.depends_on([name])) if depends and slot >= self.first_step]

    @cached_property
    def _dead(self) -> tuple[tuple[int, ...], ...]:
        """For each step, the slots that nothing uses after it."""
        needed = set(self.outputs)
        dead: list[tuple[int, ...]] = []
        for step in reversed(self.steps):
            dead.append(tuple(set(step.arguments) - needed))
            needed.update(step.arguments)
        return tuple(reversed(dead))

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations that the program uses."""
        return frozenset(step.operation for step in self.steps)

    @property
    def first_step(self) -> int:
        """The slot of the first step."""
        return len(self.inputs) + len(self.constants)

    def number(self, slot: int) -> sympy.Expr | None:
        """The exact constant in a slot; None for a slot that holds an input or a result."""
        place = slot - len(self.inputs)
        return self.constants[place].exact if 0 <= place < len(self.constants) else None

    def computes_as(self, other: Program) -> bool:
        """Whether both run the same operations on the same numbers; a + b and b + a are the same, rounded or not."""
        seen: dict[tuple[Any, ...], int] = {}
        return self._numbered(seen) == other._numbered(seen)

    def _numbered(self, seen: dict[tuple[Any, ...], int]) -> list[int]:
        """The outputs as numbers of the values in ``seen``, which grows."""
        slots = [seen.setdefault(("input", name), len(seen)) for name in self.inputs]
        slots += [seen.setdefault(("constant", constant.exact), len(seen)) for constant in self.constants]
        for step in self.steps:
            operands = [slots[slot] for slot in step.arguments]
            key = (step.operation, *(sorted(operands) if step.operation in _COMMUTATIVE else operands))
            slots.append(seen.setdefault(key, len(seen)))
        return [slots[slot] for slot in self.outputs]

    def depends_on(self, names: Sequence[str]) -> Sequence[bool]:
        """For each slot, whether its value depends on one of the inputs ``names``."""
        key = frozenset(names)
        if key not in self._depending:
            depends = [name in key for name in self.inputs] + [False] * len(self.constants)
            for step in self.steps:
                depends.append(any(depends[slot] for slot in step.arguments))
            self._depending[key] = tuple(depends)
        return self._depending[key]

    @cached_property
    def _depending(self) -> dict[frozenset[str], tuple[bool, ...]]:
        return {}


def lower(expressions: Sequence[sympy.Expr], inputs: Sequence[str], *, plain: bool = True) -> Program:
    """The program that computes ``expressions`` from ``inputs``.

    It is one of elementary operations, powers being products and square roots, which every arithmetic rounds least.
    Where ``plain`` is false powers stay, as somebody writes them who leaves the derivative to torch: that of a product
    with √x is not defined at 0, where that of x^2.5 is.
    Raises :class:`TypeError` for a SymPy node that has no operation.
    """
    return _lowered(tuple(expressions), tuple(inputs), plain)


@remembered(128)  # each check of a loss, and each cause that is sought, comes back to the same expressions
def _lowered(expressions: tuple[sympy.Expr, ...], inputs: tuple[str, ...], plain: bool) -> Program:
    from diffexplore.formula.collector import elementary
    from diffexplore.program.lowering import Lowering

    lowering = Lowering(inputs)
    program = lowering.program([lowering.slot(expression) for expression in expressions])
    return elementary(program) if plain else program


def lower_constant(expression: sympy.Expr) -> Program:
    """The program of an expression without symbols, with its rationals, pi and e as the only constants."""
    from diffexplore.formula.collector import elementary
    from diffexplore.program.lowering import Lowering

    lowering = Lowering((), fold=False)
    return elementary(lowering.program([lowering.slot(expression)]))
