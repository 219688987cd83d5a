"""Formulas of composite kernels in elementary operations, where torch has no decomposition or a wider one.

Each takes the arguments of the ATen operation and is run under a watch. Half precision is computed in float32, as
kernels do. Where a formula is the same for every value of an intermediate (as softmax is for every number that is
subtracted from all of x), that intermediate counts as exact, whatever its rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sympy
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import COMPUTE
from diffexplore.program.program import Program, lower
from diffexplore.torch_private.watching import disable_current_modes

#: Chains of more steps are not followed one by one.
_LONGEST = 4096


def _wide(x: Tensor) -> Tensor:
    return x.to(COMPUTE[x.dtype])


def of_elements(formula: Callable[..., sympy.Expr]) -> Callable[..., Tensor]:
    """The steps of a formula of each element, given as a function of SymPy expressions: those of its program."""

    @cache
    def program(count: int) -> Program:
        symbols = sympy.symbols(f"x:{count}", real=True)
        return lower([formula(*symbols)], [symbol.name for symbol in symbols])

    def steps(*operands: Any) -> Tensor:
        wide = {f"x{i}": _wide(x) if isinstance(x, Tensor) else x for i, x in enumerate(operands)}
        result: Tensor = program(len(operands)).run(TORCH, wide)[0]
        return result.to(torch.result_type(*operands) if len(operands) == 2 else operands[0].dtype)

    return steps


def _unwatched(function: Callable[[], Tensor]) -> Tensor:
    """A number that any other could stand for, in new memory of which no watch knows anything: it is what it is."""
    with disable_current_modes():
        return function().detach().clone()


def _anchor(x: Tensor, dim: Sequence[int]) -> Tensor:
    """m = max(x), or 0 where that is infinite: softmax and its kin are the same for every m, so it has no error."""

    def largest() -> Tensor:
        m: Tensor = x.detach().amax(list(dim), keepdim=True)
        return torch.where(m.isfinite(), m, 0.0)

    return _unwatched(largest)


def _powers(x: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """x − m, which is rounded to half an ulp of its own size, and exp(x − m), to which the error is passed on."""
    shifted = x - anchor
    return shifted, shifted.exp()


def softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    wide = _wide(x)
    _, powers = _powers(wide, _anchor(wide, [dim]))
    return _as(powers / powers.sum([dim], keepdim=True), x, half_to_float)


def log_softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    wide = _wide(x)
    shifted, powers = _powers(wide, _anchor(wide, [dim]))
    return _as(shifted - powers.sum([dim], keepdim=True).log(), x, half_to_float)


def _as(result: Tensor, like: Tensor, stays_wide: bool) -> Tensor:
    return result if stays_wide else result.to(like.dtype)


def safe_softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """0 where all are −∞, which softmax has no number for."""
    x = x if dtype is None else x.to(dtype)
    found = softmax(x, dim)
    return torch.where((x == -math.inf).all(dim, keepdim=True), torch.zeros_like(found), found)


def logsumexp(x: Tensor, dim: Sequence[int], keepdim: bool = False) -> Tensor:
    """−∞ where all are."""
    dim = list(dim) or list(range(x.dim()))
    wide = _wide(x)
    anchor = _anchor(wide, dim)
    _, powers = _powers(wide, anchor)
    total = powers.sum(dim, keepdim=True).log() + anchor
    empty = _unwatched(lambda: (wide == -math.inf).all(dim, keepdim=True))  # of the logarithm of 0 no bound is known
    total = torch.where(empty, wide.amax(dim, keepdim=True), total)
    return (total if keepdim else _squeezed(total, dim)).to(x.dtype)


def _squeezed(x: Tensor, dim: Sequence[int]) -> Tensor:
    for axis in sorted((d % max(1, x.dim()) for d in dim), reverse=True):
        x = x.squeeze(axis) if x.dim() else x
    return x


def logcumsumexp(x: Tensor, dim: int) -> Tensor:
    return _running(x, dim, torch.logaddexp, None)


def cumprod(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    return _running(x, dim, torch.mul, dtype)


def _running(x: Tensor, dim: int, step: Callable[..., Tensor], dtype: torch.dtype | None) -> Tensor:
    """One step after the other; each rounds its own partial result."""
    result = x if dtype is None else x.to(dtype)
    if x.dim() == 0 or x.shape[dim] == 0:
        return result.clone()
    columns = _wide(result).unbind(dim)
    if len(columns) > _LONGEST:
        raise NotImplementedError("a longer chain")
    reached = [columns[0]]
    for column in columns[1:]:
        reached.append(step(reached[-1], column))
    return torch.stack(reached, dim).to(result.dtype)


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    result = x if dtype is None else x.to(dtype)
    wide, axis = (_wide(result).reshape(-1), 0) if dim is None else (_wide(result), dim)
    if wide.dim() == 0:
        return result.clone()
    if wide.shape[axis] == 0:
        raise NotImplementedError("the empty product")
    columns = list(wide.unbind(axis))
    while len(columns) > 1:  # by pairs: shallow, as a kernel with several lanes is
        pairs = [left * right for left, right in zip(columns[::2], columns[1::2], strict=False)]
        columns = pairs + columns[len(pairs) * 2 :]
    return (columns[0].unsqueeze(axis) if keepdim and dim is not None else columns[0]).to(result.dtype)


def hypot(x: Tensor, y: Tensor) -> Tensor:
    """√(x² + y²), scaled by the larger one so that nothing overflows; the formula is the same for every scale."""
    wide, other = _wide(x), _wide(y)

    def larger() -> Tensor:
        size = torch.maximum(wide.abs(), other.abs())
        return torch.where((size > 0) & size.isfinite(), size, 1.0)

    scale = _unwatched(larger)
    u, v = wide / scale, other / scale
    return ((u * u + v * v).sqrt() * scale).to(torch.result_type(x, y))


def glu(x: Tensor, dim: int = -1) -> Tensor:
    first, second = _wide(x).chunk(2, dim)
    return (first * torch.sigmoid(second)).to(x.dtype)


def shrink_backward(gradient: Tensor, x: Tensor, limit: float) -> Tensor:
    return torch.where((x >= -limit) & (x <= limit), torch.zeros_like(gradient), gradient)


def soft_margin_backward(upstream: Tensor, x: Tensor, target: Tensor, reduction: int) -> Tensor:
    """−t σ(−t x): torch's own steps take 1 from σ(t x), which cancels where the loss is small."""
    sign = _wide(target)
    slope = _wide(upstream) * -sign * torch.sigmoid(-sign * _wide(x))
    return (slope / x.numel() if reduction == 1 else slope).to(x.dtype)


def multilabel_margin(x: Tensor, target: Tensor, reduction: int) -> tuple[Tensor, Tensor]:
    """multilabel_margin_loss_forward: only the labels before the first −1 count, which torch's own steps forget."""
    rows, labels = torch.atleast_2d(x), torch.atleast_2d(target)
    count = rows.shape[1]
    counts = (labels == -1).cumsum(1) == 0
    places = torch.where(counts, labels, 0)
    is_target = ((torch.arange(count, device=x.device) == places[..., None]) & counts[..., None]).any(1)
    margins = (1 - rows.gather(1, places)[..., None] + rows[:, None]).clamp_min(0) / count
    losses = torch.where(counts[..., None] & ~is_target[:, None], margins, torch.zeros_like(margins)).sum((1, 2))
    loss = losses.mean() if reduction == 1 else losses.sum() if reduction == 2 or x.dim() < 2 else losses
    return loss, is_target.to(x.dtype).reshape(target.shape)


# ------------------------------------------------------------------------------------------------------- statistics
def var(x: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, **options: Any) -> Tensor:
    """Σ (x − mean)² / (n − correction). The mean counts with its own rounding: that of the sum grows with |x|."""
    return moments(x, dim, unbiased, keepdim, **options)[0]


def std(*args: Any, **options: Any) -> Tensor:
    return var(*args, **options).sqrt()


def moments(
    x: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    if isinstance(dim, bool):  # the overload without dimensions
        dim, unbiased = None, dim
    axes = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    less = correction if correction is not None else 1 if unbiased is None else int(unbiased)
    wide = _wide(x)
    mean = wide.mean(axes, keepdim=True)
    count = math.prod(x.shape[axis] for axis in axes) if x.dim() else 1
    squares = ((wide - mean) ** 2).sum(axes, keepdim=True) / max(count - less, 0)
    results = (squares, mean) if keepdim else (_squeezed(squares, axes), _squeezed(mean, axes))
    return results[0].to(x.dtype), results[1].to(x.dtype)


# -------------------------------------------------------------------------------------------------------- distances
def cdist(x: Tensor, y: Tensor, p: float, *_: Any) -> Tensor:
    """The norm of each difference. A kernel that expands |x − y|² cancels, and is as far off this as it is."""
    return torch.linalg.vector_norm(_wide(x).unsqueeze(-2) - _wide(y).unsqueeze(-3), p, -1).to(x.dtype)


# ------------------------------------------------------------------------------- the primitives of torch's own formulas
def broadcast(x: Tensor, shape: Sequence[int], dimensions: Sequence[int]) -> Tensor:
    sizes = [1] * len(shape)
    for axis, size in zip(dimensions, x.shape, strict=True):
        sizes[axis] = size
    return x.reshape(sizes).expand(list(shape))


def sum_of_dims(x: Tensor, dims: Sequence[int] | None, *, output_dtype: torch.dtype | None = None) -> Tensor:
    return x.sum(list(dims or range(x.dim())), dtype=output_dtype)


def var_of_dims(
    x: Tensor, dims: Sequence[int] | None, correction: float = 1, *, output_dtype: torch.dtype | None = None
) -> Tensor:
    return var(x if output_dtype is None else x.to(output_dtype), dims, correction=correction)
