"""Sums, products and variances of complex numbers along some axes, in steps on their real and imaginary parts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules.complex_numbers import (
    add,
    converted,
    exponential,
    linear,
    logarithm,
    multiply,
    parts,
    subtract,
)
from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor


def _product(x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    x = x if dtype is None else converted(x, dtype=dtype)
    if dim is None:
        x, dim = x.reshape(-1), 0
    if not x.numel():
        raise NotImplementedError("the empty product")
    factors = list(x.unbind(dim)) if x.dim() else [x]
    while len(factors) > 1:
        pairs = [multiply(*two) for two in zip(factors[::2], factors[1::2], strict=False)]
        factors = pairs + factors[len(pairs) * 2 :]
    return factors[0].unsqueeze(dim) if keepdim and x.dim() else factors[0]


def _running_product(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    x = x if dtype is None else converted(x, dtype=dtype)
    if not x.dim() or not x.numel():
        return x.clone()
    first, *rest = x.unbind(dim)
    return torch.stack(list(accumulate(rest, multiply, initial=first)), dim)


def _variance(x: Tensor, *args: Any, **options: Any) -> Tensor:
    """That of the real parts and that of the imaginary ones."""
    return functools.reduce(torch.add, (part.var(*args, **options) for part in parts(x)))


def _variance_and_mean(
    x: Tensor, dim: Any = None, *args: Any, keepdim: bool = False, **options: Any
) -> tuple[Tensor, Tensor]:
    if isinstance(dim, bool):  # the overload without dimensions
        return _variance(x, dim), x.mean()
    axes = dim or list(range(x.dim()))
    return _variance(x, dim, *args, keepdim=keepdim, **options), x.mean(axes, keepdim=keepdim)


def _deviation(*args: Any, **options: Any) -> Tensor:
    return _variance(*args, **options).sqrt()


def _deviation_and_mean(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    variance, mean = _variance_and_mean(*args, **options)
    return variance.sqrt(), mean


def _log_of_sums(exponentials: Callable[[Tensor], Tensor], x: Tensor, axes: list[int]) -> Tensor:
    """log Σ exp x, with the largest real part m taken out: it is the same for every m, so that m is a constant."""
    with disable_current_modes():
        m = x.detach().real.amax(axes, keepdim=True) if x.numel() else x.detach().real.sum(axes, keepdim=True)
        m = torch.where(m.isfinite(), m, 0.0)
    return add(logarithm(exponentials(exponential(subtract(x, m)))), m)


def _logsumexp(x: Tensor, dim: Sequence[int], keepdim: bool = False) -> Tensor:
    axes = list(dim) or list(range(x.dim()))
    found = _log_of_sums(lambda powers: powers.sum(axes, keepdim=True), x, axes)
    return found if keepdim else found.sum(axes)


def _logcumsumexp(x: Tensor, dim: int) -> Tensor:
    return _log_of_sums(lambda powers: powers.cumsum(dim), x, [dim]) if x.dim() else x.clone()


#: The steps of operators by their names, where an operand is complex.
STEPS: dict[str, Callable[..., Any]] = {
    "sum": linear(torch.sum), "mean": linear(torch.mean), "cumsum": linear(torch.cumsum), "prod": _product,
    "cumprod": _running_product, "var": _variance, "std": _deviation, "var_mean": _variance_and_mean,
    "std_mean": _deviation_and_mean, "logsumexp": _logsumexp, "logcumsumexp": _logcumsumexp,
}  # fmt: skip
