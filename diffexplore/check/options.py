"""Choices of a check that come as text: dtype, device, the symbols to differentiate by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.loss import Loss

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def as_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """A floating point dtype by name or as torch has it; :class:`UsageError` for any other."""
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise unknown("dtype", name, DTYPES)
    return DTYPES[name]


def as_device(device: str | torch.device) -> torch.device:
    """``auto`` is a GPU where there is one; :class:`UsageError` for CUDA where there is none, or an unknown name."""
    name = str(device)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
    except RuntimeError:
        raise unknown("device", name, ("auto", "cpu", "cuda")) from None
    if chosen.type not in ("cpu", "cuda"):
        raise unknown("device", name, ("auto", "cpu", "cuda"))
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' is asked for, but torch finds no CUDA GPU here: use --device cpu or auto")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"there is no device {name!r}: torch finds {count} GPU{'s' * (count != 1)}, counted from 0")
    return chosen


def as_step(step: float | None, dtype: torch.dtype) -> float | None:
    """A step of finite differences: None, or a positive number that ``dtype`` can hold."""
    if step is None:
        return None
    usable = isinstance(step, (int, float)) and not isinstance(step, bool) and 0 < step < math.inf
    held = float(torch.tensor(float(step), dtype=torch.float64).to(dtype)) if usable else 0.0
    if not 0 < held < math.inf:
        name = str(dtype).removeprefix("torch.")
        raise UsageError(f"the step should be a positive number that {name} can hold, not {step!r}")
    return float(step)


def as_seed(seed: int) -> int:
    """A seed: an integer from 0."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(f"the seed should be an integer from 0, not {seed!r}")
    return seed


def as_wrt(loss: Loss, wrt: str | Sequence[str] | None) -> tuple[str, ...]:
    """The symbols to differentiate by: parameters or data by name; None for all parameters, or all data."""
    if wrt is None:
        names = loss.parameters or loss.data
    else:
        names = tuple(wrt.replace(",", " ").split()) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in loss.symbols:
            raise unknown("symbol", name, loss.symbols)
    if not names:
        raise UsageError(f"nothing to differentiate by: name one of {', '.join(loss.symbols)} in wrt")
    return names
