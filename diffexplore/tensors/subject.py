"""What is checked: a function under test, what is differentiated for the truth, and the first calls of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.canary import broken_claims
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.tensors.observed import narrowest, observed, observed_as_decided
from diffexplore.tensors.truth import Recorded, recorded
from diffexplore.tensors.twice import RecordedTwice, recorded_twice
from diffexplore.tensors.upstream import upstreams_for
from diffexplore.tensors.watched_call import WatchedCall
from diffexplore.torch_ops.tensor_rules.operands import NotCertified

Tensor = torch.Tensor


@dataclass(frozen=True)
class TensorSubject:
    """What is checked, and against what.

    Attributes:
        candidate: the function under test, at its inputs.
        forward: what is differentiated for the truth: the candidate run eagerly, a reference, or a surrogate.
        reference: the name of the reference or the surrogate; None where the forward is the candidate's own.
        is_surrogate: whether ``forward`` only says what the gradient is meant to be, and not what the output is.
        jacobian: whether every entry of the Jacobian is looked at.
        notes: what a report of the check says besides.
    """

    candidate: TensorCandidate
    forward: TensorCandidate
    reference: str | None = None
    is_surrogate: bool = False
    jacobian: bool = False
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """1 where gradients are checked, 2 where those of gradients are."""
        return 1 if self.candidate.function.gradients_of is None else 2

    @property
    def compiled(self) -> TensorSubject:
        """The same check, of which it is known that compiled code runs; for the truth it runs as it is written."""
        candidate = replace(self.candidate, function=replace(self.candidate.function, compiled=True))
        return replace(
            self, candidate=candidate, forward=replace(self.forward, function=self.forward.function.as_written)
        )

    @property
    def dtype(self) -> torch.dtype:
        """The narrowest dtype among those of the inputs, by which rounding is measured."""
        return narrowest(self.candidate) or torch.float64


@dataclass(frozen=True, eq=False)
class TensorCalls:
    """What the calls of a subject gave.

    Attributes:
        outputs: the outputs that can be differentiated, as one call returned them.
        probes, upstreams: by output, its upstream gradients and what tells them apart.
        seen: the candidate's numbers, watched.
        exact: the forward that is differentiated for the truth, recorded.
    """

    subject: TensorSubject
    outputs: tuple[TensorOutput, ...]
    probes: dict[str, list[str | None]]
    upstreams: dict[str, list[Tensor]]
    seen: WatchedCall
    exact: Recorded | RecordedTwice

    @cached_property
    def broken(self) -> tuple[str, ...]:
        """The claims about rounding that do not hold here: bounds that rest on them are none."""
        device = self.outputs[0].tensor.device
        return broken_claims(self.dtype, device, self.seen.operations)

    @property
    def dtype(self) -> torch.dtype:
        """The narrowest dtype of the inputs and of what the forward pass computes in."""
        return max(self.seen.narrowed_forward, key=UNIT_ROUNDOFF.__getitem__, default=self.subject.dtype)

    @cached_property
    def _rounded(self) -> Recorded | RecordedTwice | None:
        """The same forward, with each operation rounding once: a reference for code whose operations are not seen.

        None where they were all seen, and where the forward cannot be recorded.
        """
        if not self.seen.hidden or self.exact.problem is not None:
            return None
        found = recording_of(self.subject.forward, self.dtype)
        return found if found.problem is None else None

    def value_allowance(self, place: int) -> np.ndarray | None:
        """How far opaque code may be off in the forward's output at ``place``; None where its own bound holds."""
        return None if self._rounded is None else _allowance(self._rounded.value(place))

    def gradient_allowances(self, place: int, upstream: Tensor) -> list[np.ndarray] | None:
        """The same for the gradients by each input."""
        radii = self.gradient_radii(place, upstream)
        if radii is None:
            return None
        with np.errstate(over="ignore"):
            return [OPAQUE_FACTOR * radius for radius in radii]

    def gradient_radii(self, place: int, upstream: Tensor) -> list[np.ndarray] | None:
        """How far the same forward may be off in the gradients by each input, where each operation rounds once."""
        if self._rounded is None:
            return None
        return [_radius(gradient) for gradient in self._rounded.gradients(place, upstream)]

    @cached_property
    def _as_decided(self) -> tuple[WatchedCall, Recorded | RecordedTwice] | None:
        """The call with its comparisons as it made them; and the forward, in which any that rounding may turn is open.

        None where operations are not seen.
        """
        if self.seen.hidden or self.exact.problem is not None:
            return None
        found = recording_of(self.subject.forward, self.dtype, OPAQUE_FACTOR)
        seen = observed_as_decided(self.subject.candidate, self.upstreams)
        return None if found.problem is not None or seen.hidden else (seen, found)

    def decided_bounds(
        self, output: str, number: int, place: int, truths: Sequence[DoubleBall]
    ) -> list[np.ndarray] | None:
        """How far gradients may be off ``truths`` where the forward's choices are open; None where that is not known.

        By the rounding of what the program computed by its own decisions, and by what others would have changed: those
        that numbers as far off as 16 roundings in each operation allow.
        """
        gradients = None if self._as_decided is None else self._as_decided[0].gradients[output, number]
        if self._as_decided is None or gradients is None or isinstance(gradients, str):
            return None
        try:
            others = self._as_decided[1].gradients(place, self.upstreams[output][number])
        except NotCertified:
            return None
        mine = self.seen.gradients[output, number]
        if isinstance(mine, str):
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            return [
                one.bound + np.abs(one.value - same.value) + np.abs(other.high - truth.high) + _radius(other)
                for one, same, other, truth in zip(gradients, mine, others, truths, strict=True)
            ]


def _radius(ball: DoubleBall) -> np.ndarray:
    return np.nan_to_num(ball.radius, nan=np.inf)


def _allowance(ball: DoubleBall) -> np.ndarray:
    with np.errstate(over="ignore"):
        return OPAQUE_FACTOR * _radius(ball)


def recording_of(
    forward: TensorCandidate, rounded_in: torch.dtype | None = None, units: float = 1.0
) -> Recorded | RecordedTwice:
    """What stands for the truth, with ``rounded_in`` of a forward each operation of which rounds in that dtype."""
    if forward.function.gradients_of is not None:
        return recorded_twice(forward, rounded_in, units)
    return recorded(forward, rounded_in=rounded_in, units=units)


def called(subject: TensorSubject, outputs: tuple[TensorOutput, ...]) -> TensorCalls:
    """Calls the candidate under a watch, and the forward on a tape."""
    probes: dict[str, list[str | None]] = {}
    upstreams: dict[str, list[Tensor]] = {}
    for one in outputs:
        several = list(upstreams_for(one.tensor, subject.candidate.seed, jacobian=subject.jacobian))
        probes[one.name] = [probe for probe, _ in several]
        upstreams[one.name] = [upstream for _, upstream in several]
    seen = observed(subject.candidate, upstreams)
    subject = subject if seen.as_written is None else subject.compiled
    return TensorCalls(subject, outputs, probes, upstreams, seen, recording_of(subject.forward))
