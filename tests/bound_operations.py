"""Operations with their exact functions, drawn balls, and the assertion that a radius holds: for the tests of bounds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.balls import OPERATIONS as ARB
from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor
Exact = Callable[..., Any]

TORCH_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
COUNT = 24

#: Where the operands of a function are drawn from.
REAL, POSITIVE, UNIT, ABOVE_ONE, WHOLE = "real", "positive", "unit", "above one", "whole"


@dataclass(frozen=True)
class Operation:
    """One operation of torch with its exact counterpart on Arb numbers, and the domains of its operands."""

    rule: str
    function: Callable[..., Tensor]
    exact: Exact
    domains: tuple[str, ...] = (REAL,)


def clamp(x: arb, low: float, high: float) -> arb:
    return x.max(arb(low)).min(arb(high))


OPERATIONS = {
    "add": Operation("add", torch.add, lambda x, y: x + y, (REAL, REAL)),
    "add with alpha": Operation("add", lambda x, y: torch.add(x, y, alpha=0.3), lambda x, y: x + y * arb(0.3), (REAL, REAL)),
    "add a number": Operation("add", lambda x: x + 0.1, lambda x: x + arb(0.1)),
    "sub": Operation("sub", torch.sub, lambda x, y: x - y, (REAL, REAL)),
    "rsub": Operation("rsub", torch.rsub, lambda x, y: y - x, (REAL, REAL)),
    "number - x": Operation("rsub", lambda x: 0.7 - x, lambda x: arb(0.7) - x),
    "mul": Operation("mul", torch.mul, lambda x, y: x * y, (REAL, REAL)),
    "mul a number": Operation("mul", lambda x: x * 0.1, lambda x: x * arb(0.1)),
    "mul an integer": Operation("mul", lambda x: 3 * x, lambda x: 3 * x),
    "div": Operation("div", torch.div, lambda x, y: x / y, (REAL, REAL)),
    "div by a number": Operation("div", lambda x: x / 0.3, lambda x: x / arb(0.3)),
    "number / x": Operation("div", lambda x: 1 / x, lambda x: 1 / x),
    "reciprocal": Operation("reciprocal", torch.reciprocal, lambda x: 1 / x),
    "neg": Operation("neg", torch.neg, lambda x: -x),
    "abs": Operation("abs", torch.abs, abs),
    "relu": Operation("relu", torch.relu, lambda x: x.max(arb(0))),
    "clamp": Operation("clamp", lambda x: torch.clamp(x, -1, 1.5), lambda x: clamp(x, -1, 1.5)),
    "clamp_min": Operation("clamp_min", lambda x: torch.clamp_min(x, 0.5), lambda x: x.max(arb(0.5))),
    "clamp_max": Operation("clamp_max", lambda x: torch.clamp_max(x, 0.5), lambda x: x.min(arb(0.5))),
    "fmax": Operation("fmax", torch.fmax, lambda x, y: x.max(y), (REAL, REAL)),
    "fmin": Operation("fmin", torch.fmin, lambda x, y: x.min(y), (REAL, REAL)),
    "maximum": Operation("maximum", torch.maximum, lambda x, y: x.max(y), (REAL, REAL)),
    "minimum": Operation("minimum", torch.minimum, lambda x, y: x.min(y), (REAL, REAL)),
    "logaddexp": Operation("logaddexp", torch.logaddexp, lambda x, y: x + (y - x).exp().log1p(), (REAL, REAL)),
    "sqrt": Operation("sqrt", torch.sqrt, arb.sqrt, (POSITIVE,)),
    "rsqrt": Operation("rsqrt", torch.rsqrt, lambda x: 1 / x.sqrt(), (POSITIVE,)),
    "exp2": Operation("exp2", torch.exp2, lambda x: arb(2) ** x),
    "square": Operation("square", torch.square, lambda x: x * x),
    "pow": Operation("pow", torch.pow, lambda x, y: x**y, (POSITIVE, UNIT)),
    "pow of whole numbers": Operation("pow", torch.pow, lambda x, y: x ** int(float(y)), (REAL, WHOLE)),
    **{
        f"x ** {p}": Operation("pow", lambda x, p=p: x**p, lambda x, p=p: x ** arb(p), (POSITIVE,))
        for p in (0.5, -0.5, 1 / 3, 2.5, -1.7, 0.0)
    },
    **{
        f"x ** {p}": Operation("pow", lambda x, p=p: x**p, lambda x, p=p: x**p if p > 0 else 1 / x**-p)
        for p in (1, 2, 3, 4, -1, -2, -3)
    },
    "tanh_backward": Operation(
        "tanh_backward", torch.ops.aten.tanh_backward, lambda g, t: g * (1 - t * t), (REAL, UNIT)
    ),
    "sigmoid_backward": Operation(
        "sigmoid_backward", torch.ops.aten.sigmoid_backward, lambda g, s: g * s * (1 - s), (REAL, UNIT)
    ),
    "floor": Operation("floor", torch.floor, arb.floor),
    "ceil": Operation("ceil", torch.ceil, arb.ceil),
    "trunc": Operation("trunc", torch.trunc, lambda x: x.floor() if x >= 0 else x.ceil()),
    "round": Operation("round", torch.round, lambda x: (x + arb(0.5)).floor()),
    "atan2": Operation("atan2", torch.atan2, arb.atan2, (REAL, REAL)),
    "erfinv": Operation("erfinv", torch.erfinv, arb.erfinv, (UNIT,)),
    "lgamma": Operation("lgamma", torch.lgamma, arb.lgamma, (POSITIVE,)),
    "digamma": Operation("digamma", torch.digamma, arb.digamma, (POSITIVE,)),
    **{
        name: Operation(name, getattr(torch, name), ARB[name], (domain,))
        for domain, names in {
            REAL: "exp expm1 sin cos tan atan sinh cosh tanh asinh erf erfc sigmoid",
            POSITIVE: "log log1p",
            UNIT: "asin acos atanh",
            ABOVE_ONE: "acosh",
        }.items()
        for name in names.split()
    },
}  # fmt: skip

#: torch writes these in place under other names, or not at all.
NOT_IN_PLACE = {"rsub", "logaddexp", "fmax", "fmin", "maximum", "minimum", "tanh_backward", "sigmoid_backward"}


# ------------------------------------------------------------------------------------------------------ the machinery
def drawn(domain: str, generator: np.random.Generator, dtype: torch.dtype, count: int = COUNT) -> Tensor:
    """Numbers of many sizes in a domain, as the dtype holds them."""
    sizes = np.where(
        generator.random(count) < 0.5, generator.uniform(0, 5, count), np.exp2(generator.uniform(-20, 6, count))
    )
    sign = generator.choice([-1.0, 1.0], count)
    values = {
        REAL: sign * sizes * (generator.random(count) > 0.05),
        POSITIVE: sizes,
        UNIT: np.clip(sign * np.where(generator.random(count) < 0.5, 1 - sizes / 80, sizes / 80), -0.99, 0.99),
        ABOVE_ONE: 1 + sizes,
        WHOLE: generator.integers(-3, 5, count).astype(float),
    }[domain]
    return torch.from_numpy(values).to(dtype)


def radii(x: Tensor, domain: str, exponent: int, generator: np.random.Generator) -> Tensor:
    """Radii around some power of two, relative or absolute, some of them 0."""
    wide = x.to(torch.float64)
    if domain == WHOLE:
        return torch.zeros_like(wide)
    share = torch.from_numpy(generator.choice([0.0, 0.5, 1.0], len(x)))
    size = wide.abs() if generator.random() < 0.7 else torch.ones_like(wide)
    return share * size * 2.0**exponent


def run(
    function: Callable[..., Any], operands: Sequence[Tensor], reach: Sequence[Tensor], *, smooth: bool = False
) -> tuple[Any, Any]:
    """A function of tensors under a watch that knows their radii, and the radii of what it returns."""
    with Watch(smooth=smooth) as watch:
        for operand, radius in zip(operands, reach, strict=True):
            watch.set(operand, radius)
        out = function(*operands)
    if isinstance(out, tuple):
        return [tensor.to(torch.float64) for tensor in out], [watch.radius(tensor) for tensor in out]
    return out.to(torch.float64), watch.radius(out)


def corners(mids: Sequence[float], reach: Sequence[float], generator: np.random.Generator) -> list[list[arb]]:
    """Exact operands: all ends of the balls, the midpoints, and a point within."""
    offsets = [
        *itertools.product([-1.0, 1.0], repeat=len(mids)),
        (0.0,) * len(mids),
        tuple(generator.uniform(-1, 1, len(mids))),
    ]
    return [[arb(m) + arb(t) * arb(r) for m, t, r in zip(mids, offset, reach, strict=True)] for offset in offsets]


def assert_within(
    out: Tensor,
    radius: Tensor,
    exact: Exact,
    operands: Sequence[Tensor],
    reach: Sequence[Tensor],
    generator: np.random.Generator,
) -> int:
    """Every exact value lies within the radius of the computed one; returns how many radii were finite."""
    columns = [operand.to(torch.float64).tolist() for operand in operands]
    wide = [radius_of.tolist() for radius_of in reach]
    finite = 0
    with precision(200):
        for i, (value, allowed) in enumerate(zip(out.tolist(), radius.tolist(), strict=True)):
            assert not math.isnan(allowed)
            if allowed == math.inf:
                continue
            finite += 1
            for point in corners([column[i] for column in columns], [column[i] for column in wide], generator):
                error = abs(exact(*point) - arb(value))
                # ``not >`` would accept what is undecided: only a proof will do, up to 2⁻¹⁵⁰ of Arb's own radius.
                assert error.lower() <= allowed, (i, point, value, allowed)
                assert error.is_finite(), (i, point, value, allowed)
    return finite
