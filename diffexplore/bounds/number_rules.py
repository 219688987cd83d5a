"""The radii of single numbers: of constants, and of results of basic arithmetic, by the rules for arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from diffexplore.bounds.claims import BELOW_NORMAL, QUANTUM, UPWARD, rounding_parts
from diffexplore.bounds.deferred import DeferredNumber
from diffexplore.bounds.dense_rules import RULES, DenseOperand, LeftToTensors, Room
from diffexplore.bounds.zeros import FAR_FROM_SUBNORMAL

#: The relative error that is allowed for a double which stands for a constant: twice its rounding.
CONSTANT_ERROR = 2.0**-52

#: float64 has all integers below this.
WHOLE = 2.0**53

#: Numbers need no memory for what is computed on the way.
_NO_ROOM = Room(None, None, None)  # type: ignore[arg-type]  # numbers are not written into it

#: The fraction of a power of two.
_HALF = 0.5


def number_radius(value: float | int) -> float:
    """How far a number that looks rounded may be from what it stands for; 0 for short binary fractions.

    An integer is off by what its double, which kernels compute with, is off.

    Constants of a formula that are rounded to a number that does not look so are set by :meth:`Watch.state_constant`.
    """
    if isinstance(value, int):
        return 0.0 if abs(value) <= WHOLE else float(abs(int(float(value)) - value))
    if not math.isfinite(value):
        return 0.0
    short = (value * 2.0**20).is_integer() and abs(value) < 2.0**53
    return 0.0 if short else abs(value) * CONSTANT_ERROR + QUANTUM[torch.float64]


def number_of(claim: str, value: float, operands: Sequence[DeferredNumber]) -> DeferredNumber | None:
    """A computed number with its radius; None where the rules on tensors say more of it."""
    rule = RULES.get(claim)
    if rule is None or not value or not math.isfinite(value):
        return None
    x, y = operands[0], operands[-1]
    if not (x.rad or y.rad) and _is_exact(claim, value, x.mid, y.mid):
        return DeferredNumber(value, 0.0)
    try:
        with np.errstate(all="ignore"):
            moved, share = rule.spread(_NO_ROOM, *(DenseOperand(*one) for one in operands[: rule.operands]))
    except LeftToTensors:
        return None
    relative, absolute = rounding_parts(claim, torch.float64)
    share *= (1 + 2 * relative) * UPWARD  # of the exact result
    radius = abs(value) * (relative + share) * UPWARD + (absolute + BELOW_NORMAL) * (1 + share) + moved
    return DeferredNumber(value, radius) if radius < math.inf else None


def _is_exact(claim: str, value: float, x: float, y: float) -> bool:
    """Whether nothing is rounded: see :mod:`~diffexplore.bounds.zeros`."""
    if claim in _SIGNS:
        x, y = x * _SIGNS[claim][0], y * _SIGNS[claim][1]
        added = x + y
        lost = added - x
        return value == added and (x - (added - lost)) + (y - lost) == 0
    if claim != "mul" or _HALF not in (math.frexp(abs(x))[0], math.frexp(abs(y))[0]):
        return False
    return value == x * y and abs(value) >= FAR_FROM_SUBNORMAL


#: The signs with which sums take their operands.
_SIGNS = {"add": (1.0, 1.0), "sub": (1.0, -1.0), "rsub": (-1.0, 1.0)}
