"""Bessel functions of germs, by their Taylor series at the limit."""

from __future__ import annotations

from diffexplore.arithmetic import taylor
from diffexplore.arithmetic.germ_arithmetic import absolute
from diffexplore.arithmetic.germ_powers import composed, exp
from diffexplore.arithmetic.germs import Germ, NoValueError, UndecidedError, limit_and_rest, mul, neg, whole


def bessel(kind: taylor.BesselKind, order: int, x: Germ, depth: int) -> Germ:
    """The function of that kind and order; those of the second kind have a value right of 0 alone."""
    at, rest = limit_and_rest(x)
    if kind in ("k", "y") and at <= 0:
        raise NoValueError if at < 0 or rest.is_zero else UndecidedError
    return composed(lambda count: taylor.of_bessel(kind, order, at, count), rest, depth)


def by_order(kind: taylor.BesselKind, order: Germ, x: Germ, depth: int) -> Germ:
    """The same, of an order that is an argument."""
    return bessel(kind, whole(order), x, depth)


def scaled(order: int, x: Germ, depth: int) -> Germ:
    """exp(−|x|)·Iₙ(x)."""
    return mul(exp(neg(absolute(x, depth)), depth), bessel("i", order, x, depth), depth)
