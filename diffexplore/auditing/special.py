"""Functions of torch that SymPy lacks, each with the derivative that a reference gives, not the rule under audit.

A step function (floor, trunc, round) is constant between its jumps, so its derivative there is 0: that is all that is
said of it, and a proof with one holds only off the jumps.
"""

from __future__ import annotations

from typing import Any

import mpmath
import sympy
from sympy.core.function import ArgumentIndexError

from diffexplore.formula.step_functions import ceil, floor, rounded, trunc


class _Real(sympy.Function):
    """A real function of one real argument with its derivative and its values."""

    nargs = (1,)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return self._slope(self.args[0])

    def _slope(self, x: sympy.Expr) -> sympy.Expr:
        raise NotImplementedError

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        with mpmath.workprec(prec + 10):
            return sympy.Float(type(self).value(self.args[0]._eval_evalf(prec + 10)._to_mpmath(prec + 10)), dps=None,
                               precision=prec)  # fmt: skip

    @staticmethod
    def value(x: Any) -> Any:
        """The value at an mpmath number."""
        raise NotImplementedError


class i0(_Real):
    """The modified Bessel function I₀; I₀′ = I₁ (DLMF 10.29.3)."""

    def _slope(self, x: sympy.Expr) -> sympy.Expr:
        return i1(x)

    @staticmethod
    def value(x: Any) -> Any:
        return mpmath.besseli(0, x)


class i1(_Real):
    """The modified Bessel function I₁; I₁′ = I₀ − I₁/x (DLMF 10.29.2 with ν = 1)."""

    def _slope(self, x: sympy.Expr) -> sympy.Expr:
        return i0(x) - i1(x) / x

    @staticmethod
    def value(x: Any) -> Any:
        return mpmath.besseli(1, x)


class hurwitz_zeta(sympy.Function):
    """ζ(s, q) = Σ 1/(q + n)^s for s > 1, q > 0; ∂ζ/∂q = −s·ζ(s + 1, q) (DLMF 25.11.17)."""

    nargs = (2,)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        s, q = self.args
        return -s * hurwitz_zeta(s + 1, q)

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(argument.is_extended_real for argument in self.args) else None

    @staticmethod
    def value(s: Any, q: Any) -> Any:
        """The value at mpmath numbers."""
        return mpmath.zeta(s, q)


class igamma(sympy.Function):
    """P(a, x) = (1/Γ(a))·∫₀ˣ t^(a−1)·e^(−t) dt; so ∂P/∂x = x^(a−1)·e^(−x)/Γ(a) (DLMF 8.2.4, 8.8.13).

    Γ(a) is written exp(lgamma(a)), which it is for a > 0.
    """

    nargs = (2,)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        a, x = self.args
        return sympy.exp((a - 1) * sympy.log(x) - x - sympy.loggamma(a))

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(argument.is_extended_real for argument in self.args) else None

    @staticmethod
    def value(a: Any, x: Any) -> Any:
        """The value at mpmath numbers."""
        return mpmath.gammainc(a, 0, x, regularized=True)


OPAQUE = (i0, i1, hurwitz_zeta, igamma, sympy.polygamma)
"""Functions that the programs of formulas lack; polygamma only where its order is a symbol."""

VALUES = {cls.__name__: cls.value for cls in (i0, i1, hurwitz_zeta, igamma, floor, ceil, trunc, rounded)}
"""Name → value at mpmath numbers, for :func:`sympy.lambdify`."""
