"""Sums, products, quotients and steps of elements, by direct rules: they are in every program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy

from diffexplore.arithmetic import double_double as pairs
from diffexplore.arithmetic.double_balls import LARGEST, SMALLEST, DoubleBall, exact
from diffexplore.arithmetic.dual_balls import (
    bilinear,
    div,
    linear,
    mul,
    neg,
    unknown_where,
    value_of,
    zeros_here,
)
from diffexplore.arithmetic.out_of_range import add_beyond, mul_beyond
from diffexplore.arithmetic.tensor_balls import chosen, filled, given, infinite, quotient, settled
from diffexplore.torch_ops.tensor_rules.elementwise import elementwise, of_slopes
from diffexplore.torch_ops.tensor_rules.operands import (
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    Pullback,
    TensorRule,
    results_of,
)

_ONE = exact(1.0)


def number_of(operand: object) -> DoubleBall:
    """The exact value of a tensor or of a Python number."""
    if isinstance(operand, Operand):
        return operand.number
    if not isinstance(operand, (int, float)):
        raise NotCertified(f"the argument {operand} is not a real number")
    number = float(operand)
    if isinstance(operand, int) and int(number) != operand:
        below = float(operand - int(number))
        if number + below != number or int(below) != operand - int(number):
            raise NotCertified("an integer of more digits than double-double has is used as a number")
        return DoubleBall(*map(np.array, (number, below, 0.0)))
    return given(np.array(number))


@linear
def plus(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x + y, also where one of them is infinite, or near the end of the doubles, as masks are."""
    total = _of_doubles(pairs.two_sum, x, y, least=0.0) or add_beyond(x, y)
    if np.isfinite(total.high).all():
        return total
    first, second = infinite(x), infinite(y)
    known = (first & np.isfinite(y.radius) & ~second) | (second & np.isfinite(x.radius) & ~first)
    known |= first & second & (x.high == y.high)
    return chosen(known, DoubleBall(x.high + y.high, np.float64(0.0), np.float64(0.0)), total)


@bilinear
def product(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x · y, also where one is infinite and the other is certainly not 0, or one is 0 and the other out of range."""
    found = _of_doubles(pairs.two_prod, x, y, least=SMALLEST) or mul(x, y)
    if np.isfinite(found.radius).all():
        return found
    found = chosen(np.isfinite(found.radius), found, mul_beyond(x, y))
    known = (infinite(x) & (y.nearest_to_zero > 0)) | (infinite(y) & (x.nearest_to_zero > 0))
    known |= (x.exactly_zero & _certain(y)) | (y.exactly_zero & _certain(x))
    return chosen(known, DoubleBall(x.high * y.high, np.float64(0.0), np.float64(0.0)), found)


def _certain(x: DoubleBall) -> np.ndarray:
    """Where x is enclosed, be it out of range."""
    return np.isfinite(x.high) & np.isfinite(x.radius)


def _of_doubles(
    operation: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    x: DoubleBall,
    y: DoubleBall,
    *,
    least: float,
) -> DoubleBall | None:
    """An operation that is exact on doubles, where all are doubles, and no result is so small that it is not."""
    if any(np.any(field) for ball in (x, y) for field in (ball.low, ball.radius)):
        return None
    high, low = operation(x.high, y.high)
    size = np.abs(high)
    if not np.all((size <= LARGEST) & np.isfinite(low) & ((size >= least) | (x.high == 0) | (y.high == 0))):
        return None
    return DoubleBall(high, low, np.zeros_like(high))


def weighted_sum(first: float, second: float, *, scaled: int = 1) -> TensorRule:
    """``first``·x + ``second``·y, of which alpha multiplies that at the place ``scaled``."""

    def rule(call: OperatorCall) -> Applied:
        weights = [exact(first), exact(second)]
        weights[scaled] = product(weights[scaled], number_of(call.argument("alpha", 1)))
        terms = [_scaled(weight, number_of(x)) for weight, x in zip(weights, call.args[:2], strict=True)]
        return _of_slopes(plus(*terms), call, [*map(zeros_here, weights)])

    return rule


def _scaled(weight: DoubleBall, x: DoubleBall) -> DoubleBall:
    if weight.low == 0 and weight.radius == 0 and abs(weight.high) == 1:
        return x if weight.high == 1 else neg(x)
    return product(weight, x)


def _of_slopes(value: DoubleBall, call: OperatorCall, slopes: list[DoubleBall]) -> Applied:
    tensors = [operand for operand in call.args if isinstance(operand, Operand)]
    of = [slope for operand, slope in zip(call.args, slopes, strict=False) if isinstance(operand, Operand)]
    shape = np.broadcast_shapes(*(operand.shape for operand in tensors))
    return of_slopes(filled(value, shape), tensors, {i: of[i] for i, operand in enumerate(tensors) if operand.varies})


def multiplied(call: OperatorCall) -> Applied:
    """x · y."""
    x, y = (number_of(operand) for operand in call.args[:2])
    return _of_slopes(product(x, y), call, [zeros_here(y), zeros_here(x)])


def divided(call: OperatorCall) -> Applied:
    """x / y, rounded to an integer where rounding_mode says how."""
    mode = call.argument("rounding_mode")
    if mode is not None:
        return stepped(np.floor if mode == "floor" else np.trunc)(call)
    x, y = (number_of(operand) for operand in call.args[:2])
    value = div(x, y)
    if not np.isfinite(value.radius).all():
        return elementwise(_quotient, call.args[:2])
    varies = [isinstance(operand, Operand) and operand.varies for operand in call.args[:2]]
    slopes = [div(_ONE, y) if varies[0] else _ONE, neg(div(value, y)) if varies[1] else _ONE]
    if not all(np.isfinite(slope.radius).all() for slope in slopes):
        return elementwise(_quotient, call.args[:2])
    return _of_slopes(value, call, [*map(zeros_here, slopes)])


def _quotient(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x / y


def stepped(step: Callable[[np.ndarray], np.ndarray]) -> TensorRule:
    """A step function of x, or of x / y: constant between its jumps; on a jump, or perhaps on one, nothing is known.

    On a jump at which x varies even the value counts as anything between both sides: as a factor it is another one
    beside the jump, also where what it multiplies is 0.
    """

    def rule(call: OperatorCall) -> Applied:
        operands = [operand for operand in call.args[:2] if isinstance(operand, (Operand, int, float))]
        x = number_of(operands[0]) if len(operands) == 1 else div(*(number_of(one) for one in operands))
        x = filled(x, tuple(call.out.shape))
        slack = np.abs(x.low) + x.radius + np.abs(x.high) * 2.0**-50
        exactly = (x.low == 0) & (x.radius == 0)
        slack = np.where(exactly, 0.0, slack)
        below = step(np.minimum(x.high - slack, np.nextafter(x.high, -np.inf)))
        above = step(np.maximum(x.high + slack, np.nextafter(x.high, np.inf)))
        clear = below == above
        value = step(x.high)
        varies = any(isinstance(operand, Operand) and operand.varies for operand in operands)
        between = np.abs(above - below) if varies else 0.0
        radius = np.where(clear, 0.0, np.where(exactly, between, np.inf))
        ball = DoubleBall(value, np.zeros_like(value), radius)
        if clear.all():
            return Applied((ball,), None)
        slope = DoubleBall(np.zeros_like(value), np.zeros_like(value), np.where(clear, 0.0, np.inf))
        return _of_a_jump(_of_slopes(ball, call, [slope, slope]))

    return rule


def _of_a_jump(applied: Applied) -> Applied:
    """A jump is bounded: times what is 0 at this point it has no part in the derivative."""
    inner = applied.pullback
    if inner is None:
        return applied

    def pullback(cotangents: Sequence[DoubleBall | None]) -> Sequence[DoubleBall | None]:
        return inner([None if one is None else settled(one) for one in cotangents])

    return Applied(applied.outputs, pullback)


def mantissa(call: OperatorCall) -> Applied:
    """frexp: x · 2⁻ᵉ, where e is certain; it jumps at the powers of 2, and at 0."""
    x, exponent = call.args[0], -results_of(call)[1].numpy().astype(np.int64)
    ball = value_of(x.number)
    scaled = DoubleBall(*(np.ldexp(field, exponent) for field in ball))
    size, slack = np.abs(scaled.high), np.abs(scaled.low) + scaled.radius
    known = (size - slack >= 0.5) & (size + slack < 1) | ball.exactly_zero
    inside = (size - slack > 0.5) & known
    value = unknown_where(~known, scaled)
    slope = unknown_where(~inside, exact(np.ldexp(1.0, exponent)))
    applied = of_slopes(value, [x], {0: slope} if x.varies else {})
    return Applied((*applied.outputs, None), applied.pullback and _of_the_first(applied.pullback))


def _of_the_first(pullback: Pullback) -> Pullback:
    def of_all(cotangents: Sequence[DoubleBall | None]) -> Sequence[DoubleBall | None]:
        return pullback(cotangents[:1])

    return of_all


def next_number(call: OperatorCall) -> Applied:
    """nextafter: x and a step to the next number of the dtype, which is a constant; a jump where x is y."""
    x, y = call.args[:2]
    moved = given((call.out.double() - x.value.double()).numpy())
    equal = np.broadcast_to((x.value == y.value).numpy(), moved.high.shape)
    slopes = {
        place: unknown_where(equal, filled(exact(slope), equal.shape))
        for place, slope in enumerate((1.0, 0.0))
        if call.args[place].varies
    }
    return of_slopes(plus(x.number, moved), [x, y], slopes)


def rounded(call: OperatorCall) -> Applied:
    """round, to so many decimals: the multiple of 10^−decimals that is nearest."""
    decimals = call.argument("decimals", 0)
    if not decimals:
        return stepped(np.rint)(call)
    scale = exact(10.0 ** abs(decimals))
    larger, smaller = (mul, quotient) if decimals > 0 else (quotient, mul)
    whole = Operand(call.args[0].value, larger(call.args[0].number, scale), varies=call.args[0].varies)
    applied = stepped(np.rint)(OperatorCall(call.function, (whole,), {}, call.out))
    assert isinstance(applied.outputs[0], DoubleBall)
    return Applied((smaller(applied.outputs[0], scale),), applied.pullback)


def negated(call: OperatorCall) -> Applied:
    """−x."""
    return of_slopes(neg(number_of(call.args[0])), [call.args[0]], {0: exact(-1.0)} if call.args[0].varies else {})
