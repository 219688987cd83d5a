"""Operators that draw random numbers: the draw of this run counts as a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import add, div, mul, sub, zeros_here
from diffexplore.arithmetic.tensor_balls import chosen, times
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of, product
from diffexplore.torch_ops.tensor_rules.operands import Applied, OperatorCall

_ONE = exact(1.0)


def native_dropout(call: OperatorCall) -> Applied:
    """native_dropout: x · mask / (1 − p), and the mask that was drawn."""
    x, p, train = call.args
    kept = exact(call.out[1].double().numpy())
    scale = kept if train is False or p == 1 else mul(kept, div(_ONE, sub(_ONE, number_of(p))))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        return [None if cotangents[0] is None else times(cotangents[0], zeros_here(scale))]

    return Applied((product(x.number, scale), None), pullback)


def random_leaky_relu(call: OperatorCall) -> Applied:
    """rrelu_with_noise: negative elements times a slope, which is drawn for each where it trains."""
    x, noise = call.args[:2]
    lower, upper = (number_of(call.argument(name)) for name in ("lower", "upper"))
    slope = exact(noise.value.double().numpy()) if call.argument("training") else mul(exact(0.5), add(lower, upper))
    weight = chosen(x.number.high > 0, _ONE, slope)
    clear = (x.number.nearest_to_zero > 0) | (slope.high == 1)
    weight = weight._replace(radius=np.where(clear, weight.radius, np.inf))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        return [None if cotangents[0] is None else times(cotangents[0], weight), None]

    return Applied((product(x.number, weight),), pullback)
