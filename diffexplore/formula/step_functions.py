"""Functions that jump from one whole number to another, and are constant between their jumps.

SymPy's own floor has no derivative. Here it is 0, which holds wherever the argument is not at a jump, or does not move.
Classes are named in lower case as in SymPy, where the name of the class is the name in print.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar

import mpmath
import sympy
from sympy.core.function import ArgumentIndexError


class StepFunction(sympy.Function):
    """A whole number for each real one; of a rational it is evaluated at once."""

    nargs = (1,)

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        if isinstance(x, (sympy.Integer, StepFunction)):
            return x
        return sympy.Integer(int(cls.exact(x))) if x.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return sympy.S.Zero

    def _eval_is_integer(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        with mpmath.workprec(prec + 10):
            value = type(self).value(self.args[0]._eval_evalf(prec + 10)._to_mpmath(prec + 10))
            return sympy.Float(value, dps=None, precision=prec)

    exact: ClassVar[Callable[..., Any]]
    """The value at a rational number."""

    value: ClassVar[Callable[..., Any]]
    """The value at an mpmath number."""

    offset = sympy.S.Zero
    """Where the jumps are: at the whole numbers plus this."""


class floor(StepFunction):
    """The largest whole number that is not above the argument."""

    exact, value = sympy.floor, mpmath.floor


class ceil(StepFunction):
    """The smallest whole number that is not below the argument."""

    exact, value = sympy.ceiling, mpmath.ceil


class trunc(StepFunction):
    """The argument rounded towards 0."""

    exact = staticmethod(lambda x: sympy.floor(x) if x >= 0 else sympy.ceiling(x))
    value = staticmethod(lambda x: mpmath.floor(x) if x >= 0 else mpmath.ceil(x))


class rounded(StepFunction):
    """The nearest whole number; of two, the even one, as IEEE 754 rounds."""

    exact = staticmethod(lambda x: round(Fraction(int(x.p), int(x.q))))  # SymPy's own is wrong for many digits
    value = mpmath.nint
    offset = sympy.S.Half


def is_rounded(symbol: sympy.Basic, expr: sympy.Basic) -> bool:
    """Whether a symbol stands in the argument of a step function: then its derivative says nothing of roots."""
    return any(symbol in step.atoms(sympy.Symbol) for step in expr.atoms(StepFunction))


#: The step functions of whole numbers.
STEPS: tuple[type[StepFunction], ...] = (floor, ceil, trunc, rounded)
