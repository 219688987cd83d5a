"""Comparisons of step functions with numbers, as comparisons of what is rounded: floor(u) = 2 is 2 ≤ u < 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from diffexplore.formula.step_functions import StepFunction, ceil, floor, rounded, trunc

#: A bound from below: whether it belongs to what is above it, and where it is.
Bound = tuple[bool, Expr]


def _of_trunc(k: sympy.Integer) -> Bound:
    return (True, k) if k >= 1 else (False, k - 1)


#: A step function → from where on its value is at least the whole number k.
_REACHED: Mapping[type[StepFunction], Callable[[sympy.Integer], Bound]] = {
    floor: lambda k: (True, k),
    ceil: lambda k: (False, k - 1),
    trunc: _of_trunc,
    rounded: lambda k: (bool(k % 2 == 0), k - sympy.S.Half),  # of two whole numbers, the even one
}


def stepped(x: Expr, y: Expr) -> tuple[StepFunction, sympy.Rational, bool] | None:
    """A step function f, a number c and whether x < y is f < c, else f > c; None where x and y are no such numbers."""
    if not (x.has(StepFunction) or y.has(StepFunction)):
        return None
    constant, rest = (x - y).as_coeff_Add()
    factor, step = rest.as_coeff_Mul()
    if not isinstance(step, StepFunction) or not (constant.is_Rational and factor.is_Rational):
        return None
    return step, -constant / factor, bool(factor > 0)


def at_least(step: StepFunction, k: sympy.Integer, less: Callable[[Expr, Expr], Boolean],
             opposite: Callable[[Boolean], Boolean]) -> Boolean:  # fmt: skip
    """step ≥ k, as a comparison of its argument."""
    (u,) = step.args
    belongs, bound = _REACHED[type(step)](k)
    return opposite(less(u, bound)) if belongs else less(bound, u)
