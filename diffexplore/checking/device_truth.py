"""Where the fast truth runs: on the device of a check, where that computes the same bits as NumPy, for many samples."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.double_double import two_sum
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS, DoubleBallArithmetic
from diffexplore.functions import OPERATIONS
from diffexplore.functions.records import LEFT_TO_ARB

#: Fewer samples are computed by a processor before a device has started its hundreds of kernels.
_MANY = 32_768

#: Numbers at which a device is tried, before it is trusted.
_TRIED = 4_096


def runs_truth(device: torch.device, n: int) -> bool:
    """Whether double-double balls of ``n`` samples run on a device, and not in NumPy."""
    return device.type == "cuda" and n >= _MANY and computes_alike(device)


@cache
def computes_alike(device: torch.device) -> bool:
    """Whether a device gives the same balls as NumPy, bit by bit, by every operation, at numbers of all sizes."""
    return all(differing(name, device, seed) == 0 for seed, name in enumerate(NAMES))


#: The operations that double-double balls have.
NAMES = tuple(name for name, one in OPERATIONS.items() if one.double is not LEFT_TO_ARB)

_OF_TWO = frozenset("add sub mul div pow max min".split())


def differing(name: str, device: torch.device, seed: int, arithmetic: DoubleBallArithmetic = DOUBLE_BALLS) -> int:
    """At how many numbers an operation gives other balls on a device than in NumPy.

    Balls of which nothing is known are alike, whatever their fields.
    """
    operands = [balls(_TRIED, seed + place) for place in range(2 if name in _OF_TWO else 1)]
    orders = [exact(1.0)] if name == "dsinc" else []
    placed = [DoubleBall(*(vectors.beside(field, torch.empty(0, device=device)) for field in one)) for one in operands]
    operation = arithmetic.operations[name]
    with np.errstate(all="ignore"):
        here, there = operation(*orders, *operands), operation(*orders, *placed)
    return int((~_alike(here, DoubleBall(*vectors.on_the_host(there)))).sum())


def _alike(one: DoubleBall, other: DoubleBall) -> np.ndarray:
    """Which balls of two vectors are the same ones (bool)."""
    known, also = np.isfinite(one.radius), np.isfinite(other.radius)
    fields = zip(one, other, strict=True)
    equal = np.all([np.asarray(a).view(np.int64) == np.asarray(b).view(np.int64) for a, b in fields], 0)
    return np.asarray(np.where(known & also, equal, known == also))


def balls(n: int, seed: int) -> DoubleBall:
    """Balls of numbers of all sizes, of some with a radius, and those at which something gives way."""
    draw = np.random.default_rng(seed)
    high = draw.normal(size=n) * 10.0 ** draw.integers(-8, 8, n)
    high[: n // 8] = np.ldexp(draw.normal(size=n // 8), draw.integers(-1074, 1024, n // 8))
    high[-len(_SPECIAL) :] = _SPECIAL
    known = exact(high)
    room = np.where(np.isfinite(known.radius) & (np.abs(high) < 1e300), np.abs(high), 0.0)
    with np.errstate(all="ignore"):
        high, low = two_sum(high, room * 2.0**-53 * draw.uniform(-1, 1, n))
    return DoubleBall(
        high, np.where(room > 0, low, 0.0), known.radius + room * draw.choice([0, 0, 2.0**-105, 2.0**-60, 2.0**-30], n)
    )


_SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 5e-324, -5e-324, 2.0**-1022, 2.0**-960, 2.0**-900, 2.0**990, 2.0**991, 1e308,
    -1e308, np.inf, -np.inf, np.nan, 600.0, -600.0, 601.0, np.pi, 2.0**20, 2.0**21, np.sqrt(0.5), 9.0, 1 / 128,
)  # fmt: skip
