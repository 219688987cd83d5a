"""Which partials lose more than half their digits to rounding, at which operation, and which form keeps them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import observing
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.evaluate import Evaluator, Running
from diffexplore.checking.judge import FAIL, Judged
from diffexplore.checking.provenance import UNKNOWN, Provenance
from diffexplore.checking.records import LostDigits
from diffexplore.checking.stable_forms import better_form, evaluated, shown, tried
from diffexplore.errors import DiffexploreError
from diffexplore.methods.problem import Problem


@dataclass(frozen=True)
class WeakPartial:
    """The sample at which one method leaves fewest digits of a partial; ``whole``: of the reduced one as well."""

    parameter: str
    method: str
    sample: int | None
    relative: float
    whole: bool


class Weak:
    """Collects them while comparisons stream by: uncertainty beside the truth, above the square root of u."""

    def __init__(self, problem: Problem) -> None:
        self._limit = math.sqrt(UNIT_ROUNDOFF[problem.dtype])
        self._mean = problem.loss.reduction == "mean"
        self._data = bool(problem.loss.data)
        self._worst: dict[tuple[str, str], WeakPartial] = {}
        self._sizes: dict[str, float] = {}

    def __iter__(self) -> Iterator[WeakPartial]:
        yield from self._worst.values()

    def add_truth(self, name: str, truth: Enclosures) -> None:
        """Adds up the sizes of the samples' partials, beside which a reduced one may be small for other reasons."""
        with np.errstate(over="ignore"):  # beside an infinite size no digit counts as lost
            size = float(np.abs(truth.high[np.isfinite(truth.high)]).sum())
        self._sizes[name] = self._sizes.get(name, 0.0) + size

    def add(self, name: str, method: str, judged: Judged, first: int) -> None:
        """Comparisons of the samples from ``first`` on."""
        relative = uncertainty(judged)
        if not len(relative) or not (relative > self._limit).any():
            return
        i, key = int(np.argmax(relative)), (name, method)
        known = self._worst.get(key)
        if known is None or relative[i] > known.relative:
            self._worst[key] = WeakPartial(name, method, first + i, float(relative[i]), False)

    def join(self, later: Weak) -> None:
        """Adds what later samples showed."""
        for name, size in later._sizes.items():
            self._sizes[name] = self._sizes.get(name, 0.0) + size
        for key, weak in later._worst.items():
            if key not in self._worst or weak.relative > self._worst[key].relative:
                self._worst[key] = weak

    def add_reduced(self, name: str, method: str, judged: Judged, n: int) -> None:
        """The reduced comparison: weak where its uncertainty is large beside the partials of the samples together."""
        relative, key = float(uncertainty(judged)[0]), (name, method)
        if relative <= self._limit:
            return
        if not self._data:
            self._worst[key] = WeakPartial(name, method, None, relative, True)
            return
        size = self._sizes.get(name, 0.0) / (n if self._mean else 1)
        known, missing = self._worst.get(key), relative * abs(float(judged.truth.high[0]))
        if known is not None and not missing <= self._limit * size:
            self._worst[key] = replace(known, whole=True)


def uncertainty(judged: Judged) -> np.ndarray:
    """How far each value may be, or is, from its truth, relative to it: infinite without a bound.

    0 where the truth is 0 or not known, and where a number is certainly wrong: no rounding did that.
    """
    wrong = (judged.verdict == FAIL) & np.isfinite(judged.value)
    known = (judged.truth.status == Status.RESOLVED) & (judged.truth.high != 0) & ~wrong
    with np.errstate(all="ignore"):
        size = np.fmax(judged.bound, np.nan_to_num(judged.error, nan=0.0)) / np.abs(judged.truth.high)
        size = np.where(np.isfinite(judged.value), size, math.inf)
    return np.where(known, np.nan_to_num(size, nan=math.inf), 0.0)


def lost_in(
    weak: WeakPartial, evaluator: Evaluator, exact: Iterable[Running], point: Mapping[str, float]
) -> LostDigits | None:
    """Where a method loses its digits; None where that is in no single operation, or a matter of the data alone."""
    running = next(running for running in exact if running.name == weak.method)
    first, last = (0, evaluator.n) if weak.sample is None else (weak.sample, weak.sample + 1)
    problem, values = replace(evaluator.problem, wrt=(weak.parameter,)), evaluator.values(first, last)
    method = running.reduced if weak.parameter in problem.parameters else running.samples

    def run() -> float:
        return float(method(problem, values, 1)[weak.parameter].value.reshape(-1)[0])

    return located(weak, problem, values, run, point)


def located(
    weak: WeakPartial, problem: Problem, values: Mapping[str, Tensor], run: Callable[[], float | None],
    point: Mapping[str, float],
) -> LostDigits | None:  # fmt: skip
    """The operation of one call of ``run`` on one sample, with ``values``, that loses the digits of a partial.

    ``run`` returns the partial, or None where it has none.
    What no form is known to keep is reported only where it concerns the reduced partial.
    """
    provenance = Provenance(values, UNIT_ROUNDOFF[problem.dtype])
    try:
        with observing(provenance):
            result = run()
    except (DiffexploreError, RuntimeError, NotImplementedError, MemoryError):
        return None
    worst = provenance.worst(result) if result is not None else None
    if worst is None or worst.formula == UNKNOWN:
        return None
    numbers = {name: value.detach().reshape(()) for name, value in values.items()}
    found, whole = _better(worst.formula, problem, weak.parameter, numbers)
    if found is None and not weak.whole:
        return None
    return LostDigits(
        parameter=weak.parameter, methods=(weak.method,), point=point, sample=weak.sample,
        data={name: float(numbers[name]) for name in problem.loss.data} if weak.sample is not None else {},
        relative=weak.relative if weak.relative < 1 else None, subexpression=shown(worst.formula), before=worst.before,
        after=worst.after, better=shown(found[0]) if found else None, better_relative=found[1] if found else None,
        whole=whole, how=worst.how,
    )  # fmt: skip


def _better(
    formula: sympy.Expr, problem: Problem, name: str, numbers: Mapping[str, Tensor]
) -> tuple[tuple[sympy.Expr, float] | None, bool]:
    """A form that keeps the digits: of the operation, or else of the whole partial, and whether it is that."""
    if UNKNOWN not in formula.free_symbols:
        here = tuple((name, float(number)) for name, number in numbers.items())
        found = better_form(evaluated(formula), here, problem.dtype)
        if found is not None:
            return found, False
    found = _simplified(problem, name, numbers)
    return found, found is not None


def _simplified(problem: Problem, name: str, numbers: Mapping[str, Tensor]) -> tuple[sympy.Expr, float] | None:
    """The printed form of the partial, where it keeps the digits."""
    gradient = problem.loss.gradient((name,))
    trial = tried(gradient[name], gradient.raw[name], numbers)
    keeps = trial.equal and trial.relative <= math.sqrt(UNIT_ROUNDOFF[problem.dtype])
    return (gradient[name], trial.relative) if keeps else None


def merged(found: Iterable[LostDigits]) -> tuple[LostDigits, ...]:
    """One entry for all methods that lose the digits of a partial at the same place."""
    groups: dict[object, LostDigits] = {}
    for lost in found:
        key = (lost.parameter, tuple(lost.point.items()), lost.sample, lost.subexpression)
        known = groups.get(key)
        groups[key] = lost if known is None else replace(known, methods=(*known.methods, *lost.methods))
    return tuple(groups.values())
