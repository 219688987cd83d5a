"""Numbers in which torch departs from the derivative, so that a refutation can name its cause.

Each is a symbol in the formulas. It stands for what torch computes with; where that is refuted, the number that the
derivative needs is put in its place, and the rule is decided again: if it is proved then, this is the whole cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy

from diffexplore.formula.recognise import Recognised


@dataclass(frozen=True)
class Departure:
    """A number of torch's, the one that the derivative needs, and the words for the difference.

    ``deliberate`` where torch does so on purpose; ``rounding`` where it is the number that is needed, rounded as a
    program rounds a constant (:mod:`diffexplore.formula.recognise`); else it is a defect.
    """

    actual: sympy.Rational
    needed: sympy.Expr
    words: str
    deliberate: bool = False
    rounding: Recognised | None = None


_DEPARTURES: dict[sympy.Symbol, Departure] = {}


def depart(
    name: str, actual: Fraction, needed: sympy.Expr, words: str, *, deliberate: bool = False,
    rounding: Recognised | None = None,
) -> sympy.Symbol:  # fmt: skip
    """The symbol of a departure, entered under its name."""
    symbol = sympy.Symbol(f"torch:{name}", real=True)
    exact = sympy.Rational(actual.numerator, actual.denominator)
    _DEPARTURES[symbol] = Departure(exact, needed, words, deliberate, rounding)
    return symbol


def departures_in(expr: sympy.Basic) -> tuple[Departure, ...]:
    """The departures that an expression holds."""
    return tuple(_DEPARTURES[symbol] for symbol in _symbols(expr))


def as_torch_has_it(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with the numbers that torch computes with."""
    return expr.xreplace({symbol: _DEPARTURES[symbol].actual for symbol in _symbols(expr)})


def as_it_should_be(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with the numbers that the derivative needs."""
    return expr.xreplace({symbol: _DEPARTURES[symbol].needed for symbol in _symbols(expr)})


def _symbols(expr: sympy.Basic) -> Iterable[sympy.Symbol]:
    return sorted((symbol for symbol in expr.free_symbols if symbol in _DEPARTURES), key=str)
