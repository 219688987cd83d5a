"""The truth where a forward pass cannot be read: differences of high order, with a measured estimate of their error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, in_dtype
from diffexplore.tensors.held_constants import HeldConstants
from diffexplore.tensors.observed import observed
from diffexplore.tensors.own_program import is_another_in_float64, run_in_float64

Tensor = torch.Tensor

#: Central differences of sixth order: f' ≈ Σ c (f(x + jh) − f(x − jh)) / h. Source: Fornberg, Math. Comp. 51 (1988).
_WEIGHTS = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))

#: The derivative from above, of third order: f' ≈ Σ c f(x + jh) / h, j from 0; that from below has c f(x − jh).
_FROM_ONE_SIDE = (-11 / 6, 3.0, -3 / 2, 1 / 3)

#: In units of what rounding makes of it, a distance between both sides that is more than rounding.
_GAP = 64.0

#: Steps that are tried, relative to the size of the input: each a quarter of the one before.
_STEPS = tuple(2.0**-place for place in range(3, 15, 2))

#: Steps far below, which tell whether the others go over kinks or steep places.
_FAR_BELOW = (2.0**-17, 2.0**-21)

#: How many times its own measured error an estimated truth may be off.
ESTIMATE_FACTOR = 100.0

#: Outputs in two dtypes that are nearer than that, relative to the largest number, may be the same but for rounding.
_SAME = 2.0**-3

#: So many entries are estimated one by one; of larger tensors, derivatives along so many random directions are.
FEW_ENTRIES, DIRECTIONS = 16, 4

#: So many entries are estimated one by one where a direction shows that some are wrong.
MOST_ENTRIES = 256


@dataclass(frozen=True)
class Estimated:
    """A derivative along a direction, and how far it may be off, as measured.

    ``gap`` is how far the derivatives from both sides are apart.
    """

    value: float
    error: float
    gap: float = 0.0


class Differences:
    """Derivatives of the outputs of one call by its inputs, in float64 where the function takes that."""

    def __init__(self, candidate: TensorCandidate) -> None:
        self._call = _wide(candidate)
        self._runs_beside = self._call is not candidate and is_another_in_float64(candidate, self._call)
        if self._runs_beside:
            self._call = candidate
        self._constants = HeldConstants(self._call)
        computed_in = {torch.float64}
        if not self._runs_beside:
            computed_in = {self.dtype.to_real(), *observed(self._call, defaultdict(list)).narrowed_forward}
        self._unit = max(UNIT_ROUNDOFF[dtype] for dtype in computed_in)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which the function runs."""
        return next(one.tensor.dtype for one in self._call.sources)

    def along(self, output: TensorOutput, place: int, upstream: Tensor, name: str, direction: np.ndarray) -> Estimated:
        """The derivative of Σ upstream · output along ``direction`` in the input ``name``, whose shape it has.

        Of another function, whose outputs have other names, it is that of the output of floats at ``place``.

        The step is the one whose estimate differs least from that of the step before, and from those of smaller steps,
        of which rounding explains some; the error is that difference and what the rounding of the function's values
        makes of it.
        """
        tensor = next(one.tensor for one in self._call.sources if one.name == name)
        weights = upstream.detach().to("cpu", torch.float64)
        way = torch.from_numpy(np.ascontiguousarray(direction)).reshape(tensor.shape).to(tensor.device)
        size = max(1.0, float(tensor.detach().abs().max()))

        def value(step: float) -> float:
            try:
                returned = self._returned(name, tensor.detach().to(torch.float64) + step * way)
            except CandidateError:  # so far from the input it does not take numbers
                return math.nan
            if not returned:
                return math.nan
            found = next((value for called, value in returned if called == output.name), None)
            found = returned[place][1] if found is None else found
            return float((found.detach().to("cpu", torch.float64) * weights).sum())

        here = value(0.0)
        return _best([_at_step(value, here, size * step, self._unit) for step in (*_STEPS, *_FAR_BELOW)])

    def _returned(self, name: str, moved: Tensor) -> list[tuple[str, Tensor]]:
        """The outputs of floats, with their names, where an input is the numbers ``moved``; none where not known."""
        with self._constants.held():
            if self._runs_beside:
                return [(one.output.name, one.value) for one in run_in_float64(self._call, {name: moved}) or ()]
            call = self._call.replaced({name: moved.to(self.dtype).requires_grad_()})
            return [(one.name, one.tensor) for one in call.returned() if one.tensor.is_floating_point()]


def each_entry(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The direction of each entry of a tensor, in row-major order."""
    for place in range(math.prod(shape)):
        one = np.zeros(math.prod(shape))
        one[place] = 1.0
        yield one.reshape(shape)


def directions(shape: tuple[int, ...], seed: int) -> Iterator[np.ndarray]:
    """Each entry of a small tensor; of a larger one, random directions."""
    if math.prod(shape) <= FEW_ENTRIES:
        yield from each_entry(shape)
        return
    generator = np.random.default_rng(seed)
    for _ in range(DIRECTIONS):
        yield generator.uniform(0.5, 1.5, shape) * generator.choice([-1.0, 1.0], shape)


def _wide(candidate: TensorCandidate) -> TensorCandidate:
    """The call in float64, or as it is where the function takes no float64, or is another one there.

    One that reads the memory of its arguments takes what is there for numbers of the dtype it expects.
    """
    wide = in_dtype(candidate, torch.float64)
    try:
        found = {one.name: one.tensor for one in wide.replaced().returned()}  # a call may write into its arguments
        own = [one for one in candidate.replaced().returned() if one.tensor.is_floating_point()]
    except CandidateError:
        return candidate
    return wide if all(one.name in found and _are_near(one.tensor, found[one.name]) for one in own) else candidate


def _are_near(one: Tensor, wide: Tensor) -> bool:
    """Whether two tensors may be the same numbers, rounded in the dtype of the first."""
    if one.shape != wide.shape:
        return False
    one, wide = one.detach().to(torch.float64), wide.detach().to(torch.float64)
    both = one.isfinite() & wide.isfinite()
    size = float(wide[both].abs().max()) if both.any() else 0.0
    return bool(((one - wide).abs()[both] <= _SAME * size).all())


def _at_step(value: Callable[[float], float], here: float, step: float, unit: float) -> Estimated:
    """The difference at one step, with the error that rounding may make in it; ``here`` is the value at 0."""
    total, rounding, gap = 0.0, 0.0, 2 * _FROM_ONE_SIDE[0] * here
    for (times, weight), one_sided in zip(_WEIGHTS, _FROM_ONE_SIDE[1:], strict=True):
        above, below = value(times * step), value(-times * step)
        total += weight * (above - below)
        gap += one_sided * (above + below)
        rounding += abs(weight) * unit * (abs(above) + abs(below))
    return Estimated(total / step, rounding / step, abs(gap) / step)


def _best(found: list[Estimated]) -> Estimated:
    """The estimate that agrees best with the one of the larger step before it; at a kink nothing is known.

    Where the function is smooth, the derivatives from both sides approach each other as the step shrinks.
    """
    near = found[: len(_STEPS)]
    if all(one.gap > _GAP * one.error for one in near) and near[-1].gap > near[0].gap / 8:
        return Estimated(math.nan, math.inf)
    measured = [
        Estimated(small.value, max(abs(small.value - large.value) + small.error, _contradicted(small, found[place:])))
        for place, (large, small) in enumerate(pairwise(found), 2)
    ]
    known = [one for one in measured if math.isfinite(one.error)]
    return min(known, key=lambda one: one.error) if known else Estimated(math.nan, math.inf)


def _contradicted(found: Estimated, smaller: list[Estimated]) -> float:
    """By how much estimates at smaller steps differ from one, beyond what rounding explains of them.

    Two steps that both go over a kink, or a steep place, may agree by chance.
    """
    apart = [abs(one.value - found.value) - _GAP * one.error for one in smaller if math.isfinite(one.value)]
    return max(apart, default=0.0)
