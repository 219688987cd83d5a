"""A first look at whether an expression is 0: functions, roots and quotients as generators of which nothing is known.

What is 0 for whatever stands there is 0. Most gradients of networks agree so far with their derivatives, and the sum of
many hyperbolic tangents has few terms as long as they are not written as quotients of exponentials.
"""

from __future__ import annotations

from collections.abc import Hashable

import sympy

from diffexplore.decide.generators import Converter
from diffexplore.decide.rational import Quotient
from diffexplore.functions.facts import NormalForm
from diffexplore.functions.tables import function_of


class OpaqueConverter(Converter):
    """Turns expressions into polynomials of such generators; only exponentials of sums are products, as in SymPy."""

    def _learned(self, region: Hashable, nonnegative: tuple[sympy.Expr, ...]) -> dict[Hashable, int]:
        return {}  # signs say nothing of generators without relations

    def _convert(self, expr: sympy.Basic) -> Quotient:
        function = None if expr.is_Add or expr.is_Mul or expr.is_Pow else function_of(expr)
        if function is None or isinstance(expr, sympy.exp):
            return super()._convert(expr)
        named = isinstance(function.facts.normal_form, NormalForm)  # a generator already, or without a rule
        return super()._convert(expr) if named else self._generator(expr)

    def _pow(self, base: sympy.Expr, exponent: sympy.Expr) -> Quotient:
        if base is sympy.E:
            return super()._pow(base, exponent)
        value = self.convert(base)
        if not exponent.is_Rational:
            return self._opaque("power", [value, self.convert(exponent)])
        if exponent.q != 1:
            value = self._opaque("root", [value, self.ring.constant(int(exponent.q))])
        return self.ring.power(self._inverse(value) if exponent.p < 0 else value, abs(int(exponent.p)))

    def _inverse(self, value: Quotient) -> Quotient:
        """1/value; that of a sum of terms is a generator, so that no common denominator is ever sought."""
        if len(value.top) < 2:
            return self.ring.inverse(value)
        lead, one = value.top.leading_coefficient(), self.ring.one.top
        inverse = self._opaque("inverse", [Quotient(value.top / lead, one)])
        return self.ring.mul(inverse, Quotient(value.bottom / lead, one))
