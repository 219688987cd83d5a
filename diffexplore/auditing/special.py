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


class _OfTwo(sympy.Function):
    """A real function of two real arguments, with its derivative by the second one."""

    nargs = (2,)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        return self.slope(*self.args)

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(argument.is_extended_real for argument in self.args) else None


class hurwitz_zeta(_OfTwo):
    """ζ(s, q) = Σ 1/(q + n)^s for s > 1, q > 0; ∂ζ/∂q = −s·ζ(s + 1, q) (DLMF 25.11.17)."""

    @staticmethod
    def slope(s: sympy.Expr, q: sympy.Expr) -> sympy.Expr:
        return -s * hurwitz_zeta(s + 1, q)

    @staticmethod
    def value(s: Any, q: Any) -> Any:
        """The value at mpmath numbers."""
        return mpmath.zeta(s, q)


class igamma(_OfTwo):
    """P(a, x) = (1/Γ(a))·∫₀ˣ t^(a−1)·e^(−t) dt; so ∂P/∂x = x^(a−1)·e^(−x)/Γ(a) (DLMF 8.2.4, 8.8.13).

    Γ(a) is written exp(lgamma(a)), which it is for a > 0.
    """

    @staticmethod
    def slope(a: sympy.Expr, x: sympy.Expr) -> sympy.Expr:
        return sympy.exp((a - 1) * sympy.log(x) - x - sympy.loggamma(a))

    @staticmethod
    def value(a: Any, x: Any) -> Any:
        """The value at mpmath numbers."""
        return mpmath.gammainc(a, 0, x, regularized=True)


OPAQUE = (hurwitz_zeta, igamma, sympy.polygamma)
"""Functions that the programs of formulas lack; polygamma only where its order is a symbol."""

VALUES = {cls.__name__: cls.value for cls in (hurwitz_zeta, igamma, floor, ceil, trunc, rounded)}
"""Name → value at mpmath numbers, for :func:`sympy.lambdify`."""
