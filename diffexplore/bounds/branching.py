"""Conditions, and operations that choose between branches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import conclude, converted, finite_float, first_tensor, plain_name

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


def compare(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    like = first_tensor(args)
    if like is None or like.device.type == "meta" or not any(finite_float(value) for value in args):
        return out
    if watch.takes_decisions:
        return out
    x, y = (_as_compared(watch.ball(value, like), value, like) for value in args[:2])
    reach = x.rad + y.rad
    same = torch.isinf(x.mid) & (x.mid == y.mid) & torch.isfinite(reach)  # what overflows has no finite radius
    undecided = ~((x.mid - y.mid).abs() > reach) & ~(reach <= 0) & ~same
    if plain_name(func)[0] in ("eq", "ne"):
        for values, extreme in (args[:2], args[1::-1]):
            certain = watch.extremes.decide(watch, values, extreme)
            undecided = undecided if certain is None else undecided & ~certain
    watch.set(out, undecided)
    return out


def _as_compared(ball: Ball, value: Any, like: Tensor) -> Ball:
    """An operand as the kernel compares it: a Python number is rounded to the dtype of the tensor beside it."""
    if isinstance(value, Tensor) or not like.is_floating_point():
        return ball
    stored = ball.mid.to(like.dtype).to(torch.float64)
    return Ball(ball.mid, ball.rad + torch.where(stored == ball.mid, 0.0, (stored - ball.mid).abs()))


def plain(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A question about computed values alone, whose answer no ball changes."""
    return func(*args, **kwargs)


def logical(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    unknown = [watch.undecided(value) for value in args if isinstance(value, Tensor)]
    for mask in unknown:
        if mask is not None:
            known = watch.undecided(out)
            watch.set(out, mask if known is None else mask | known)
    return out


def choose(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """where: on an undecided condition the union of both branches."""
    out = func(*args, **kwargs)
    if not finite_float(out) or len(args) < 3:
        return out
    condition = args[0]
    taken, other = watch.ball(args[1], condition), watch.ball(args[2], condition)
    _choose(watch, out, condition, taken, other)
    return out


def mask_fill(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    _, in_place = plain_name(func)
    source = Ball(args[0].detach().to(torch.float64, copy=True), watch.radius(args[0]))
    out = func(*args, **kwargs)
    if finite_float(out):
        if in_place:
            watch.forget(out)
        _choose(watch, out, args[1], watch.ball(args[2], args[0]), source)
    return out


def _choose(watch: Watch, out: Tensor, condition: Tensor, taken: Ball, other: Ball) -> None:
    value = out.detach().to(torch.float64)
    # A branch may have been rounded on its way into the result, as a Python number is.
    if_taken, if_not = (_distance(branch.mid, value) + branch.rad for branch in (taken, other))
    spread = torch.where(condition, if_taken, if_not)
    undecided = watch.undecided(condition)
    if undecided is not None:
        either = torch.maximum(if_taken, if_not)
        spread = torch.where(undecided.to(torch.bool), math.inf if watch.smooth else either, spread)
    conclude(watch, "where", out, value.abs(), spread * UPWARD)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x == y, 0.0, (x - y).abs())  # also of two infinities


def step(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """sign, sgn and heaviside: constant away from 0; at an undecided 0 the union of both sides."""
    x = watch.ball(args[0], args[0])
    out = func(*args, **kwargs)
    value = out.detach().to(torch.float64)
    undecided = ~(x.mid.abs() > x.rad) & ~(x.rad <= 0)
    if watch.takes_decisions:
        undecided = torch.zeros_like(undecided)
    union, off = torch.maximum(value + 1, 1 - value), torch.zeros_like(value)
    if plain_name(func)[0] == "heaviside":
        at_zero = watch.ball(args[1] if len(args) > 1 else 0.5, args[0])  # that of formulas is 1/2 there, in NumPy too
        off = torch.where(x.mid == 0, at_zero.rad, 0.0)
        union = torch.maximum(torch.maximum(value, 1 - value), (value - at_zero.mid).abs() + at_zero.rad)
    watch.set(out, torch.where(undecided, math.inf if watch.smooth else union, off))
    return out


def remainder(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """x − q·y with q = ⌊x/y⌋: while q stays, it moves as x does, and by q as y does; where q may change it jumps.

    The kernel is fmod, which is exact (IEEE 754), and y added to it where the signs differ: that sum rounds.
    """
    operands = list(args[:2])
    balls = [watch.ball(value, _tensor_in(args)) for value in operands]
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    x, y = converted(balls, operands, out.dtype, wide_numbers=False)
    size = out.detach().to(torch.float64).abs()
    rounded = torch.where((x.mid < 0) != (y.mid < 0), size * UNIT_ROUNDOFF[out.dtype], 0.0)
    moved = (x.rad + ((x.mid / y.mid).abs() + 2) * y.rad) * UPWARD
    room = torch.minimum(size, y.mid.abs() - size) - rounded
    stays = (moved <= 0) | (room > moved)
    watch.set(out, torch.where(stays, (moved + rounded) * UPWARD, math.inf))
    return out


def _tensor_in(args: tuple[Any, ...]) -> Tensor:
    found = first_tensor(args)
    assert found is not None, "a watch sees operations on tensors"
    return found
