"""Tensors of constants: how far the numbers that are stored are from those that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.handling import finite_float, real_numbers, unknown
from diffexplore.bounds.sequences import SEQUENCES, Sequence, arguments_of, sequence_of

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

_FULL = ("full", "full_like", "new_full", "scalar_tensor")


def create(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A tensor of constants, which may be rounded: a number of which it is full, or a sequence by a formula."""
    out = func(*args, **kwargs)
    name = func.overloadpacket.__name__
    if name in _FULL:
        numbers = (a for a in reversed(args) if isinstance(a, (int, float, complex)))
        fill_with(watch, out, kwargs.get("fill_value", next(numbers, 0)))
    elif name in SEQUENCES and real_numbers(out) is not None:
        given = arguments_of(func, args, kwargs)
        values = {name: float(one) if isinstance(one, Tensor) else one for name, one in given.items()}
        made = sequence_of(func, values, out.numel()) if finite_float(out) else None
        if made is None:
            return unknown(watch, func, args, kwargs, out)
        watch.set(out, _off(watch, out, made, given))
    return out


def _off(watch: Watch, out: Tensor, made: Sequence, given: dict[str, Any]) -> Tensor:
    """How far stored numbers are from those of a sequence, with the numbers that its arguments stand for."""

    def as_tensor(numbers: Any) -> Tensor:
        return torch.from_numpy(np.array(numbers, dtype=np.float64)).to(out.device)

    stored = out.to(torch.float64)
    high, low, radius = (as_tensor(field) for field in made.numbers)
    off = torch.where(stored == high, 0.0, (stored - high).abs()) + low.abs() + radius
    for name, reach in made.reaches.items():
        number = given[name] if name in given else made.own[name]
        apart = float(watch.radius(number)) if isinstance(number, Tensor) else watch.number_radius(number)
        off = off + apart * as_tensor(reach)
    return off * UPWARD


def fill_with(watch: Watch, out: Any, value: complex | float) -> None:
    """Says how far a tensor is from the number of which it is full."""
    numbers = real_numbers(out)
    if numbers is None:
        return
    if not out.is_complex():
        watch.set(numbers, fill_error(watch, value, numbers))  # type: ignore[arg-type]  # torch fills floats with reals
        return
    both = [fill_error(watch, part, numbers) for part in (complex(value).real, complex(value).imag)]
    watch.set(numbers, torch.stack(both).expand(numbers.shape))


def fill_error(watch: Watch, value: float, out: Tensor) -> Tensor:
    """How far a Python number that was rounded to the dtype of ``out`` is from what it stands for."""
    stored = float(torch.tensor(float(value), dtype=torch.float64, device="cpu").to(out.dtype).to(torch.float64))
    lost = 0.0 if float(value) == stored else abs(float(value) - stored)
    return torch.full((), lost + watch.number_radius(value), dtype=torch.float64, device=out.device)
