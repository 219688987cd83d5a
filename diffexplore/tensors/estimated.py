"""The truth where a forward pass cannot be read: differences of high order, with a measured estimate of their error."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

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


class Differences:
    """Derivatives of the outputs of one call by its inputs, in float64 where the function takes that.

    What autograd takes for constants is held. ``answers`` counts the inputs close by at which the function gave
    numbers.
    """

    answers = 0

    def __init__(self, candidate: TensorCandidate) -> None:
        self._call = _wide(candidate)
        self._runs_beside = self._call is not candidate and is_another_in_float64(candidate, self._call)
        self._followed, self._lost = False, 0
        if self._runs_beside:
            self._call = candidate
        self._constants: HeldConstants | None = HeldConstants(self._call)
        seen = observed(self._call, defaultdict(list))
        computed_in = {torch.float64} if self._runs_beside else {self.dtype.to_real(), *seen.narrowed_forward}
        # The error of a kernel may be smooth, so that no step shows it.
        relative, self._absolute = largest_rounding(seen.operations, torch.float64)
        self._relative = max(relative, *(UNIT_ROUNDOFF[dtype] for dtype in computed_in))

    def through_all(self) -> Differences:
        """The same, going through what autograd takes for constants."""
        whole = copy.copy(self)
        whole._constants = None
        return whole

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which the function runs."""
        return next(one.tensor.dtype for one in self._call.sources)

    def along(self, output: TensorOutput, place: int, upstream: Tensor, name: str, direction: np.ndarray) -> Estimated:
        """The derivative of Σ upstream · output along ``direction`` in the input ``name``, whose shape it has.

        Of another function, whose outputs have other names, it is that of the output of floats at ``place``.
        """
        weights = upstream.detach().to("cpu", torch.float64)

        def sample(step: float) -> Sample:
            found = output_of(self.near(name, direction, step), output, place)
            self.answers += step != 0 and found is not None and bool(found.isfinite().any())
            return self.sample(found, weights)

        return estimated(sample, self.size(name, direction))

    def size(self, name: str, direction: np.ndarray) -> float:
        """That of the largest number in an input which a direction moves; 0 where it moves none."""
        numbers, moves = self._tensor(name).detach(), torch.from_numpy(np.asarray(direction != 0))
        moves = moves.reshape(numbers.shape).to(numbers.device)
        return float(numbers[moves].abs().max()) if bool(moves.any()) else 0.0

    def near(self, name: str, direction: np.ndarray, step: float) -> list[tuple[str, Tensor]]:
        """The outputs of floats, with their names, a step away; none where the function does not take numbers there."""
        tensor = self._tensor(name)
        way = torch.from_numpy(np.ascontiguousarray(direction)).reshape(tensor.shape).to(tensor.device)
        try:
            return self._returned(name, tensor.detach().to(torch.float64) + step * way)
        except CandidateError:
            return []

    def sample(self, found: Tensor | None, weights: Tensor) -> Sample:
        """Σ weights · numbers of an output; NaN where there are none."""
        if found is None:
            return Sample(math.nan, math.nan, math.nan)
        size, absolute = float((found * weights).abs().sum()), self._absolute * float(weights.abs().sum())
        return Sample(float((found * weights).sum()), self._relative * size + absolute, size)

    def _tensor(self, name: str) -> Tensor:
        return next(one.tensor for one in self._call.sources if one.name == name)

    def _returned(self, name: str, moved: Tensor) -> list[tuple[str, Tensor]]:
        """The outputs of floats, with their names, where an input is the numbers ``moved``; none where not known."""
        held = nullcontext() if self._constants is None else self._constants.held()
        if self._runs_beside:
            return self._beside(name, moved, held)
        call = self._call.replaced({name: moved.to(self.dtype).requires_grad_()})
        with held:
            return [(one.name, one.tensor) for one in call.returned() if one.tensor.is_floating_point()]

    def _beside(self, name: str, moved: Tensor, held: AbstractContextManager[None]) -> list[tuple[str, Tensor]]:
        """The same of the program in float64; it is not run again where it was not followed at the first few inputs."""
        if not self._followed and self._lost >= _TRIES:
            return []
        found = run_in_float64(self._call, {name: moved}, held)
        self._followed |= found is not None
        self._lost += found is None
        return [(one.output.name, one.value) for one in found or ()]


def output_of(returned: list[tuple[str, Tensor]], output: TensorOutput, place: int) -> Tensor | None:
    """The numbers of an output, by its name or else by its place, in float64; None where nothing was returned."""
    if not returned:
        return None
    found = next((value for name, value in returned if name == output.name), None)
    return (returned[place][1] if found is None else found).detach().to("cpu", torch.float64)


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
