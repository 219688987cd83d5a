"""Functions that stand in for SymPy's own: they are differentiated by the rules of the real line."""

from __future__ import annotations

from collections.abc import Set

import sympy

from diffexplore.formula.functions_sympy import dsinc


def standing_in(expr: sympy.Expr, stand_in: type[StandIn], symbols: Set[sympy.Symbol]) -> sympy.Expr:
    """``expr`` with the function replaced wherever it depends on the symbols: max cannot compare unknown constants."""
    return expr.replace(
        lambda node: isinstance(node, stand_in.original) and not symbols.isdisjoint(node.free_symbols),
        lambda node: stand_in(*node.args),
    )


class StandIn(sympy.Function):
    """A function that is differentiated by the rules of the real line."""

    original: type[sympy.Basic]
    slope: type[StandIn] | None = None

    @classmethod
    def back(cls, *args: sympy.Expr) -> sympy.Expr:
        return cls.original(*args)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 1:
            return sympy.S.Zero  # the value of Heaviside at 0 is a constant
        return self.slope(self.args[0]) if self.slope else sympy.S.Zero


class _Sign(StandIn):
    original = sympy.sign


class _Step(StandIn):
    original = sympy.Heaviside


class _Abs(StandIn):
    original, slope = sympy.Abs, _Sign


class _Extreme(StandIn):
    """max or min: the operands were compared when it was made, each with each; they are not compared again."""

    sign = 1

    def _eval_is_real(self) -> bool | None:
        return True if all(arg.is_real for arg in self.args) else None

    @classmethod
    def back(cls, *args: sympy.Expr) -> sympy.Expr:
        return cls.original(*args, evaluate=False)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        own, others = self.args[argindex - 1], (*self.args[: argindex - 1], *self.args[argindex:])
        other = others[0] if len(others) == 1 else self.back(*others)
        return sympy.Heaviside(self.sign * (own - other))


class _Max(_Extreme):
    original = sympy.Max


class _Min(_Extreme):
    original, sign = sympy.Min, -1


class _Sinc(StandIn):
    original = sympy.sinc

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return dsinc(1, self.args[0])


STAND_INS: tuple[type[StandIn], ...] = (_Abs, _Sign, _Step, _Sinc, _Max, _Min)
