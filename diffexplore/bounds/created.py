"""Tensors of constants: how far numbers that are written in Python are from what they stand for, once stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.handling import real_numbers

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Sums and multiples of short binary fractions (multiples of 2⁻²⁰) are doubles below it.
_EXACT = 2.0**33


def create(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A tensor of constants, which may be rounded: a number of which it is full, or numbers at equal distances."""
    out = func(*args, **kwargs)
    name = func.overloadpacket.__name__
    if name in ("full", "full_like", "new_full", "scalar_tensor"):
        numbers = (a for a in reversed(args) if isinstance(a, (int, float, complex)))
        fill_with(watch, out, kwargs.get("fill_value", next(numbers, 0)))
    elif name == "arange":
        floats = real_numbers(out)
        if floats is not None:
            watch.set(floats, _off_steps(watch, floats, *_steps(func, args, kwargs)))
    return out


def _steps(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, float]:
    """The first number of arange, and the step to the next."""
    names = [one.name for one in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return given.get("start", 0), given.get("step", 1)


def _off_steps(watch: Watch, out: Tensor, start: float, step: float) -> Tensor:
    """How far numbers are from start + i·step, with the numbers that start and step stand for."""
    place = torch.arange(out.numel(), dtype=torch.float64, device=out.device)
    exact = start + place * step
    off = (out.to(torch.float64) - exact).abs()
    radii = watch.number_radius(start), watch.number_radius(step)
    reach = abs(start) + place * abs(step)
    if any(radii) or not out.numel() or float(reach[-1]) > _EXACT:
        off = off + (radii[0] + place * radii[1] + reach * 2.0**-51)
    return off


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
