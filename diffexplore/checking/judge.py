"""The judge: values, bounds and truths in, verdicts and causes out. Nothing else decides.

See the contract of a check in docs/contract.md. Everything here works on whole vectors of comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.records import Cause, Verdict
from diffexplore.floating_point import format_of
from diffexplore.numerals import short

#: A truth certainly below this part of the bound counts as zero.
ZERO = 2.0**-20

#: The error itself is computed in double precision, with two roundings.
_SLACK = 2.0**-50

#: Stated powers are rounded up, by more than all slack of a verdict: then an error as large as stated always fails.
_UPWARD = 1 + 2.0**-46

PASS: Final = 0
FAIL: Final = 1
INCONCLUSIVE: Final = 2
_VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive")


@dataclass(frozen=True)
class Judged:
    """Comparisons of n values with their truths: float64 arrays of shape (n,), NaN for what does not exist.

    ``verdict`` holds PASS, FAIL or INCONCLUSIVE. ``detectable`` is the smallest relative error that would have been
    caught; where the truth is 0 it is NaN and ``detectable_abs`` takes its place. ``stepped`` is None for a method that
    takes no step, else it says where the method's own step overflows or leaves the domain; ``beyond`` says which truths
    may lie beyond the range of the dtype. ``narrow`` is None unless code was run again in float64 (:func:`rejudged`);
    then it says where its error shrank, so that it is the rounding of the narrower dtype.
    """

    value: np.ndarray
    bound: np.ndarray
    truth: Enclosures
    error: np.ndarray
    error_relative: np.ndarray
    error_ulp: np.ndarray
    detectable: np.ndarray
    detectable_abs: np.ndarray
    verdict: np.ndarray
    reason: str | None
    stepped: np.ndarray | None
    beyond: np.ndarray
    narrow: np.ndarray | None = None

    def verdict_of(self, i: int) -> Verdict:
        return _VERDICTS[int(self.verdict[i])]


def judge(
    value: np.ndarray, bound: np.ndarray, truth: Enclosures, scale: float, dtype: torch.dtype,
    reason: str | None = None, *, stepped: np.ndarray | None,
) -> Judged:  # fmt: skip
    """Verdicts of n comparisons.

    A value that is the nearest number of ``dtype`` to the truth is right, whatever the ``bound``.
    ``bound`` may hold infinities, where ``reason`` says why if it is known. ``scale`` is the largest |partial| of this
    symbol in the whole check: beside it, a truth of 0 differs from a wrong value. ``stepped`` is None for a method
    that takes no step: then NaN and infinity are its own fault. Else it says where its own step overflowed or left
    the domain (bool, shape (n,)): what was computed there decides nothing.
    """
    with np.errstate(all="ignore"):
        size = np.abs(truth.high)
        error = value - truth.high
        error -= truth.low
        np.abs(error, out=error)
        enclosed = (truth.status == Status.RESOLVED) | (truth.status == Status.UNRESOLVED)
        finite = np.isfinite(value)
        failed = finite & enclosed & _exceeds(error, truth.radius, bound)
        if failed.any():  # no method can give more than the nearest number of the dtype
            half = format_of(dtype).ulp(size) / 2
            nearest = failed & (error <= half) & _is_in(dtype, value)
            failed, bound = failed & ~nearest, np.where(nearest, half, bound)
        farthest = size + truth.radius
        beyond = ~(farthest <= torch.finfo(dtype).max)
        if stepped is None:
            failed |= ~finite & enclosed & ~beyond
        else:
            failed &= ~stepped
        bounded = np.isfinite(bound)
        zero = (farthest <= ZERO * bound) & bounded
        zero |= farthest == 0
        slack = bound + truth.radius
        slack *= 2
        slack *= _UPWARD
        detectable = _where(~zero, slack / size)
        enough = np.where(zero, (slack < scale) | (bound == 0), detectable < 1) if zero.any() else detectable < 1
        passed = ~failed & finite & (truth.status == Status.RESOLVED) & bounded & enough
        if stepped is not None:
            passed &= ~stepped
        verdict = np.full(passed.shape, INCONCLUSIVE, np.int8)
        verdict[passed] = PASS
        verdict[failed] = FAIL
        exists = enclosed & finite
        relative = exists & ~zero
        return Judged(
            value,
            bound,
            truth,
            _where(exists, error),
            _where(relative, error / size),
            _where(relative, error / format_of(dtype).ulp(size)),
            _where(enclosed, detectable),
            _where(enclosed & zero, slack),
            verdict,
            reason,
            stepped,
            beyond,
        )


def _is_in(dtype: torch.dtype, value: np.ndarray) -> np.ndarray:
    """Which doubles are numbers of a dtype: what was added up of several is none."""
    numbers = torch.from_numpy(np.array(value, np.float64, order="C"))
    return (numbers.to(dtype).to(torch.float64) == numbers).numpy()


def _exceeds(error: np.ndarray, radius: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Where an error certainly exceeds its bound: error (1 - slack) - radius (1 + slack) > bound (1 + slack)."""
    least = error * (1 - _SLACK)
    least -= radius * (1 + _SLACK)
    return least > bound * (1 + _SLACK)


def rejudged(judged: Judged, wide: np.ndarray, dtype: torch.dtype) -> Judged:
    """The verdicts of code whose operations cannot be watched, once it was run again in float64.

    ``wide`` are its values there, shape (n,), at the same inputs. From ``dtype`` to float64 an error of rounding
    shrinks by the ratio of the unit roundoffs, one of the formula not at all: the geometric middle tells them apart.
    """
    shrinks = math.sqrt(UNIT_ROUNDOFF[torch.float64] / UNIT_ROUNDOFF[dtype])
    with np.errstate(all="ignore"):
        error = np.abs((wide - judged.truth.high) - judged.truth.low)
        narrow = (judged.verdict == FAIL) & np.isfinite(judged.value) & (error <= shrinks * judged.error)
    verdict = np.where(narrow, INCONCLUSIVE, judged.verdict).astype(np.int8)
    return replace(judged, verdict=verdict, narrow=narrow)


def _where(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``values``, NaN where the condition does not hold; mostly it holds everywhere, or nowhere."""
    return values if condition.all() else np.where(condition, values, np.nan)


_STATUS_CAUSES = {
    Status.KINK: (
        "kink",
        "the loss has a kink or a jump here: no gradient exists, and each method follows a convention",
    ),
    Status.UNDEFINED: (
        "undefined",
        "no gradient exists: as written, the loss has no real value here or on one side, or its slope is infinite",
    ),
    Status.OUTSIDE: ("outside_domain", "the point or the sample lies outside the domain of the loss"),
    Status.UNRESOLVED: (
        "unresolved",
        "the truth could not be decided, or not enclosed tightly enough, at the highest precision",
    ),
    Status.OVERFLOW: ("overflow", "the truth is beyond the range of double precision"),
}

#: What is stated where no operation is known to be to blame; :mod:`diffexplore.checking.unbounded` names it.
UNBOUNDED = "the operand of some operation underflows, overflows, or reaches a singularity or a kink within its error"

_BEYOND = ("overflow", "the truth is beyond the range of the dtype")
_PRECISION = (
    "precision",
    "the gradient is right in float64: in this dtype it loses precision, more than it has to",
    {"right_in_float64": True, "certain": True},
)
_STEP = ("step", "the method's own step overflows or leaves the domain of the loss, where the truth is finite")


def cause_of(judged: Judged, i: int) -> Cause | None:
    """Why comparison ``i`` did not pass; None where it did."""
    verdict = int(judged.verdict[i])
    if verdict == PASS:
        return None
    if verdict == FAIL:
        if not np.isfinite(judged.value[i]):
            kind = _kind(judged, i)
            return Cause("nan", f"{kind} where the truth is finite", {"value": kind})
        error, bound = float(judged.error[i]), float(judged.bound[i])
        ratio = error / bound if bound > 0 else math.inf
        many = short(ratio, 3)
        allowed = f"{'just above' if many == '1' else f'{many} times'} what rounding and truncation allow"
        times = allowed if math.isfinite(ratio) else "where none is allowed"
        fields = {"error": error, "bound": bound}
        return Cause("exceeds_bound", f"the value differs from the truth by {short(error, 3)}, {times}", fields)
    return _inconclusive(judged, i)


def _inconclusive(judged: Judged, i: int) -> Cause:
    if judged.narrow is not None and judged.narrow[i]:
        return Cause(*_PRECISION)
    status = Status(int(judged.truth.status[i]))
    if status != Status.RESOLVED:
        return Cause(*_STATUS_CAUSES[status])
    if judged.stepped is not None and (judged.stepped[i] or not np.isfinite(judged.value[i])):
        return Cause(*_STEP)
    if judged.beyond[i] and not (np.isfinite(judged.value[i]) and np.isfinite(judged.bound[i])):
        return Cause(*_BEYOND)
    if not np.isfinite(judged.bound[i]):
        return Cause("no_bound", f"no error bound could be derived: {judged.reason or UNBOUNDED}")
    if np.isnan(judged.detectable[i]):
        allowed = float(judged.detectable_abs[i])
        message = "the gradient is 0 here, and rounding hides errors as large as the gradient elsewhere"
        return Cause("no_power", message, {"smallest_detectable_abs": allowed})
    message = "rounding hides the gradient here: even 0 or the negated gradient would be within the bound"
    return Cause("no_power", message, {"smallest_detectable": float(judged.detectable[i])})


def _kind(judged: Judged, i: int) -> str:
    return "NaN" if np.isnan(judged.value[i]) else "infinity"
