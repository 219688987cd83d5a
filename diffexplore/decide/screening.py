"""Points at which a claimed derivative is seen not to be wrong, so that no proof that it is wrong is looked for there.

Such a proof is exact, and takes SymPy a thousand times as long as a few values do. What is passed over is no
counterexample that anyone could see: to nine digits, over steps of 10⁻²⁰, the claim is the slope on both sides, or the
two sides have two slopes, so that there is no derivative.
"""

from __future__ import annotations

from functools import cached_property

import sympy
from flint import arb, fmpq

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.decide.membership import Point, rationals
from diffexplore.formula.budget import spend
from diffexplore.formula.compare import is_sharp, value_at
from diffexplore.program.program import Program, lower

_STEP = fmpq(1, 10**20)
_BITS = 320
_ALIKE, _APART = arb("1e-9"), arb("1e-6")
_STEPS_OF_AN_OPERATION = 20  # of a program in balls, beside a node that is rewritten


class Screen:
    """What the slopes of a function beside a point say of what is claimed of its derivative there."""

    def __init__(self, function: sympy.Expr, claimed: sympy.Expr, variable: sympy.Symbol) -> None:
        self._function, self._claimed, self._variable = function, claimed, variable
        self._symbols = sorted(function.free_symbols | {variable}, key=str)

    def passes(self, point: Point) -> bool:
        """Whether the claim is seen not to be wrong at a point; False where nothing is seen."""
        if self._program is None:
            return False
        spend(1 + 4 * len(self._program.steps) // _STEPS_OF_AN_OPERATION)
        with precision(_BITS):
            above, below = self._slope(point, 1), self._slope(point, -1)
            if not (is_sharp(above) and is_sharp(below)):
                return False
            if _distance(above, below) > _APART:
                return True
        there = self._claimed.xreplace(rationals(point))
        if there.free_symbols or there.has(sympy.nan, sympy.zoo, sympy.oo):
            return False
        claimed = value_at(there, {})
        return claimed is not None and bool(_distance(above, claimed) < _ALIKE)

    @cached_property
    def _program(self) -> Program | None:
        try:
            return lower([self._function], tuple(map(str, self._symbols)))
        except (TypeError, KeyError):  # what no operation computes
            return None

    def _slope(self, point: Point, side: int) -> arb:
        near, far = (self._beside(point, side * times * _STEP) for times in (1, 2))
        return (far - near) / arb(side * _STEP)

    def _beside(self, point: Point, step: fmpq) -> arb:
        assert self._program is not None
        values = {str(one): fmpq(*point[one].as_integer_ratio()) for one in self._symbols}
        values[str(self._variable)] += step
        return self._program.run(BALLS, {name: arb(value) for name, value in values.items()})[0]


def _distance(one: arb, other: arb) -> arb:
    """Their difference beside their size; near 0, where that of a slope is the step's, beside what a step makes."""
    return abs(one - other) / (abs(one) + abs(other) + arb(_STEP) / _ALIKE)
