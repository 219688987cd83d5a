"""Running methods on batches: the reduced gradient in one call, per-sample partials and truths in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.device_truth import runs_truth
from diffexplore.checking.enclosures import SUM_PRECISION, Enclosures, Status, statuses_in
from diffexplore.checking.judge import FAIL, Judged, rejudged
from diffexplore.checking.truth import TruthFinder
from diffexplore.floating_point import format_of
from diffexplore.inputs.blocks import Blocks, whole
from diffexplore.methods.base import Estimates, Method, Numbers, Values, smallest_bounds, unwatched
from diffexplore.methods.problem import SIZE, Problem
from diffexplore.methods.torch_loss import Unavailable

#: Samples at a time: fewer make the processor wait for Python, more for memory; a device waits longer for Python.
CHUNK = 65_536
_DEVICE_CHUNK = 4 * CHUNK

#: A truth below this part of the smallest bound needs no relative accuracy.
_NEGLIGIBLE = 2.0**-22


@dataclass(frozen=True)
class Running:
    """A method that can run, under its name in the tables; ``broken`` says why its bounds are not to be trusted.

    ``runs_program`` says whether it runs the function that the loss was read from, where there is one.
    """

    name: str
    method: Method
    broken: str | None = None
    runs_program: bool = False

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        return self._distrusted(self.method.reduced(problem, values, n))

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        return self._distrusted(self.method.samples(problem, values, n))

    def _distrusted(self, estimates: Estimates) -> Estimates:
        if self.broken is None:
            return estimates
        return {
            name: replace(estimate, bound=torch.full_like(estimate.bound, math.inf), reason=self.broken)
            for name, estimate in estimates.items()
        }


@dataclass(frozen=True)
class Chunk:
    """Per-sample values and bounds of each method, with their truths, for the samples from ``first`` on."""

    first: int
    estimates: Mapping[str, Mapping[str, Numbers]]
    truths: Mapping[str, Enclosures]
    sums: Mapping[str, arb]


class Evaluator:
    """A problem at one point, on one batch (float64 or narrower columns, shape (n,)).

    With ``shares`` the truths by data are those of the reduced loss, not of the summand. ``blocks`` is how the samples
    are divided; by default they are not.
    """

    def __init__(
        self, problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], n: int,
        *, shares: bool = False, blocks: Blocks | None = None,
    ) -> None:  # fmt: skip
        self.problem = problem
        self.point = point
        self.n = n
        self.blocks = blocks or whole(n)
        self._columns = columns
        self._format = format_of(problem.dtype)
        rounded = problem.values(point, {name: column[:1] for name, column in columns.items()})
        fixed = {name: float(rounded[name]) for name in problem.loss.parameters}
        self.finite_point = all(math.isfinite(value) for value in fixed.values())
        self._truth = TruthFinder(
            problem.wrt, problem.share_program if shares else problem.gradient_program, problem.plain_loss_program,
            problem.domain_program, fixed | {SIZE: float(n)}, problem.loss.data, summed=problem.parameters,
            divided=dict.fromkeys(problem.loss.data, float(n)) if shares and problem.loss.reduction == "mean" else None,
        )  # fmt: skip

    def values(self, first: int = 0, last: int | None = None) -> Values:
        """The tensors of samples ``first`` to ``last``, in the dtype and on the device of the problem."""
        return self.problem.values(self.point, {name: column[first:last] for name, column in self._columns.items()})

    def flushed(self, sample: int | None) -> dict[str, float]:
        """The inputs, of one sample where it is given, that are not 0 and are rounded to 0 in the dtype."""
        given = dict(self.point)
        if sample is not None:
            given |= {name: float(column[sample]) for name, column in self._columns.items()}
        values = self.values(sample or 0, (sample or 0) + 1)
        return {name: value for name, value in given.items() if value != 0 and not bool(values[name].any())}

    def reduced(self, running: Running) -> Estimates:
        return running.reduced(self.problem, self.whole, self.n)

    @cached_property
    def whole(self) -> Values:
        """The tensors of all samples, with what methods found out there."""
        return self.values()

    def chunks(
        self, methods: list[Running], progress: Callable[[int], None], start: int = 0, stop: int | None = None
    ) -> Iterator[Chunk]:
        """Samples, by default all, a chunk at a time."""
        stop = self.n if stop is None else stop
        progress(start)
        size = CHUNK if self.problem.device.type == "cpu" else _DEVICE_CHUNK
        for first in range(start, stop, size):
            last = min(first + size, stop)
            values = self.values(first, last)
            estimates = {
                running.name: {
                    name: Numbers.of(estimate, exact=running.method.exact)
                    for name, estimate in running.samples(self.problem, values, last - first).items()
                }
                for running in methods
            }
            bounds = smallest_bounds(estimates, self.problem.wrt, last - first)
            truths, sums = self.truths(values, last - first, bounds)
            yield Chunk(first, estimates, truths, sums)
            progress(last)

    def reduced_truths(self) -> dict[str, tuple[Enclosures, arb]]:
        """The enclosure of each reduced partial over all samples, also as a ball."""
        sums, statuses = dict.fromkeys(self.problem.wrt, arb(0)), {name: set[Status]() for name in self.problem.wrt}
        for of_block, seen in self.blocks.each(self._summed_truths):
            for name in self.problem.wrt:
                statuses[name] |= seen[name]
                with precision(SUM_PRECISION):
                    sums[name] += of_block[name]
        return {name: self.reduced_truth(total, statuses[name], self.n) for name, total in sums.items()}

    def _summed_truths(self, start: int, stop: int) -> tuple[dict[str, arb], dict[str, set[Status]]]:
        """The sums of the partials of some samples, and what is known of them."""
        sums, statuses = dict.fromkeys(self.problem.wrt, arb(0)), {name: set[Status]() for name in self.problem.wrt}
        for chunk in self.chunks([], lambda done: None, start, stop):
            for name, truth in chunk.truths.items():
                statuses[name] |= statuses_in(truth)
                with precision(SUM_PRECISION):
                    sums[name] += chunk.sums[name]
        return sums, statuses

    def truths(
        self, values: Values, n: int, smallest_bounds: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, Enclosures], dict[str, arb]]:
        """Enclosures of each partial at each of n samples, and of their sums."""
        placed = {name: values[name].to(torch.float64) for name in self.problem.loss.data}
        columns = {name: column.cpu().numpy() for name, column in placed.items()}
        there = placed if runs_truth(self.problem.device, n) else columns
        negligible = {name: bound * _NEGLIGIBLE for name, bound in smallest_bounds.items()}
        with np.errstate(all="ignore"):
            truths, sums = self._truth.samples(
                columns, n, self._format.bits, self._format.smallest_exponent, negligible, there
            )
        if not self.finite_point:
            for enclosure in truths.values():
                enclosure.status[:] = Status.OVERFLOW
        for enclosure in truths.values():
            for column in columns.values():
                enclosure.status[~np.isfinite(column)] = Status.OVERFLOW
        return truths, sums

    def reduced_truth(self, total: arb, statuses: set[Status], n: int) -> tuple[Enclosures, arb]:
        """The enclosure of a reduced partial from the sum of its samples' and what is known of them."""
        worst = max(statuses, key=_BY_GRAVITY.index, default=Status.RESOLVED)
        if worst == Status.UNRESOLVED and Status.KINK in statuses:
            total = arb.nan()  # what a kink allows is no enclosure, and what lies beyond it is no error
        with precision(SUM_PRECISION):
            ball = total / n if self.problem.loss.reduction == "mean" else total
            high = float(ball.mid())
            low = float(ball.mid() - high) if math.isfinite(high) else math.nan
            radius = float(ball.rad())
            exact = ball.is_exact() and ball == high
        radius = 0.0 if exact else radius * (1 + 2.0**-50) + abs(low) * 2.0**-52 + 2.0**-1073
        if worst == Status.RESOLVED and not (math.isfinite(high) and math.isfinite(radius)):
            worst = Status.OVERFLOW
        enclosure = Enclosures(np.array([high]), np.array([low]), np.array([radius]), np.array([worst], np.int8))
        return enclosure, ball


#: Which status of a sample speaks for the reduced partial: the last of these.
_BY_GRAVITY = (Status.RESOLVED, Status.KINK, Status.UNRESOLVED, Status.OVERFLOW, Status.UNDEFINED, Status.OUTSIDE)


def gravest(statuses: np.ndarray) -> np.ndarray:
    """Of the statuses of the samples at each place, shape (m, n), the one that speaks for the reduced partial, (m,)."""
    order = np.array([_BY_GRAVITY.index(Status(value)) for value in range(len(Status))])
    return np.array(_BY_GRAVITY, np.int8)[order[statuses].max(axis=1)]


def again_in_float64(
    judged: Judged, evaluator: Evaluator, running: Running, name: str, first: int | None = None
) -> Judged:
    """The comparisons of an opaque method, judged again by its values in float64 at the same inputs.

    ``first`` is the first of the samples that were compared, None for the reduced partial. Methods that are watched,
    comparisons in float64, and those of which none failed stay as they are.
    """
    problem = evaluator.problem
    if not running.method.opaque or problem.dtype == torch.float64 or not (judged.verdict == FAIL).any():
        return judged
    wide, mean = replace(problem, dtype=torch.float64), problem.loss.reduction == "mean"

    def found(call: Callable[..., Estimates], start: int, stop: int) -> np.ndarray:
        values = {key: value.to(torch.float64) for key, value in evaluator.values(start, stop).items()}
        return np.atleast_1d(call(wide, values, stop - start)[name].value.cpu().numpy())

    def of_block(start: int, stop: int) -> np.ndarray:
        return found(running.method.reduced, start, stop) * ((stop - start) / evaluator.n if mean else 1)

    with unwatched():  # only the values count
        try:
            if first is None:
                return rejudged(judged, np.sum(evaluator.blocks.each(of_block), axis=0), problem.dtype)
            again = found(running.method.samples, first, first + len(judged.value))
        except Unavailable:
            return judged
    return rejudged(judged, again, problem.dtype)


def refused_by_sample(evaluator: Evaluator, running: Running) -> str | None:
    """Why the library of an opaque method gives no partials of single samples; None where it does.

    It is tried on two samples, before the long work begins: some libraries differentiate a loss, and not by sample.
    """
    if not running.method.opaque:
        return None
    count = min(2, evaluator.n)
    with unwatched():
        try:
            running.method.samples(evaluator.problem, evaluator.values(0, count), count)
        except Unavailable as error:
            return str(error)
    return None
