"""Classes of SymPy for the functions that SymPy lacks, made of what their records say."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import mpmath
import sympy
from sympy.core.function import ArgumentIndexError, FunctionClass

from diffexplore.errors import UsageError
from diffexplore.formula.functions_sympy import called_in_latex
from diffexplore.functions.domains import Kind
from diffexplore.functions.facts import ALWAYS_POSITIVE
from diffexplore.functions.records import Defined, Function

_GUARD_BITS = 64  # bits that a decimal value may lose in the arguments and in the sum


def _known(expr: sympy.Expr, kind: Kind) -> bool:
    """Whether what is needed of an expression holds by the assumptions of SymPy, which may use no others."""
    if kind == "nonzero":
        return bool(expr.is_nonzero)
    return bool(expr.is_nonnegative if kind == "nonnegative" else expr.is_positive)


class DefinedFunction(sympy.Function):
    """A real function of real arguments, with the derivatives, the sign and the domain of its record."""

    record: ClassVar[Function]

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative in one argument.

        Raises ArgumentIndexError where there is no such argument, UsageError where no expression has the derivative.
        """
        slopes = self._definition.slopes
        if not 0 < argindex <= len(slopes):
            raise ArgumentIndexError(self, argindex)
        slope = slopes[argindex - 1]
        if slope is None:
            raise UsageError(f"no formula has the derivative of {self.record.name} in its argument {argindex}")
        found = slope(*self.args)
        return sympy.nan if found.has(sympy.I) else found  # of a constant outside of the domain

    @property
    def _definition(self) -> Defined:
        assert isinstance(self.record.node, Defined)
        return self.record.node

    def _has_value(self) -> bool:
        """Whether the arguments are known to lie in the domain."""
        real = all(argument.is_real for argument in self.args)
        return real and all(_known(*need) for need in self.record.facts.domain.needs(*self.args))

    def _eval_is_extended_real(self) -> bool | None:
        return True if self._has_value() else None

    _eval_is_finite = _eval_is_extended_real

    def _eval_is_positive(self) -> bool | None:
        return True if self.record.facts.sign is ALWAYS_POSITIVE and self._has_value() else None

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        from diffexplore.arithmetic.balls import BALLS, precision
        from diffexplore.program.program import lower_constant

        if self.free_symbols:
            return None
        exact = self.xreplace({number: sympy.Rational(number) for number in self.atoms(sympy.Float)})
        with precision(prec + _GUARD_BITS):
            ball = lower_constant(exact).run(BALLS, {})[0]
            if not ball.is_finite():
                return None
            mantissa, exponent = ball.mid().man_exp()
        return sympy.Float._new(mpmath.libmp.from_man_exp(int(mantissa), int(exponent), prec, "n"), prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        name, count = self._definition.latex, self.record.orders
        if not count:
            return called_in_latex(name, self.args, printer, exp)
        text = called_in_latex(name.format(*map(printer._print, self.args[:count])), self.args[count:], printer, None)
        return rf"\left({text}\right)^{{{exp}}}" if exp else text


@cache
def class_of(record: Function) -> type[DefinedFunction]:
    """The class of a function whose record defines it, by the name that it has in print."""
    assert isinstance(record.node, Defined)
    members = {"record": record, "nargs": (len(record.node.slopes),), "__doc__": record.doc, "__module__": __name__}
    made: type[DefinedFunction] = FunctionClass(record.name, (DefinedFunction,), members)
    return made
