"""A canary: the claims about rounding, held against the build and the device at hand before they are used.

Functions are compared with Arb at a few dozens of points, sums with the depth that is claimed of them. What fails is
named, and no bound is given where it would have been used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.balls import OPERATIONS as EXACT
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.numpy_real import OPERATIONS as NUMPY
from diffexplore.arithmetic.torch_real import OPERATIONS as TORCH
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import CLAIMS, COMPUTE, QUANTUM, ROUNDED, UNIT_ROUNDOFF, Claim, rounding, summation_depth
from diffexplore.bounds.numpy_watch import NumpyWatch
from diffexplore.bounds.trials import DIFFERENTIATED_BY, TRIALS, Operands
from diffexplore.bounds.watch import watched
from diffexplore.bounds.zeros import ROOTS

Tensor = torch.Tensor

_POINTS = 96
_BITS = 128

#: The interval of arguments tried for each function, within its domain; by default from -20 to 20.
_DOMAINS: dict[str, tuple[float, float]] = {
    "sqrt": (1e-3, 1e3), "log": (1e-3, 1e3), "log1p": (-0.9, 50.0), "asin": (-0.99, 0.99), "acos": (-0.99, 0.99),
    "acosh": (1.01, 50.0), "atanh": (-0.99, 0.99), "erfinv": (-0.99, 0.99), "erf": (-4.0, 4.0), "erfc": (-3.0, 3.0),
    "lgamma": (0.1, 30.0), "digamma": (0.1, 30.0), "gamma": (0.1, 7.0), "sinh": (-8.0, 8.0), "cosh": (-8.0, 8.0),
    "exp": (-9.0, 9.0), "expm1": (-9.0, 9.0), "sin": (-50.0, 50.0), "cos": (-50.0, 50.0), "tan": (-1.5, 1.5),
    "sigmoid": (-9.0, 9.0), "softplus": (-9.0, 9.0),
}  # fmt: skip

_ARITHMETIC = ("add", "sub", "mul", "div")

#: The name under which a program's operation has its claim.
_CLAIMED_AS = {"softplus": "logaddexp"}

#: Operations that a library has not as one function: it is their parts that are watched, and so tried.
_PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {"gamma": ("lgamma", "exp"), "polygamma": ("polygamma", "cos", "sin"), "sinc": ("sin",),
              "dsinc": ("cos", "sin")},
    "numpy": {"sigmoid": ("exp",), "sinc": ("sin",), "dsinc": ("cos", "sin")},
}  # fmt: skip


def broken_claims(
    dtype: torch.dtype, device: torch.device, operations: Iterable[str], *, library: str = "torch"
) -> tuple[str, ...]:
    """What does not hold, one line each, of the claims that ``operations`` rest on; empty where all hold.

    For torch, these include the claims on which the derivatives of ``operations`` rest.
    """
    functions: Mapping[str, Callable[..., Any]] = TORCH if library == "torch" else NUMPY
    used = {part for name in operations for part in _PARTS[library].get(name, (name,))}
    lines: list[str] = []
    if library == "torch":
        used |= {name for operation in operations for name in DIFFERENTIATED_BY.get(operation, ())}
        lines += [*_broken_basics(dtype, device), *_broken_sums(dtype, device)]
    for name in sorted(used & {*_DOMAINS, "tanh", "asinh", "atan"} & functions.keys()):
        lines += _broken_function(name, dtype, device, library)
    for name in sorted(used & TRIALS.keys()):
        if library == "torch" or name in functions:
            lines += _broken_kernel(name, dtype, device, library)
    return tuple(lines)


@cache
def _broken_basics(dtype: torch.dtype, device: torch.device) -> tuple[str, ...]:
    lines = []
    smallest = torch.tensor(QUANTUM[dtype], dtype=dtype, device=device)
    if not bool((smallest * 2 / 2 == smallest) & (smallest > 0)):
        lines.append("subnormal numbers are flushed to zero")
    x, y = _arguments("add", dtype, device), _arguments("mul", dtype, device).flip(0)
    for name in _ARITHMETIC:
        if _largest_excess(name, TORCH[name], (x, y), dtype) > 0:
            lines.append(f"{name} is not rounded to nearest")
    return tuple(lines)


@cache
def _broken_function(name: str, dtype: torch.dtype, device: torch.device, library: str) -> tuple[str, ...]:
    function = TORCH[name] if library == "torch" else _through_numpy(NUMPY[name])
    x = _arguments(name, dtype, device)
    return () if _largest_excess(name, function, (x,), dtype) <= 0 else (_too_far_off(library, name),)


@cache
def _broken_kernel(name: str, dtype: torch.dtype, device: torch.device, library: str) -> tuple[str, ...]:
    """Holds a kernel against the bound that a watch derives for it."""
    trial = TRIALS[name]
    for numbers in trial.operands():
        operands = tuple(x.to(device, dtype) if isinstance(x, torch.Tensor) else x for x in numbers)
        ball = _watched_kernel(name, trial.kernel, operands, library)
        if _excess(trial.exact, operands, ball, dtype) > 0:
            return (_too_far_off(library, name),)
    return ()


def _too_far_off(library: str, name: str) -> str:
    return f"{library}'s {name} is off by more than {_claim(name).ulps} ulp"


def _claim(name: str) -> Claim:
    return ROUNDED if name in _ARITHMETIC else CLAIMS[_CLAIMED_AS.get(name, name)]


def _watched_kernel(name: str, kernel: Callable[..., Tensor], operands: Operands, library: str) -> Ball:
    if library == "torch":
        return watched(lambda: (kernel(*operands),))[0]
    arithmetic = NumpyWatch()
    out = arithmetic.operations[name](*operands)
    return Ball(out.to(torch.float64), arithmetic.watch.radius(out))


def _through_numpy(function: Callable[..., np.ndarray]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.from_numpy(np.asarray(function(x.cpu().numpy()))).to(x.device)


def _arguments(name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    low, high = _DOMAINS.get(name, (-20.0, 20.0))
    generator = torch.Generator().manual_seed(len(name))
    points = low + (high - low) * torch.rand(_POINTS, generator=generator, dtype=torch.float64)
    # Values near 0, where relative accuracy is hardest to keep.
    small = torch.exp2(torch.linspace(-20, -4, _POINTS // 4, dtype=torch.float64))
    points = torch.cat([points, small[(small > low) & (small < high)]])
    points = points.to(dtype).clamp(low, high)
    return torch.cat([points, points.new_tensor(ROOTS.get(name, ()))]).to(device)


def _largest_excess(
    name: str, function: Callable[..., Tensor], operands: tuple[Tensor, ...], dtype: torch.dtype
) -> float:
    """By how much the error exceeds the claim at the worst point (negative where the claim holds)."""
    computed = function(*operands).to(torch.float64)
    claim = Ball(computed, rounding(_claim(name), computed, dtype))
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
