"""The bounds of kernels that compute each element from the elements at its place: what spreads, and what is rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, Rule
from diffexplore.bounds.claims import CLAIMS, COMPUTE, UNIT_ROUNDOFF
from diffexplore.bounds.decimals import rounded_to_decimals
from diffexplore.bounds.dense import radius_in_blocks
from diffexplore.bounds.dense_rules import RULES
from diffexplore.bounds.elements import all_hold, none_hold, none_is_infinite, smallest
from diffexplore.bounds.handling import Kinks, concluded, converted, finite_float, first_tensor, plain_name, unwatched
from diffexplore.bounds.stepwise import lost_in_steps
from diffexplore.functions.rounding import EXACT, Claim

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Arguments = tuple[Any, ...]
Options = dict[str, Any]


def _is_real(value: Any) -> bool:
    """Whether it is a tensor of floats, or of integers or truth values, of which kernels may compute floats."""
    return finite_float(value) or (isinstance(value, Tensor) and not value.is_complex() and not value.is_meta)


@dataclass(frozen=True)
class Ran:
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
        of_floats = finite_float(like)
        if like is None or not (of_floats or any(map(_is_real, args))):
            return func(*args, **kwargs)
        if kwargs and kwargs.get("rounding_mode"):
            return unwatched(watch, func, args, kwargs)
        if kwargs and kwargs.get("decimals"):
            return rounded_to_decimals(watch, func, args, kwargs)
        operands = [value for value in args[: self.operands] if isinstance(value, (Tensor, int, float))]
        in_place = plain_name(func)[1]
        balls = [watch.ball(value, like) for value in operands] if in_place else []
        if in_place:  # the other operand may be the same tensor
            balls = [Ball(ball.mid.clone(), ball.rad) for ball in balls]
        out = func(*args, **kwargs)
        if not finite_float(out):
            return out
        narrowed = set() if of_floats else set(watch.narrowed)
        radius = None if in_place or kwargs else self._in_blocks(kinks, watch, operands, out, args)
        if radius is None:
            balls = balls or [watch.ball(value, like) for value in operands]
            radius = self._radius(kinks, watch, balls, operands, out, args, kwargs)
        if not of_floats and not any(map(finite_float, args)):
            # The dtype of what is computed of integers alone is no choice of the code.
            watch.narrowed &= narrowed
        if in_place:
            watch.forget(out)
        watch.set(out, radius)
        return out

    def _radius(
        self, kinks: Kinks, watch: Watch, balls: list[Ball], operands: list[Any], out: Tensor, args: Arguments,
        kwargs: Options,
    ) -> Tensor:  # fmt: skip
        """The radius of a result from the balls of its operands."""
        dtype = watch.rounds_in(out.dtype)
        balls = self._as_computed(converted(balls, operands, dtype, self.wide_numbers), operands, dtype, args, kwargs)
        value = out.detach().to(torch.float64)
        spread = self.spread(*balls, value)
        if watch.smooth:
            here = kinks(balls)
            spread = spread if here.is_cpu and none_hold(here) else torch.where(here, math.inf, spread)
        claim = self._claim_of(operands, dtype)
        if CLAIMS[claim] is EXACT and self.zeros is None:
            return spread
        lost = lost_in_steps(claim, out, dtype, balls)
        if lost is not None:
            spread = spread + lost
        size = value.abs()
        ran = Ran(balls, value, size, smallest(size), dtype, args, kwargs)
        return concluded(claim, dtype, size, spread, self._lossless(ran), ran.least)

    def _in_blocks(
        self, kinks: Kinks, watch: Watch, operands: list[Any], out: Tensor, args: Arguments
    ) -> Tensor | None:
        """The radius of a result by arrays; None where there is no such rule for it."""

        def on_tensors(balls: list[Ball], part: Tensor) -> Tensor:
            return self._radius(kinks, watch, balls, operands, part, args, {})

        rule = RULES.get(self._rule(watch, operands) or "") if len(args) == len(operands) else None
        if rule is None:
            return None
        return radius_in_blocks(watch, rule, self._claim_of(operands, out.dtype), operands, out, on_tensors)

    def _rule(self, watch: Watch, operands: list[Any]) -> str | None:
        """The name of the rule on arrays, where there may be one."""
        return self.claim

    def _as_computed(
        self, balls: list[Ball], operands: list[Any], dtype: torch.dtype, args: Arguments, kwargs: Options
    ) -> list[Ball]:
        unit, claim = UNIT_ROUNDOFF[COMPUTE[dtype]], CLAIMS[self.claim]
        for i in self.cancels:
            size = balls[i].mid.abs()
            size = size if none_is_infinite(size) else torch.where(size.isinf(), 0.0, size)  # which is no rounding's
            balls[i] = Ball(balls[i].mid, balls[i].rad + 2 * unit * size)
        if isinstance(claim, Claim) and claim.operand_roundings:
            lost = 2 * unit * claim.operand_roundings
            balls = [Ball(ball.mid, ball.rad + lost * ball.mid.abs()) for ball in balls]
        return balls

    def _claim_of(self, operands: list[Any], dtype: torch.dtype) -> str:
        return self.claim

    def _lossless(self, ran: Ran) -> Tensor | None:
        """Where nothing is rounded; None where that is not known of any element."""
        if self.zeros is None or ran.least > 0 or all_hold(ran.size):
            return None
        return self.zeros(ran.balls) & (ran.value == 0)
