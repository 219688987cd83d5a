"""Quotients without their fractions: floor_divide, and div with a rounding mode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, infinite_unless
from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.handling import converted, finite_float, first_tensor, plain_name
from diffexplore.bounds.kernel_rounding import KernelRounding

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Whole numbers up to this come out of a division of one of their multiples, whose rounding is less than a half.
_CERTAIN = 2.0**51


def whole_quotient(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """⌊x/y⌋, or x/y rounded towards 0: one number while x/y meets no whole one at which it jumps.

    What it is at the middles of the balls is known by fmod, which is exact (IEEE 754): the kernel is held against that.
    """
    operands, like = list(args[:2]), first_tensor(args)
    assert like is not None, "a watch sees operations on tensors"
    balls = [watch.ball(value, like) for value in operands]
    in_place = plain_name(func)[1]
    if in_place:
        balls = [Ball(ball.mid.clone(), ball.rad) for ball in balls]
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    x, y = converted(balls, operands, out.dtype, wide_numbers=False)
    towards_zero = kwargs.get("rounding_mode") == "trunc"
    rest = torch.fmod(x.mid, y.mid)
    whole = ((x.mid - rest) / y.mid).round()
    below = (rest != 0) & ((rest < 0) != (y.mid < 0))
    if not towards_zero:
        whole = whole - below.to(whole.dtype)
    moved = (x.rad + ((x.mid / y.mid).abs() + 2) * y.rad) * UPWARD
    rounding = KernelRounding.of(watch, out)
    off = rounding.with_last(rounding.strays(out, whole), out) + _uncertain(whole)
    least = y.mid.abs() - y.rad
    jumped = math.inf if watch.smooth else infinite_unless(least > 0, (moved / least).ceil() + 1 + off)
    stays = (moved <= 0) | (_room(rest, y.mid, whole, towards_zero) > moved)
    if in_place:
        watch.forget(out)
    watch.set(out, torch.where(stays & whole.isfinite(), off, jumped))
    return out


def _room(rest: Tensor, divisor: Tensor, whole: Tensor, towards_zero: bool) -> Tensor:
    """How far the dividend is from those at which the quotient jumps."""
    size = rest.abs()
    before = torch.where(whole == 0, math.inf, size) if towards_zero else size  # 0 is no jump between −1 and 1
    return torch.minimum(before, divisor.abs() - size)


def _uncertain(whole: Tensor) -> Tensor:
    return torch.where(whole.abs() < _CERTAIN, 0.0, whole.abs() / _CERTAIN)
