"""The bounds of sums, products, quotients and powers, in some of which nothing is rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, infinite_product, infinite_quotient
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.elements import none_is_infinite
from diffexplore.bounds.elementwise import Arguments, Elementwise, Options, Ran
from diffexplore.bounds.handling import Kinks
from diffexplore.bounds.stepwise import BY_RECIPROCAL, lost_in_reciprocal
from diffexplore.bounds.whole_quotients import whole_quotient
from diffexplore.bounds.zeros import are_exact, by_powers_of_two, exact_sums

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Exponents for which the kernel of a narrow dtype multiplies, and rounds each product. For 0 and 1 all kernels copy,
#: and for 2 they multiply once (torch: aten/src/ATen/native/Pow.cpp and cpu/PowKernel.cpp).
_MULTIPLIED = (3, -2, -0.5)


@dataclass(frozen=True)
class Sum(Elementwise):
    """The bound of a sum or difference of two operands, of which one is multiplied by ``alpha``.

    Attributes:
        total: the sum of two float64 tensors.
        scaled: the place of the operand that ``alpha`` multiplies.
    """

    total: Callable[[Tensor, Tensor], Tensor] = torch.add
    scaled: int = 1
    operands: int = 2

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        """The factor alpha is rounded as a product of its own."""
        alpha = _alpha(args, kwargs)
        if alpha == 1:
            return balls
        scale, ball = abs(float(alpha)), balls[self.scaled]
        product = ball.mid * scale
        lost = product.abs() * 2 * UNIT_ROUNDOFF[dtype] + ball.mid.ne(0).to(torch.float64) * QUANTUM[dtype]
        balls[self.scaled] = Ball(product, ball.rad * scale + lost)
        return balls

    def _lossless(self, ran: Ran) -> Tensor | None:
        """A sum of two numbers of one dtype that is 0 lost nothing, nor one that is a float, nor an infinite mask."""
        lossless = super()._lossless(ran)
        if lossless is not None and ran.of_one_dtype and _alpha(ran.args, ran.kwargs) == 1:
            lossless = ran.value == 0
        if not none_is_infinite(ran.size):
            infinite = torch.stack(torch.broadcast_tensors(*(x.mid.isinf() for x in ran.balls[:2]))).any(0)
            lossless = _either(ran.value.isinf() & infinite, lossless)
        if not are_exact(ran.balls[:2]):
            return lossless
        return _either(exact_sums(self.total, ran.balls, ran.value), lossless)


def _either(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Where one or the other is known to hold; None of what is not known of any element."""
    return one if other is None else other if one is None else one | other


def _alpha(args: Arguments, kwargs: Options) -> Any:
    return kwargs.get("alpha", args[2] if len(args) > 2 else 1)


@dataclass(frozen=True)
class Multiplication(Elementwise):
    """The bound of a product, which rounds nothing where one operand is a power of two, or infinite."""

    def _lossless(self, ran: Ran) -> Tensor | None:
        lossless = super()._lossless(ran)
        if not none_is_infinite(ran.size):
            lossless = _either(infinite_product(*ran.balls[:2]), lossless)
        return _either(by_powers_of_two(ran.balls, ran.value) if are_exact(ran.balls[:2]) else None, lossless)


@dataclass(frozen=True)
class Power(Elementwise):
    """The bound of a power, whose kernel depends on the exponent."""

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        if not isinstance(operands[1], Tensor) and balls[1].rad > 0:
            # Differentiating makes the exponent p - 1 of p, with the absolute error of p.
            balls[1] = Ball(balls[1].mid, balls[1].rad + 2.0**-52)
        return balls

    def _in_blocks(
        self, kinks: Kinks, watch: Watch, operands: list[Any], out: Tensor, args: Arguments
    ) -> Tensor | None:
        base, exponent = operands
        if not isinstance(exponent, Tensor) and exponent == 1 and not watch.number_radius(exponent):
            return watch.radius(base) if base.dtype is out.dtype else None
        return super()._in_blocks(kinks, watch, operands, out, args)

    def _rule(self, watch: Watch, operands: list[Any]) -> str | None:
        exponent = operands[1]
        squares = not isinstance(exponent, Tensor) and exponent == 2 and watch.number_radius(exponent) == 0
        return "square" if squares else self.claim

    def _claim_of(self, operands: list[Any], dtype: torch.dtype) -> str:
        exponent = operands[1]
        if isinstance(exponent, Tensor):
            return self.claim
        if exponent in (0, 1):
            return "clone"
        if exponent == 2:
            return "mul"
        stored = float(
            torch.tensor(float(exponent), dtype=torch.float64, device="cpu").to(dtype)
        )  # what a kernel may compare
        return "pow_multiplied" if stored in _MULTIPLIED else self.claim


@dataclass(frozen=True)
class Division(Elementwise):
    """The bound of a quotient, which some devices compute as a product where the divisor is one number."""

    def run(self, kinks: Kinks, watch: Watch, func: Any, args: Arguments, kwargs: Options) -> Any:
        """Runs the kernel; with a rounding mode the quotient is a whole number."""
        if kwargs.get("rounding_mode"):
            return whole_quotient(watch, func, args, kwargs)
        return super().run(kinks, watch, func, args, kwargs)

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        dividend, divisor = operands
        if _is_by_reciprocal(dividend, divisor):
            balls[1] = Ball(balls[1].mid, balls[1].rad + lost_in_reciprocal(balls[1].mid, dtype))
        return balls

    def _lossless(self, ran: Ran) -> Tensor | None:
        lossless = super()._lossless(ran)
        return lossless if none_is_infinite(ran.size) else _either(infinite_quotient(*ran.balls[:2]), lossless)

    def _rule(self, watch: Watch, operands: list[Any]) -> str | None:
        return None if _is_by_reciprocal(*operands) else self.claim


def _is_by_reciprocal(dividend: Any, divisor: Any) -> bool:
    number = not isinstance(divisor, Tensor) or (divisor.dim() == 0 and divisor.device.type == "cpu")
    return number and isinstance(dividend, Tensor) and dividend.device.type in BY_RECIPROCAL
