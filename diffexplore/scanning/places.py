"""Many points of one loss at once: its reduced partials by each method, their bounds, and their certified truths.

Parameters that differ from place to place are tensors of shape (m, 1), data stay (n,), and torch computes all places in
one call. For the truth every sample at every place is a sample of its own, whose parameters are columns too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import QUANTUM, SMALLEST, UPWARD, DoubleBall, add, div, exact
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.evaluate import Running, gravest
from diffexplore.checking.judge import Judged, judge
from diffexplore.checking.truth import TruthFinder
from diffexplore.errors import DiffexploreError
from diffexplore.floating_point import format_of
from diffexplore.methods._error_curve import concatenated, flattened
from diffexplore.methods.base import Estimate, Numbers, Values
from diffexplore.methods.torch_loss import Unavailable
from diffexplore.scanning.setting import Setting

#: Methods that take all places in one call. Another one is called once a place.
_TOGETHER = frozenset(
    "symbolic symbolic_raw reverse forward forward_difference central_difference richardson complex_step".split()
)

#: Samples times places that are computed together.
_BLOCK = 2**18


@dataclass(frozen=True)
class PlaceTruths:
    """The reduced partials at each place; ``sizes`` are the sums of the samples' absolute partials, reduced likewise.

    ``largest`` is the largest partial of any sample at any place.
    """

    enclosures: Mapping[str, Enclosures]
    sizes: Mapping[str, np.ndarray]
    largest: Mapping[str, float]


class Places:
    """The points ``along`` some parameters (float64 arrays of one length), the others at ``point``.

    All are rounded to the dtype of the setting, as everything is that a method is given.
    """

    def __init__(self, setting: Setting, point: Mapping[str, float], along: Mapping[str, np.ndarray]) -> None:
        self._setting = setting
        problem = setting.problem
        self.count = len(next(iter(along.values())))
        moved = {name: torch.as_tensor(numbers).to(problem.dtype) for name, numbers in along.items()}
        self.along = {name: numbers.to(torch.float64).numpy() for name, numbers in moved.items()}
        values = problem.values(point, setting.columns)
        # Parameters that stay have a copy for each place too: reverse mode adds up what reaches one tensor.
        for name in problem.loss.parameters:
            values[name] = moved.get(name, values[name]).expand(self.count).clone()[:, None]
        self.values: Values = values

    # ------------------------------------------------------------------------------------------------------ truths
    def truths(self) -> PlaceTruths:
        """The certified truths of all partials."""
        problem, n = self._setting.problem, self._setting.n
        names = (*problem.loss.parameters, *problem.loss.data)
        finder = TruthFinder(
            problem.wrt, problem.gradient_program, problem.plain_loss_program, problem.domain_program, {}, names,
            summed=(),
        )  # fmt: skip
        parts = [self._truths(finder, first, last, n) for first, last in self._blocks()]
        return PlaceTruths(
            {name: _joined([part.enclosures[name] for part in parts]) for name in problem.wrt},
            {name: np.concatenate([part.sizes[name] for part in parts]) for name in problem.wrt},
            {name: max(part.largest[name] for part in parts) for name in problem.wrt},
        )

    def _truths(self, finder: TruthFinder, first: int, last: int, n: int) -> PlaceTruths:
        problem = self._setting.problem
        shape = (last - first, n)
        columns = {
            name: (value[first:last] if value.dim() > 1 else value).to(torch.float64).expand(shape).reshape(-1).numpy()
            for name, value in self.values.items()
        }
        form = format_of(problem.dtype)
        with np.errstate(all="ignore"):
            found, _ = finder.samples(columns, shape[0] * n, form.bits, form.smallest_exponent, {})
            for column in columns.values():
                for enclosure in found.values():
                    enclosure.status[~np.isfinite(column)] = Status.OVERFLOW
            sums = {name: _summed(enclosure, shape, problem.loss.reduction) for name, enclosure in found.items()}
        divisor = n if problem.loss.reduction == "mean" else 1
        sizes = {name: np.abs(one.high).reshape(shape).sum(1) / divisor for name, one in found.items()}
        return PlaceTruths(sums, sizes, {name: _largest(one) for name, one in found.items()})

    def _blocks(self) -> list[tuple[int, int]]:
        size = max(1, _BLOCK // self._setting.n)
        return [(first, min(first + size, self.count)) for first in range(0, self.count, size)]

    # ----------------------------------------------------------------------------------------------------- methods
    def estimates(self, running: Running) -> dict[str, Estimate] | str:
        """A method's reduced partials, each of shape (m,); or why the library refuses it."""
        problem = self._setting.problem
        together = running.name in _TOGETHER and problem.loss.program is None
        blocks = self._blocks() if together else [(place, place + 1) for place in range(self.count)]
        try:
            parts = [self._block(running, first, last, together) for first, last in blocks]
        except Unavailable as error:
            return str(error)
        except DiffexploreError:
            raise
        except (RuntimeError, NotImplementedError, MemoryError) as error:
            return str(error).splitlines()[0] if str(error) else "out of memory"
        return {name: concatenated([part[name] for part in parts]) for name in problem.parameters}

    def _block(self, running: Running, first: int, last: int, together: bool) -> dict[str, Estimate]:
        values = {name: value[first:last] if value.dim() > 1 else value for name, value in self.values.items()}
        if not together:
            values = {name: value.reshape(()) if value.dim() > 1 else value for name, value in values.items()}
        found = running.reduced(self._setting.problem, values, self._setting.n)
        return {name: _spread(estimate, last - first) for name, estimate in found.items()}

    def judged(self, running: Running, estimates: Mapping[str, Estimate], truths: PlaceTruths) -> dict[str, Judged]:
        """The comparisons of a method at all places, by the rules of every check."""
        found = {}
        for name, estimate in estimates.items():
            numbers = Numbers.of(estimate, exact=running.method.exact)
            found[name] = judge(
                numbers.value, numbers.bound, truths.enclosures[name], truths.largest[name],
                self._setting.problem.dtype, numbers.reason, stepped=numbers.stepped,
            )  # fmt: skip
        return found


def _spread(estimate: Estimate, count: int) -> Estimate:
    """An estimate as one of shape (count,): a partial that is the same everywhere has one value."""
    flat = flattened(estimate)
    stepped = None if flat.stepped is None else flat.stepped.expand(count)
    return Estimate(flat.value.expand(count), flat.bound.expand(count), flat.reason, stepped)


def _summed(one: Enclosures, shape: tuple[int, int], reduction: str) -> Enclosures:
    """The sums or means of the samples at each place, by halves in double-double balls."""
    ball = DoubleBall(*(field.reshape(shape) for field in (one.high, one.low, one.radius)))
    while ball.high.shape[1] > 1:
        width = ball.high.shape[1]
        half = width // 2
        pairwise = add(_columns(ball, 0, half), _columns(ball, half, 2 * half))
        rest = _columns(ball, 2 * half, width)
        ball = DoubleBall(*(np.concatenate(fields, 1) for fields in zip(pairwise, rest, strict=True)))
    ball = DoubleBall(*(field[:, 0] for field in ball))
    if reduction == "mean" and shape[1] > 1:
        ball = _divided(ball, shape[1])
    status = gravest(one.status.reshape(shape))
    broken = (status == Status.RESOLVED) & ~(np.isfinite(ball.high) & np.isfinite(ball.radius))
    return Enclosures(ball.high, ball.low, ball.radius, np.where(broken, Status.UNRESOLVED, status).astype(np.int8))


def _divided(ball: DoubleBall, n: int) -> DoubleBall:
    """A ball divided by n; one that may be 0 keeps no digits, but its size."""
    quotient = div(ball, exact(float(n)))
    largest = (np.abs(ball.high) + np.abs(ball.low) + ball.radius) / n * UPWARD + QUANTUM
    lost = ~np.isfinite(quotient.radius) & (np.abs(ball.high) < SMALLEST)
    return DoubleBall(
        np.where(lost, 0.0, quotient.high), np.where(lost, 0.0, quotient.low), np.where(lost, largest, quotient.radius)
    )


def _columns(ball: DoubleBall, first: int, last: int) -> DoubleBall:
    return DoubleBall(*(field[:, first:last] for field in ball))


def _joined(parts: list[Enclosures]) -> Enclosures:
    fields = zip(*((one.high, one.low, one.radius, one.status) for one in parts), strict=True)
    return Enclosures(*(np.concatenate(arrays) for arrays in fields))


def _largest(one: Enclosures) -> float:
    sizes = np.abs(one.high[np.isfinite(one.high)])
    return float(sizes.max()) if len(sizes) else 0.0
