"""Rounding to decimals: the multiple of 10^−decimals that is nearest, which jumps half way between two of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import finite_float, unknown

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: Powers of ten up to it are doubles.
_EXACT_POWER = 22

_UNIT = UNIT_ROUNDOFF[torch.float64]


def rounded_to_decimals(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """round with ``decimals``: as far off as its result is from the multiples that may be nearest."""
    x, decimals = watch.ball(args[0], args[0]), kwargs["decimals"]
    x = Ball(x.mid.clone(), x.rad)  # it may be overwritten
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    if abs(decimals) > _EXACT_POWER:
        return unknown(watch, func, args, kwargs, out)
    scaled, reach = (_scaled(part, decimals) for part in (x.mid, x.rad))
    reach = reach + 8 * _UNIT * (scaled.abs() + reach + 1)
    low, high = _scaled((scaled - reach - 0.5).ceil(), -decimals), _scaled((scaled + reach + 0.5).floor(), -decimals)
    value = out.to(torch.float64)
    off = torch.maximum((value - low).abs(), (value - high).abs()) + 2 * _UNIT * torch.maximum(low.abs(), high.abs())
    kink = (low != high) & watch.smooth
    watch.forget(out)
    watch.set(out, torch.where(kink | ~off.isfinite(), math.inf, off * UPWARD))
    return out


def _scaled(x: Tensor, decimals: int) -> Tensor:
    scale = 10.0 ** abs(decimals)
    return x * scale if decimals > 0 else x / scale
