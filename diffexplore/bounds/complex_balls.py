"""Programs on complex torch tensors, with radii for the real and the imaginary part beside each.

The values are those of torch's complex kernels. The radii follow from the real formulas of each function's parts
(such as exp(a + ib) = eᵃ cos b + i eᵃ sin b), evaluated in real balls, plus a rounding of a few ulps in each part.
For a complex step the parts differ by many orders of magnitude, so that a bound on the modulus would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import torch
from torch import Tensor

from diffexplore.arithmetic import sinc as sine_quotients
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.complex_parts import (
    Nothing,
    Parts,
    exponential,
    logarithm,
    negative,
    nothing,
    of_products,
    of_two,
    on_reals,
    product,
    quotient,
    square_root,
)
from diffexplore.bounds.elements import add_number
from diffexplore.functions.tables import CONTROL, implementations
from diffexplore.program.program import Constant

#: Ulps claimed of each part of a complex kernel's result.
_KERNEL_ULPS = 8
_REAL = {torch.complex128: torch.float64, torch.complex64: torch.float32}


@dataclass(frozen=True)
class ComplexBall:
    """A computed complex tensor, and radii within which the exact real and imaginary parts lie (float64).

    ``is_real`` says that the imaginary part is 0, computed and exactly, whatever its radius was.
    """

    value: Tensor
    real_radius: Tensor
    imag_radius: Tensor
    _: KW_ONLY
    is_real: bool = False

    @property
    def parts(self) -> tuple[Ball, Ball]:
        value = self.value.to(torch.complex128)
        real, imag = Ball(value.real, self.real_radius), Ball(value.imag, self.imag_radius)
        return _known_if_exact(real), nothing(value.device) if self.is_real else _known_if_exact(imag)


def _known_if_exact(part: Ball) -> Ball:
    """A part with its numbers side by side in memory; one radius for all of them may be 0."""
    none = part.rad.dim() == 0 and part.rad.is_cpu and not bool(part.rad)
    return Ball(part.mid.contiguous(), part.rad, none)


# ------------------------------------------------------------------------------------------------- complex watching
_Crossing = Callable[..., tuple[Any, Any]]


def _nothing_crosses(*operands: Parts) -> tuple[Any, Any]:
    return 0.0, 0.0


def _mul_crossing(x: Parts, y: Parts) -> tuple[Any, Any]:
    """Sizes of the products whose sum a part is: their own roundings survive a cancellation."""
    (a, b), (c, d) = x, y
    if isinstance(b, Nothing) or isinstance(d, Nothing):  # nothing cancels
        return 0.0, 0.0
    return (a.mid * c.mid).abs() + (b.mid * d.mid).abs(), (a.mid * d.mid).abs() + (b.mid * c.mid).abs()


def _div_crossing(x: Parts, y: Parts) -> tuple[Any, Any]:
    (a, b), (c, d) = x, y
    if isinstance(d, Nothing):
        return 0.0, 0.0
    square = c.mid.square() + d.mid.square()
    real = (a.mid * c.mid).abs() + (b.mid * d.mid).abs()
    return real / square, ((a.mid * d.mid).abs() + (b.mid * c.mid).abs()) / square


def _log_crossing(x: Parts) -> tuple[Any, Any]:
    return 1.0, 0.0  # log|z| near |z| = 1 has an absolute error


def _apply(
    kernel: Callable[..., Tensor], parts: Callable[..., Parts], crossing: _Crossing = _nothing_crosses
) -> Callable[..., Any]:
    def operation(*operands: ComplexBall | RoundedNumber | float) -> ComplexBall:
        like = next(operand for operand in operands if isinstance(operand, ComplexBall))
        taken = [operand if isinstance(operand, ComplexBall) else lifted(operand, like) for operand in operands]
        value = kernel(*[ball.value for ball in taken])
        balls = [ball.parts for ball in taken]
        dtype = _REAL[value.dtype]
        unit = 2 * _KERNEL_ULPS * UNIT_ROUNDOFF[dtype]
        found = parts(*balls)
        radii = [
            part.rad
            if isinstance(part, Nothing)
            else add_number(part.rad + unit * (part.mid.abs() + cross), QUANTUM[dtype] * 2)
            for part, cross in zip(found, crossing(*balls), strict=True)
        ]
        real, imag = (torch.nan_to_num(radius, nan=torch.inf, posinf=torch.inf) for radius in radii)
        return ComplexBall(value, real, imag, is_real=isinstance(found[1], Nothing))

    return operation


@dataclass(frozen=True)
class RoundedNumber:
    """A double that stands for a constant within ``error`` of it."""

    value: float
    error: float


def lifted(number: float | RoundedNumber, like: ComplexBall) -> ComplexBall:
    """A number as a complex ball of the dtype and on the device of another one, of shape ()."""
    if not isinstance(number, RoundedNumber):
        number = RoundedNumber(float(number), 0.0)
    wide = torch.tensor(complex(number.value), dtype=torch.complex128, device=like.value.device)
    value = wide.to(like.value.dtype)  # infinite beyond the dtype, where torch refuses to make a tensor of the number
    stored = value.to(torch.complex128).real
    error = torch.where(stored == number.value, 0.0, (stored - number.value).abs()) + number.error
    return ComplexBall(value, error, torch.zeros_like(error), is_real=True)


def _sum_parts(name: str) -> Callable[[Parts, Parts], Parts]:
    return lambda x, y: (on_reals(name, x[0], y[0]), of_two(name, x[1], y[1]))


add, sub = _apply(torch.add, _sum_parts("add")), _apply(torch.sub, _sum_parts("sub"))
mul, div = _apply(torch.mul, product, _mul_crossing), _apply(torch.div, quotient, _div_crossing)
neg = _apply(torch.neg, lambda x: (negative(x[0]), negative(x[1])))
exp, sqrt = _apply(torch.exp, exponential), _apply(torch.sqrt, square_root)
log = _apply(torch.log, logarithm, _log_crossing)
sin = _apply(torch.sin, of_products(("sin", "cosh"), ("cos", "sinh")))
cos = _apply(torch.cos, of_products(("cos", "cosh"), ("sin", "sinh"), negated=True))
sinh = _apply(torch.sinh, of_products(("sinh", "cos"), ("cosh", "sin")))
cosh = _apply(torch.cosh, of_products(("cosh", "cos"), ("sinh", "sin")))
_QUOTIENTS = {"add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "sin": sin, "cos": cos}


def power(x: Any, y: Any) -> Any:
    if isinstance(y, RoundedNumber) and y.value == 0 and y.error == 0:  # whole powers are products before that
        return add(mul(x, 0), 1)
    base = x if isinstance(x, ComplexBall) else lifted(x, y)
    return exp(mul(y, log(base)))


def dsinc(order: int, x: ComplexBall) -> ComplexBall:
    """By quotients; where they cancel, 0 and how large the function may be: |fₙ(z)| ≤ cosh(Im z)/(n + 1)."""
    value = sine_quotients.by_quotients(_QUOTIENTS, order, x)
    largest = x.parts[1].farthest_from_zero.cosh() / (order + 1) * (1 + 2.0**-40)
    near = (value.real_radius <= largest) & (value.imag_radius <= largest) & value.value.isfinite()
    radii = (torch.where(near, radius, largest) for radius in (value.real_radius, value.imag_radius))
    return ComplexBall(torch.where(near, value.value, 0), *radii)


def sinc(x: ComplexBall) -> ComplexBall:
    at_zero = (x.value == 0) & (x.real_radius == 0) & (x.imag_radius == 0)
    value = dsinc(0, x)
    radii = (torch.where(at_zero, 0.0, radius) for radius in (value.real_radius, value.imag_radius))
    return ComplexBall(torch.where(at_zero, 1, value.value), *radii)


def _without_conditions(*operands: Any) -> Any:
    raise TypeError("complex numbers have no order, and what chooses by one is not analytic")


#: What has no operation here is not analytic (abs, max, where, …) or has no complex kernel (erf, lgamma, …).
OPERATIONS = {
    name: run
    for name, run in implementations("complex", dict.fromkeys(CONTROL, _without_conditions)).items()
    if name not in CONTROL
}


class ComplexArithmetic:
    """Constants are doubles, with their distance from the exact number."""

    operations = OPERATIONS

    def constant(self, constant: Constant) -> RoundedNumber:
        return RoundedNumber(constant.nearest, constant.error)


COMPLEX = ComplexArithmetic()
