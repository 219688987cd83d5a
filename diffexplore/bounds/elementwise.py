"""The bounds of kernels that compute each element from the elements at its place: what spreads, and what is rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, Rule
from diffexplore.bounds.claims import CLAIMS, COMPUTE, QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.elements import all_hold, none_hold, none_is_infinite, smallest
from diffexplore.bounds.handling import Kinks, conclude, finite_float, first_tensor, plain_name, unwatched
from diffexplore.bounds.stepwise import BY_RECIPROCAL, lost_in_reciprocal, lost_in_steps
from diffexplore.bounds.zeros import are_exact, by_powers_of_two, exact_sums
from diffexplore.functions.rounding import Claim

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Arguments = tuple[Any, ...]
Options = dict[str, Any]

#: Exponents for which the kernel of a narrow dtype multiplies, and rounds each product. For 0 and 1 all kernels copy,
#: and for 2 they multiply once (torch: aten/src/ATen/native/Pow.cpp and cpu/PowKernel.cpp).
_MULTIPLIED = (3, -2, -0.5)


@dataclass(frozen=True)
class _Ran:
    """A kernel that ran: its operands, its result with absolute values and the least of them, dtype and arguments."""

    balls: list[Ball]
    value: Tensor
    size: Tensor
    least: float
    dtype: torch.dtype
    args: Arguments
    kwargs: Options

    @property
    def of_one_dtype(self) -> bool:
        """Whether it computes in the dtype of its two operands."""
        return COMPUTE[self.dtype] is self.dtype and len(self.args) == 2


@dataclass(frozen=True)
class Elementwise:
    """The bound of an elementwise kernel.

    Attributes:
        spread: how the errors of its operands spread (:mod:`~diffexplore.bounds.propagation`).
        claim: the kernel of which is claimed what it rounds (:data:`~diffexplore.bounds.claims.CLAIMS`).
        zeros: where its exact result is 0 for all operands in the balls; None where that is not known.
        wide_numbers: whether it takes Python numbers in the dtype that it computes in, not in that of its tensor.
        operands: how many of its arguments are operands, at most.
        cancels: the operands that count as rounded once more, as it subtracts nearly equal numbers inside.
    """

    spread: Rule
    claim: str
    zeros: Callable[[Sequence[Ball]], Tensor] | None = None
    wide_numbers: bool = False
    cancels: tuple[int, ...] = ()
    operands: int = 3

    in_place: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.claim not in CLAIMS:
            raise TypeError(f"nothing is claimed of the rounding of {self.claim}")

    def run(self, kinks: Kinks, watch: Watch, func: Any, args: Arguments, kwargs: Options) -> Any:
        """Runs the kernel, and sets the radius of its result."""
        like = first_tensor(args)
        if like is None or not any(finite_float(value) for value in args):
            return func(*args, **kwargs)
        if kwargs.get("rounding_mode") or kwargs.get("decimals"):
            return unwatched(watch, func, args, kwargs)
        operands = [value for value in args[: self.operands] if isinstance(value, (Tensor, int, float))]
        balls = [watch.ball(value, like) for value in operands]
        in_place = plain_name(func)[1]
        if in_place:  # the other operand may be the same tensor
            balls = [Ball(ball.mid.clone(), ball.rad) for ball in balls]
        out = func(*args, **kwargs)
        if not finite_float(out):
            return out
        dtype = watch.rounds_in(out.dtype)
        balls = self._as_computed(_converted(balls, operands, dtype, self.wide_numbers), operands, dtype, args, kwargs)
        value = out.detach().to(torch.float64)
        spread = self.spread(*balls, value)
        if watch.smooth:
            here = kinks(balls)
            spread = spread if here.is_cpu and none_hold(here) else torch.where(here, math.inf, spread)
        claim = self._claim_of(operands, dtype)
        lost = lost_in_steps(claim, out, dtype, balls)
        if lost is not None:
            spread = spread + lost
        size = value.abs()
        ran = _Ran(balls, value, size, smallest(size), dtype, args, kwargs)
        conclude(watch, claim, out, size, spread, in_place, self._lossless(ran), ran.least)
        return out

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        unit, claim = UNIT_ROUNDOFF[COMPUTE[dtype]], CLAIMS[self.claim]
        for i in self.cancels:
            balls[i] = Ball(balls[i].mid, balls[i].rad + 2 * unit * balls[i].mid.abs())
        if isinstance(claim, Claim) and claim.operand_roundings:
            lost = 2 * unit * claim.operand_roundings
            balls = [Ball(ball.mid, ball.rad + lost * ball.mid.abs()) for ball in balls]
        return balls

    def _claim_of(self, operands: list[Any], dtype: torch.dtype) -> str:
        return self.claim

    def _lossless(self, ran: _Ran) -> Tensor | None:
        """Where nothing is rounded; None where that is not known of any element."""
        if self.zeros is None or ran.least > 0 or all_hold(ran.size):
            return None
        return self.zeros(ran.balls) & (ran.value == 0)


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

    def _lossless(self, ran: _Ran) -> Tensor | None:
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
    """The bound of a product, which rounds nothing where one operand is a power of two."""

    def _lossless(self, ran: _Ran) -> Tensor | None:
        lossless = super()._lossless(ran)
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

    def _claim_of(self, operands: list[Any], dtype: torch.dtype) -> str:
        exponent = operands[1]
        if isinstance(exponent, Tensor):
            return self.claim
        if exponent in (0, 1):
            return "clone"
        if exponent == 2:
            return "mul"
        stored = float(torch.tensor(float(exponent), dtype=torch.float64).to(dtype))  # what a kernel may compare
        return "pow_multiplied" if stored in _MULTIPLIED else self.claim


@dataclass(frozen=True)
class Division(Elementwise):
    """The bound of a quotient, which some devices compute as a product where the divisor is one number."""

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        dividend, divisor = operands
        number = not isinstance(divisor, Tensor) or (divisor.dim() == 0 and divisor.device.type == "cpu")
        if number and isinstance(dividend, Tensor) and dividend.device.type in BY_RECIPROCAL:
            balls[1] = Ball(balls[1].mid, balls[1].rad + lost_in_reciprocal(balls[1].mid, dtype))
        return balls


def _converted(balls: list[Ball], operands: list[Any], dtype: torch.dtype, wide_numbers: bool) -> list[Ball]:
    """Operands that the kernel rounds to its own dtype first, such as Python numbers in float32 products.

    What is lost is exact, so that a number that overflows or underflows there loses all of itself.
    """
    kernel = COMPUTE[dtype] if wide_numbers else dtype
    converted = []
    for ball, operand in zip(balls, operands, strict=True):
        if kernel == torch.float64 or (isinstance(operand, Tensor) and operand.dtype == dtype):
            converted.append(ball)
            continue
        stored = ball.mid.to(kernel).to(torch.float64)
        lost = torch.where(stored == ball.mid, 0.0, (stored - ball.mid).abs())
        converted.append(Ball(ball.mid, ball.rad + lost))
    return converted
