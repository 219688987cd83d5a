"""Conversions between dtypes: what they lose of a number, and which integers rounding leaves open."""

from __future__ import annotations

import torch
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF

#: Integers of these dtypes may lie beyond 2**53, where float64 does not have all of them.
LONG = frozenset({torch.int64, torch.uint64})

#: float64 has all integers up to this.
WHOLE = 2.0**53


def as_doubles(value: Tensor) -> tuple[Tensor, Tensor | None]:
    """Integers as float64, and how far they may be from these; None where all are exact."""
    doubles = value.detach().to(torch.float64)
    if value.dtype not in LONG or bool((doubles.abs() < WHOLE).all()):
        return doubles, None
    return doubles, torch.where(doubles.abs() < WHOLE, 0.0, doubles.abs() * UNIT_ROUNDOFF[torch.float64])


def lost(source: Tensor, out: Tensor) -> Tensor:
    """How far each number of ``out`` is from that of ``source`` which it was converted from, both as they are."""
    value = out.detach().to(torch.float64)
    exactly, off = as_doubles(source.to(value.device))
    found = torch.where(value == exactly, 0.0, (value - exactly).abs())
    return found if off is None else found + off


def open_integers(source: Tensor, radius: Tensor, out: Tensor) -> Tensor:
    """Where floats within ``radius`` of ``source`` become other integers, or other truth values, than in ``out``."""
    value = source.detach().to(torch.float64)
    if out.dtype is torch.bool:
        return (value.abs() <= radius) & (radius > 0)
    return (value - radius).trunc() != (value + radius).trunc()
