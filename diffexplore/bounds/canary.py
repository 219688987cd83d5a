"""A canary: the claims about rounding, held against the build and the device at hand before they are used.

Functions are compared with Arb at a few dozens of points, sums with the depth that is claimed of them. What fails is
named, and no bound is given where it would have been used. A function that held before on this machine is not tried
again (:mod:`diffexplore.bounds.earlier`); arithmetic and sums are, in every process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import OPERATIONS as EXACT
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.numpy_real import OPERATIONS as NUMPY
from diffexplore.arithmetic.torch_real import OPERATIONS as TORCH
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import CLAIMS, COMPUTE, QUANTUM, UNIT_ROUNDOFF, rounding, summation_depth
from diffexplore.bounds.earlier import once_a_machine, trials_on
from diffexplore.bounds.numpy_watch import NumpyWatch
from diffexplore.bounds.trials import TRIALS, Operands
from diffexplore.bounds.watch import watched
from diffexplore.functions import OPERATIONS
from diffexplore.functions.rounding import Claim, Interval
from diffexplore.functions.tables import Library, kernels

_POINTS = 96
_BITS = 128

_ARITHMETIC = ("add", "sub", "mul", "div")


def broken_claims(
    dtype: torch.dtype, device: torch.device, operations: Iterable[str], *, library: Library = "torch"
) -> tuple[str, ...]:
    """What does not hold, one line each, of the claims that ``operations`` rest on; empty where all hold.

    For torch, these include the claims on which the derivatives of ``operations`` rest.
    """
    functions: Mapping[str, Callable[..., Any]] = TORCH if library == "torch" else NUMPY
    used = {kernel for name in operations for kernel in _kernels(name, library)}
    lines: list[str] = []
    if library == "torch":
        used |= {name for one in operations if one in OPERATIONS for name in OPERATIONS[one].derivative_uses}
        lines += [*_broken_basics(dtype, device), *_broken_sums(dtype, device)]
    for name in sorted(used & functions.keys()):
        lines += [line for span in _intervals(name) for line in _broken_function(name, span, dtype, device, library)]
    for name in sorted(used & TRIALS.keys()):
        if library == "torch" or name in functions:
            lines += _broken_kernel(name, dtype, device, library)
    if not _broken_basics(dtype, device):
        trials_on(device).keep()
    return tuple(lines)


def _kernels(name: str, library: Library) -> tuple[str, ...]:
    return kernels(OPERATIONS[name], library) if name in OPERATIONS else (name,)


def _claimed_as(name: str) -> str:
    return OPERATIONS[name].aten_name if name in OPERATIONS else name


def _intervals(name: str) -> list[Interval]:
    """Where a function of one argument is tried by itself."""
    tried = OPERATIONS[name].tried if name in OPERATIONS else ()
    return [way for way in tried if isinstance(way, Interval)] if isinstance(tried, tuple) else []


@cache
def _broken_basics(dtype: torch.dtype, device: torch.device) -> tuple[str, ...]:
    lines = []
    smallest = torch.tensor(QUANTUM[dtype], dtype=dtype, device=device)
    if not bool((smallest * 2 / 2 == smallest) & (smallest > 0)):
        lines.append("subnormal numbers are flushed to zero")
    x, y = (_arguments(name, Interval(-20, 20), dtype, device) for name in ("add", "mul"))
    for name in _ARITHMETIC:
        if _largest_excess(name, TORCH[name], (x, y.flip(0)), dtype) > 0:
            lines.append(f"{name} is not rounded to nearest")
    return tuple(lines)


@once_a_machine
def _broken_function(
    name: str, span: Interval, dtype: torch.dtype, device: torch.device, library: Library
) -> tuple[str, ...]:
    function = TORCH[name] if library == "torch" else _through_numpy(NUMPY[name])
    x = _arguments(name, span, dtype, device)
    return () if _largest_excess(name, function, (x,), dtype) <= 0 else (_too_far_off(library, name),)


@once_a_machine
def _broken_kernel(name: str, dtype: torch.dtype, device: torch.device, library: Library) -> tuple[str, ...]:
    """Holds a kernel against the bound that a watch derives for it."""
    trial = TRIALS[name]
    for numbers in trial.operands():
        operands = tuple(x.to(device, dtype) if isinstance(x, Tensor) else x for x in numbers)
        ball = _watched_kernel(name, trial.kernel, operands, library)
        if _excess(trial.exact, operands, ball, dtype) > 0:
            return (_too_far_off(library, name),)
    return ()


def _too_far_off(library: str, name: str) -> str:
    claim = CLAIMS[_claimed_as(name)]
    assert isinstance(claim, Claim)
    return f"{library}'s {name} is off by more than {claim.ulps:g} ulp"


def _watched_kernel(name: str, kernel: Callable[..., Tensor], operands: Operands, library: Library) -> Ball:
    if library == "torch":
        return watched(lambda: (kernel(*operands),))[0]
    arithmetic = NumpyWatch()
    out = arithmetic.operations[name](*operands)
    return Ball(out.to(torch.float64), arithmetic.watch.radius(out))


def _through_numpy(function: Callable[..., np.ndarray]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.from_numpy(np.asarray(function(x.cpu().numpy()))).to(x.device)


def _arguments(name: str, span: Interval, dtype: torch.dtype, device: torch.device) -> Tensor:
    low, high = span.low, span.high
    generator = torch.Generator().manual_seed(len(name))
    points = low + (high - low) * torch.rand(_POINTS, generator=generator, dtype=torch.float64, device="cpu")
    # Values near 0, where relative accuracy is hardest to keep.
    small = torch.exp2(torch.linspace(-20, -4, _POINTS // 4, dtype=torch.float64, device="cpu"))
    points = torch.cat([points, small[(small > low) & (small < high)]])
    points = points.to(dtype).clamp(low, high)
    return torch.cat([points, points.new_tensor(OPERATIONS[name].zeros)]).to(device)


def _largest_excess(
    name: str, function: Callable[..., Tensor], operands: tuple[Tensor, ...], dtype: torch.dtype
) -> float:
    """By how much the error exceeds the claim at the worst point (negative where the claim holds)."""
    computed = function(*operands).to(torch.float64)
    claim = Ball(computed, rounding(_claimed_as(name), computed, dtype))
    return _excess(EXACT[name], operands, claim, dtype)


def _excess(exact: Callable[..., arb], operands: Operands, claim: Ball, dtype: torch.dtype) -> float:
    """By how much the exact values leave the balls at the worst point (negative where they do not)."""
    columns = torch.broadcast_tensors(claim.mid, claim.rad, *(_wide(operand, claim.mid) for operand in operands))
    worst = -1.0
    with precision(_BITS):
        for value, radius, *arguments in zip(*(column.cpu().tolist() for column in columns), strict=True):
            true = exact(*[arb(argument) for argument in arguments])
            if not true.is_finite() or abs(true) > torch.finfo(dtype).max:
                continue
            if not math.isfinite(value):
                return math.inf
            worst = max(worst, float(abs(arb(value) - true).upper()) - radius * (1 + 2.0**-30))
    return worst


def _wide(operand: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(operand, device=like.device).to(torch.float64)


@cache
def _broken_sums(dtype: torch.dtype, device: torch.device) -> tuple[str, ...]:
    """A 1 among numbers of half its ulp: each addition into its partial sum may lose one of them, no more."""
    unit = UNIT_ROUNDOFF[COMPUTE[dtype]]
    for n in (100, 5_000, 100_000):
        for place in (0, n // 3, n - 1):
            values = torch.full((n,), 0.0, dtype=COMPUTE[dtype], device=device)
            values[place] = 1.0
            others = torch.ones(n, dtype=torch.bool, device=device)
            others[place] = False
            values[others] = unit
            total = values.to(dtype).sum(dtype=COMPUTE[dtype])
            lost = abs(float(total) - 1 - (n - 1) * unit)  # without a rounding: total is within a binade of 1
            if lost > summation_depth(n) * unit * (1 + n * unit):
                return (f"a sum of {n} values loses more than its depth allows",)
    return ()
