"""Choices of a check that come as text: dtype, device, the symbols to differentiate by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from diffexplore.arguments import as_count, as_number, as_words, wrong
from diffexplore.errors import UsageError, unknown
from diffexplore.floating_point import FLOAT_FORMATS, dtype_name
from diffexplore.methods.problem import Problem

if TYPE_CHECKING:
    from diffexplore.loss import Loss


@dataclass(frozen=True)
class Options:
    """How a loss is evaluated, as it was given: what a check, a verification and its replay share."""

    wrt: str | Sequence[str] | None = None
    dtype: str | torch.dtype = "float64"
    device: str | torch.device = "auto"
    seed: int = 0
    step: float | None = None

    def problem(self, loss: Loss, wrt: tuple[str, ...]) -> Problem:
        """The problem of the partials by ``wrt``; raises UsageError for options that cannot be used."""
        dtype = as_dtype(self.dtype)
        return Problem(loss, wrt, dtype, as_device(self.device), as_step(self.step, dtype))


def as_dtype(dtype: str | torch.dtype | np.dtype[Any] | type[np.generic]) -> torch.dtype:
    """A floating point dtype by name or as torch or NumPy has it; :class:`UsageError` for any other."""
    of_numpy = isinstance(dtype, type) and issubclass(dtype, np.generic)
    given: Any = dtype
    if of_numpy:
        given = np.dtype(given)
    if not isinstance(given, (str, torch.dtype, np.dtype)):
        raise wrong("the dtype", f"one of {', '.join(FLOAT_FORMATS)}", dtype)
    name = dtype_name(given)
    if name not in FLOAT_FORMATS:
        raise unknown("dtype", name, FLOAT_FORMATS)
    return FLOAT_FORMATS[name].dtype


def as_device(device: str | torch.device) -> torch.device:
    """``auto`` is a GPU where there is one; :class:`UsageError` for CUDA where there is none, or an unknown name."""
    if not isinstance(device, (str, torch.device)):
        raise wrong("the device", "auto, cpu or cuda", device)
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
        raise UsageError("device 'cuda' is requested, but torch finds no CUDA GPU here: use --device cpu or auto")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"there is no device {name!r}: torch finds {count} GPU{'s' * (count != 1)}, counted from 0")
    return chosen


def as_step(step: float | None, dtype: torch.dtype) -> float | None:
    """A step of finite differences: None, or a positive number that ``dtype`` can hold."""
    if step is None:
        return None
    should = f"a positive number that {dtype_name(dtype)} can hold"
    number = as_number(step, "the step", should)
    held = float(torch.tensor(number, dtype=torch.float64, device="cpu").to(dtype))
    if not 0 < held < math.inf:
        raise wrong("the step", should, step)
    return number


def as_seed(seed: int) -> int:
    """A seed: a whole number from 0, of Python or NumPy."""
    return as_count(seed, "the seed")


def as_wrt(loss: Loss, wrt: str | Sequence[str] | None) -> tuple[str, ...]:
    """The symbols to differentiate by: parameters or data by name; None for all parameters, or all data."""
    names = (loss.parameters or loss.data) if wrt is None else as_words(wrt, "wrt")
    for name in names:
        if name not in loss.symbols:
            raise unknown("symbol", name, loss.symbols)
    if not names:
        raise UsageError(f"nothing to differentiate by: name one of {', '.join(loss.symbols)} in wrt")
    return names
