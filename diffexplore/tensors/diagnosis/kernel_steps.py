"""Kernels of many steps that are recorded step by step, so that each of their ways can be cut.

What a softmax subtracts from all of x is a whole number here: it stays the same where x moves a little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor


@dataclass(frozen=True)
class KernelSpan:
    """A kernel that was recorded step by step: its arguments but the first, and its first and last entry."""

    operator: str
    arguments: tuple[Any, ...]
    first: int
    last: int


def _shifted(x: Tensor, dim: Sequence[int]) -> tuple[Tensor, Tensor]:
    """x less a whole number near its maximum along axes, 0 where all are infinite; and that number."""
    with disable_current_modes():
        largest: Tensor = x.detach().to(torch.float64).amax(list(dim), keepdim=True).ceil()
        anchor = torch.where(largest.isfinite(), largest, 0.0).to(x.dtype)
    return x - anchor, anchor


def _softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    powers = _shifted(x, [dim])[0].exp()
    return _as(powers / powers.sum([dim], keepdim=True), half_to_float)


def _safe_softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    found = _softmax(x, dim)
    return torch.where((x == -math.inf).all(dim, keepdim=True), torch.zeros_like(found), found)


def _log_softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    shifted, _ = _shifted(x, [dim])
    return _as(shifted - shifted.exp().sum([dim], keepdim=True).log(), half_to_float)


def _logsumexp(x: Tensor, dim: Sequence[int], keepdim: bool = False) -> Tensor:
    axes = list(dim) or list(range(x.dim()))
    shifted, anchor = _shifted(x, axes)
    total = shifted.exp().sum(axes, keepdim=True).log() + anchor
    return total if keepdim or not x.dim() else total.squeeze(axes)


def _as(result: Tensor, half_to_float: bool) -> Tensor:
    return result.to(torch.float32) if half_to_float else result


def _gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x Φ(x), or its approximation by tanh."""
    if approximate == "none":
        return x * (0.5 * (1 + torch.erf(x / math.sqrt(2))))
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


#: Each with its steps.
IN_STEPS: Mapping[str, Callable[..., Tensor]] = {
    "_softmax": _softmax,
    "_safe_softmax": _safe_softmax,
    "_log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "gelu": _gelu,
}
