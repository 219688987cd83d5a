"""Balls with their derivatives along a direction: what is computed of balls is differentiated as it is computed.

Whatever is made of balls by the functions here, and by those of :mod:`~diffexplore.arithmetic.tensor_balls` and
:mod:`~diffexplore.arithmetic.ball_products`, may be made of dual numbers x + ε·t as well, ε² = 0. Cotangents that are
swept back through a program at x + ε·v are then the gradient, and ε times its derivative along v: what Pearlmutter
calls R{·} ("Fast exact multiplication by the Hessian", Neural Computation 6, 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, Self

import numpy as np

from diffexplore.arithmetic import double_balls, kinds_of_zeros, small_quotients
from diffexplore.arithmetic.double_balls import DoubleBall

P = ParamSpec("P")
Balls = Callable[P, DoubleBall]


class NotDifferentiated(TypeError):
    """Something is computed of the fields of a ball, and so has no derivative that is known."""


class DualBall(DoubleBall):
    """A ball, which decides whatever is to be decided, and its ``tangent``, a ball of the same shape.

    Its fields can be read one by one. They cannot be taken together, nor written to: what is made of them would lose
    the tangent.
    """

    tangent: DoubleBall

    @classmethod
    def of(cls, value: DoubleBall, tangent: DoubleBall) -> Self:
        """Where nothing is known of the value, nothing is of its tangent."""
        shape = np.shape(value.high)
        high, low, radius = (np.broadcast_to(field, shape) for field in tangent)
        if not np.all(np.isfinite(value.radius)):
            radius = np.where(np.isfinite(value.radius), radius, np.inf)
        found = cls(*(_read_only(np.broadcast_to(field, shape)) for field in value))
        found.tangent = DoubleBall(high, low, radius)
        return found

    def __iter__(self) -> Iterator[Any]:
        raise NotDifferentiated("the derivative of one of its steps is not known")

    def _replace(self, **fields: Any) -> Self:
        """Another radius. Where it is larger, at a kink or a tie, nothing is known of the tangent."""
        if set(fields) != {"radius"}:
            raise NotDifferentiated("the derivative of one of its steps is not known")
        found = DoubleBall(self.high, self.low, fields["radius"])
        return self.of(found, unknown_where(~(found.radius <= self.radius), self.tangent))


def unknown_where(there: np.ndarray, tangent: DoubleBall) -> DoubleBall:
    """A tangent of which nothing is known where ``there`` holds."""
    return DoubleBall(tangent.high, tangent.low, np.where(there, np.inf, tangent.radius))


def at_a_kink(there: np.ndarray, ball: DoubleBall) -> DoubleBall:
    """A number that bends, or is one of several, where ``there`` holds: nothing is known of its tangent there."""
    return DualBall.of(value_of(ball), unknown_where(there, ball.tangent)) if isinstance(ball, DualBall) else ball


def of_a_choice(known: np.ndarray, cotangent: DoubleBall) -> DoubleBall:
    """The cotangent of one of several numbers, of which zeros alone are known where it is not ``known`` which one."""
    vanishes = kinds_of_zeros.vanishes(value_of(cotangent))
    found = cotangent._replace(radius=np.where(known | vanishes, cotangent.radius, np.inf))
    return at_a_kink(~(known | kinds_of_zeros.vanishes(tangent_of(cotangent))), found)


def _read_only(field: np.ndarray) -> np.ndarray:
    found = field.view()
    found.flags.writeable = False
    return found


def value_of(ball: DoubleBall) -> DoubleBall:
    """The ball without its tangent."""
    return DoubleBall(ball.high, ball.low, ball.radius) if isinstance(ball, DualBall) else ball


def tangent_of(ball: DoubleBall) -> DoubleBall:
    """Exact zeros where it has none."""
    if isinstance(ball, DualBall):
        return ball.tangent
    nothing = np.zeros(np.shape(ball.high))
    return DoubleBall(nothing, nothing.copy(), nothing.copy())


def _parts(args: tuple[Any, ...], part: Callable[[DoubleBall], DoubleBall]) -> tuple[Any, ...]:
    return tuple(part(one) if isinstance(one, DoubleBall) else one for one in args)


def _has_tangent(args: tuple[Any, ...]) -> bool:
    return any(type(one) is DualBall for one in args)


def linear(function: Balls[P]) -> Balls[P]:
    """A function that is linear in all its balls together, of dual numbers as well."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> DoubleBall:
        if not _has_tangent(args):
            return function(*args, **kwargs)
        value, tangent = (function(*_parts(args, part), **kwargs) for part in (value_of, tangent_of))
        return DualBall.of(value, tangent)

    return run


def bilinear(
    function: Callable[[DoubleBall, DoubleBall], DoubleBall],
) -> Callable[[DoubleBall, DoubleBall], DoubleBall]:
    """A product, of dual numbers as well. A factor of 0 is the slope by the other one, at this point."""
    return _product_rule(function, kinds_of_zeros.zeros_here)


def times_slope(
    function: Callable[[DoubleBall, DoubleBall], DoubleBall],
) -> Callable[[DoubleBall, DoubleBall], DoubleBall]:
    """A product of cotangents and slopes, of dual numbers as well: a zero of either says what it does without them."""
    return _product_rule(function, lambda ball: ball)


def _product_rule(
    function: Callable[[DoubleBall, DoubleBall], DoubleBall], factor: Callable[[DoubleBall], DoubleBall]
) -> Callable[[DoubleBall, DoubleBall], DoubleBall]:
    @wraps(function)
    def run(x: DoubleBall, y: DoubleBall) -> DoubleBall:
        if not _has_tangent((x, y)):
            return function(x, y)
        left, right = value_of(x), value_of(y)
        terms = [function(x.tangent, factor(right))] if isinstance(x, DualBall) else []
        terms += [function(factor(left), y.tangent)] if isinstance(y, DualBall) else []
        return DualBall.of(function(left, right), terms[0] if len(terms) == 1 else double_balls.add(*terms))

    return run


def fraction(
    function: Callable[[DoubleBall, DoubleBall], DoubleBall],
) -> Callable[[DoubleBall, DoubleBall], DoubleBall]:
    """A quotient, of dual numbers as well: (x/y)˙ = (ẋ − x/y · ẏ) / y."""

    @wraps(function)
    def run(x: DoubleBall, y: DoubleBall) -> DoubleBall:
        if not _has_tangent((x, y)):
            return function(x, y)
        below = value_of(y)
        value = function(value_of(x), below)
        change = tangent_of(x)
        if isinstance(y, DualBall):
            change = double_balls.sub(change, double_balls.mul(value, y.tangent))
        return DualBall.of(value, small_quotients.quotient(change, below))

    return run


def of_slope(
    slope: Callable[[DoubleBall, DoubleBall], DoubleBall],
) -> Callable[[Callable[[DoubleBall], DoubleBall]], Callable[[DoubleBall], DoubleBall]]:
    """A function of each element, of dual numbers as well: ``slope`` is its derivative, of argument and value."""

    def decorated(function: Callable[[DoubleBall], DoubleBall]) -> Callable[[DoubleBall], DoubleBall]:
        @wraps(function)
        def run(x: DoubleBall) -> DoubleBall:
            value = function(value_of(x))
            if not isinstance(x, DualBall):
                return value
            return DualBall.of(value, double_balls.mul(x.tangent, slope(value_of(x), value)))

        return run

    return decorated


add, sub, neg = linear(double_balls.add), linear(double_balls.sub), linear(double_balls.neg)
mul, div = bilinear(double_balls.mul), fraction(double_balls.div)
zeros_here = linear(kinds_of_zeros.zeros_here)
