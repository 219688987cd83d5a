"""The truth where a forward pass cannot be read: differences of high order, with a measured estimate of their error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF, largest_rounding
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, in_dtype
from diffexplore.tensors.differences import Estimated, Sample, estimated
from diffexplore.tensors.held_constants import HeldConstants
from diffexplore.tensors.observed import observed
from diffexplore.tensors.own_program import is_another_in_float64, run_in_float64

Tensor = torch.Tensor

#: A program that cannot be followed in float64 at so many moved inputs, one after the other, is not followed at others.
_TRIES = 8

#: Outputs in two dtypes that are nearer than that, relative to the largest number, may be the same but for rounding.
_SAME = 2.0**-3

#: So many entries are estimated one by one; of larger tensors, derivatives along so many random directions are.
FEW_ENTRIES, DIRECTIONS = 16, 4

#: So many entries are estimated one by one where a direction shows that some are wrong.
MOST_ENTRIES = 256

_UNKNOWN = Sample(math.nan, math.nan, math.nan)


class Differences:
    """Derivatives of the outputs of one call by its inputs, in float64 where the function takes that.

    What autograd takes for constants is held, unless ``through_all`` says that differences go through it. ``answers``
    counts the inputs close by at which the function gave numbers.
    """

    answers = 0

    def __init__(self, candidate: TensorCandidate, *, through_all: bool = False) -> None:
        self._call = _wide(candidate)
        self._runs_beside = self._call is not candidate and is_another_in_float64(candidate, self._call)
        self._followed, self._lost = False, 0
        if self._runs_beside:
            self._call = candidate
        self._constants = None if through_all else HeldConstants(self._call)
        seen = observed(self._call, defaultdict(list))
        computed_in = {torch.float64} if self._runs_beside else {self.dtype.to_real(), *seen.narrowed_forward}
        # The error of a kernel may be smooth, so that no step shows it.
        relative, self._absolute = largest_rounding(seen.operations, torch.float64)
        self._relative = max(relative, *(UNIT_ROUNDOFF[dtype] for dtype in computed_in))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which the function runs."""
        return next(one.tensor.dtype for one in self._call.sources)

    def along(self, output: TensorOutput, place: int, upstream: Tensor, name: str, direction: np.ndarray) -> Estimated:
        """The derivative of Σ upstream · output along ``direction`` in the input ``name``, whose shape it has.

        Of another function, whose outputs have other names, it is that of the output of floats at ``place``.
        """
        tensor = next(one.tensor for one in self._call.sources if one.name == name)
        weights = upstream.detach().to("cpu", torch.float64)
        way = torch.from_numpy(np.ascontiguousarray(direction)).reshape(tensor.shape).to(tensor.device)
        size = float(tensor.detach()[way != 0].abs().max()) if bool((way != 0).any()) else 0.0

        def sample(step: float) -> Sample:
            try:
                returned = self._returned(name, tensor.detach().to(torch.float64) + step * way)
            except CandidateError:  # so far from the input it does not take numbers
                return _UNKNOWN
            if not returned:
                return _UNKNOWN
            found = next((value for called, value in returned if called == output.name), None)
            found = returned[place][1] if found is None else found
            found = found.detach().to("cpu", torch.float64)
            self.answers += step != 0 and bool(found.isfinite().any())
            size, absolute = float((found * weights).abs().sum()), self._absolute * float(weights.abs().sum())
            return Sample(float((found * weights).sum()), self._relative * size + absolute, size)

        return estimated(sample, size)

    def _returned(self, name: str, moved: Tensor) -> list[tuple[str, Tensor]]:
        """The outputs of floats, with their names, where an input is the numbers ``moved``; none where not known."""
        moves = {} if self._runs_beside else {name: moved.to(self.dtype).requires_grad_()}
        call = self._call.replaced(moves)  # copies of the other inputs are no constants of the call
        with nullcontext() if self._constants is None else self._constants.held():
            if self._runs_beside:
                return self._beside(name, moved)
            return [(one.name, one.tensor) for one in call.returned() if one.tensor.is_floating_point()]

    def _beside(self, name: str, moved: Tensor) -> list[tuple[str, Tensor]]:
        """The same of the program in float64; it is not run again where it was not followed at the first few inputs."""
        if not self._followed and self._lost >= _TRIES:
            return []
        found = run_in_float64(self._call, {name: moved})
        self._followed |= found is not None
        self._lost += found is None
        return [(one.output.name, one.value) for one in found or ()]


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
        yield _drawn(generator, shape)


def direction(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A random direction, no entry of which is near 0."""
    return _drawn(np.random.default_rng(seed), shape)


def _drawn(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.uniform(0.5, 1.5, shape) * generator.choice([-1.0, 1.0], shape)


def component(values: np.ndarray, direction: np.ndarray) -> float:
    """Σ values · direction, over the entries that the direction moves: infinities elsewhere are none of it."""
    moves = direction != 0
    return float((values[moves] * direction[moves]).sum())


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
