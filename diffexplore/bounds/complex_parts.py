"""The real and the imaginary part of functions of complex numbers, by real ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import UPWARD, rounding
from diffexplore.bounds.elements import in_place
from diffexplore.functions import OPERATIONS as RECORDS
from diffexplore.functions.lazy import resolved

Parts = tuple[Ball, Ball]


class Nothing(Ball):
    """The imaginary part of real numbers."""


def nothing(device: torch.device) -> Nothing:
    """It, of shape ()."""
    none = torch.zeros((), dtype=torch.float64, device=device)
    return Nothing(none, none, exact=True)


def on_reals(name: str, *operands: Ball) -> Ball:
    """One real operation on balls, in float64."""
    kernel, spread = _rules_of(name)
    mid = kernel(*[operand.mid for operand in operands])
    radius = spread(*operands, mid) * UPWARD
    return Ball(mid, in_place(Tensor.add_, radius, rounding(name, mid, torch.float64)))


@cache
def _rules_of(name: str) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """The kernel of a real operation, and how the errors of its operands spread."""
    return resolved(RECORDS[name].torch), resolved(RECORDS[name].spread)


def of_two(name: str, x: Ball, y: Ball) -> Ball:
    """A sum, difference, product or quotient of parts, one of which may be nothing: then nothing is rounded."""
    if isinstance(y, Nothing):
        return y if name == "mul" else x
    if isinstance(x, Nothing):
        return x if name in ("mul", "div") else negative(y) if name == "sub" else y
    return on_reals(name, x, y)


def negative(x: Ball) -> Ball:
    """The negative of a part."""
    return x if isinstance(x, Nothing) else on_reals("neg", x)


def product(x: Parts, y: Parts) -> Parts:
    (a, b), (c, d) = x, y
    part = of_two("sub", on_reals("mul", a, c), of_two("mul", b, d))
    return part, of_two("add", of_two("mul", a, d), of_two("mul", b, c))


def quotient(x: Parts, y: Parts) -> Parts:
    (a, b), (c, d) = x, y
    if isinstance(d, Nothing):
        return on_reals("div", a, c), of_two("div", b, c)
    square = on_reals("add", on_reals("mul", c, c), on_reals("mul", d, d))
    part = on_reals("add", on_reals("mul", a, c), on_reals("mul", b, d))
    imag = on_reals("sub", on_reals("mul", b, c), on_reals("mul", a, d))
    return on_reals("div", part, square), on_reals("div", imag, square)


def exponential(x: Parts) -> Parts:
    a, b = x
    size = on_reals("exp", a)
    return on_reals("mul", size, on_reals("cos", b)), on_reals("mul", size, on_reals("sin", b))


def logarithm(x: Parts) -> Parts:
    a, b = x
    # On the real axis left of 0 the function is complex: no real derivative.
    half = on_reals("log", on_reals("add", on_reals("mul", a, a), on_reals("mul", b, b)))
    part = Ball(half.mid / 2, torch.where(a.mid > a.rad, half.rad / 2, torch.inf))
    return part, on_reals("atan2", b, a)


def square_root(x: Parts) -> Parts:
    a, b = x
    modulus = on_reals("sqrt", on_reals("add", on_reals("mul", a, a), on_reals("mul", b, b)))
    part = on_reals("sqrt", _scale(on_reals("add", modulus, a), 0.5))
    part = Ball(part.mid, torch.where(a.mid > a.rad, part.rad, torch.inf))
    return part, on_reals("div", b, _scale(part, 2.0))


def of_products(real: tuple[str, str], imag: tuple[str, str], *, negated: bool = False) -> Callable[[Parts], Parts]:
    """Parts that are products of a function of a and one of b, as in sin(a + ib) = sin a cosh b + i cos a sinh b."""

    def parts(x: Parts) -> Parts:
        first, second = (on_reals("mul", *map(on_reals, names, x)) for names in (real, imag))
        return first, on_reals("neg", second) if negated else second

    return parts


def _scale(x: Ball, factor: float) -> Ball:
    """Times a power of two: exact."""
    return Ball(x.mid * factor, x.rad * factor)
