"""What is tried, what a trial starts from, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from diffexplore.errors import CandidateError
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorCandidate, TensorInput, TensorOutput, is_differentiable
from diffexplore.tensors.forwards import entry_of
from diffexplore.tensors.numbers import TensorNumbers, numbers_of, shape_of
from diffexplore.tensors.other_runs import moved_by_rounding
from diffexplore.tensors.subject import TensorSubject
from diffexplore.tensors.truth import Recorded
from diffexplore.tensors.twice import RecordedTwice

Tensor = torch.Tensor
Gradients = tuple[Tensor | None, ...]

#: Where nothing is known of the rounding, this root of the unit roundoff is allowed, relative to the largest entry.
_UNKNOWN = 0.5


class TrialUnavailable(Exception):
    """A trial cannot be made of this function; the text says why."""


@dataclass(frozen=True)
class CallFinding:
    """Something that is wrong: a stable key, and a line that says what, and how it is mended."""

    key: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PlainCall:
    """What the plain check knows of one output: its upstream gradient, and the gradients with their bounds.

    ``parts`` are the calls whose gradients were added up, where it is several of them together.
    """

    output: str
    upstream: Tensor
    gradients: tuple[TensorNumbers, ...]
    parts: tuple[PlainCall, ...] = ()


@dataclass(frozen=True, eq=False)
class CallSetting:
    """What a trial starts from.

    Attributes:
        candidate: the function under test, at its inputs.
        calls: what plain calls gave, an output each.
        upstreams: the upstream gradient of each output, those included whose plain backward raised.
        subject: all that is checked.
        converted_to: the dtypes of floats to which the plain call converts numbers of others.
        exact: what is differentiated for the truth, recorded; None where that certifies nothing.
        places: by output, its place among those of ``exact``.
    """

    candidate: TensorCandidate
    calls: tuple[PlainCall, ...]
    upstreams: Mapping[str, Tensor]
    subject: TensorSubject
    converted_to: frozenset[torch.dtype]
    exact: Recorded | RecordedTwice | None = None
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def forward(self) -> TensorCandidate:
        """What is differentiated for the truth."""
        return self.subject.forward

    def output_of(self, call: TensorCandidate, name: str) -> TensorOutput:
        """That output of a new call. Raises TrialUnavailable where there is none."""
        return self.outputs_of(call, [name])[0]

    def outputs_of(self, call: TensorCandidate, names: Collection[str]) -> list[TensorOutput]:
        """Those outputs of one new call. Raises TrialUnavailable where one is missing."""
        known = {one.name: one for one in call.returned() if is_differentiable(one.tensor)}
        missing = [name for name in names if name not in known]
        if missing:
            raise TrialUnavailable(f"{missing[0]} is not differentiable there")
        return [known[name] for name in names]

    def differing(self, found: Gradients, expected: Gradients, call: PlainCall, upstream: Tensor) -> str | None:
        """Where two gradients differ by more than rounding: ``x[0, 2] is 1.5, not 3``; None where they do not.

        ``expected`` was given for the same upstream gradient, ``upstream``; the plain call's bounds are scaled to that.
        Entries without a bound are left out as far as rounding is seen to move them.
        """
        scale = float(upstream.detach().abs().max()) / float(call.upstream.abs().min()) if upstream.numel() else 1.0
        room = 4 * max(1.0, scale)
        for place, source in enumerate(self.candidate.sources):
            pair, numbers = (found[place], expected[place]), call.gradients[place]
            worst = _worst(*pair, source.tensor, numbers, room)
            if worst is not None and not np.isfinite(numbers.in_any_call).all():
                worst = _worst(*pair, source.tensor, numbers, room, self.moved(call, place))
            if worst is not None:
                return f"{source.name}{worst}"
        return None

    def far_apart(self, found: Gradients, expected: Gradients) -> str | None:
        """The same of gradients that differ in more than half of their digits."""
        for place, source in enumerate(self.candidate.sources):
            pair = found[place], expected[place]
            one, other = (np.zeros(shape_of(source.tensor)) if of is None else numbers_of(of) for of in pair)
            if one.shape != other.shape:
                continue  # which is told of the plain call
            share = math.sqrt(torch.finfo(source.tensor.dtype).eps)
            sizes = np.nan_to_num(np.abs(other), posinf=0.0)
            off = np.nan_to_num(np.abs(one - other), nan=0.0)
            if (off > share * sizes.max(initial=0.0)).any():
                index = np.unravel_index(int(off.argmax()), off.shape)
                return f"{entry_of(source.name, index)} is {float(one[index]):.6g}, not {float(other[index]):.6g}"
        return None

    def moved(self, call: PlainCall, place: int) -> np.ndarray | float:
        """How far other roundings of the inputs move the plain gradient by one of them, by entry."""
        if call.parts:
            return sum(self.moved(one, place) for one in call.parts)
        output, numbers = TensorOutput(call.output, call.upstream), call.gradients[place]
        others = moved_by_rounding(self.candidate, output, call.upstream)
        changes = [np.abs(other[place] - numbers.value) for other in others]
        return OPAQUE_FACTOR * np.nan_to_num(np.max(changes, axis=0), nan=0.0) if changes else 0.0


def _worst(
    one: Tensor | None, other: Tensor | None, like: Tensor, numbers: TensorNumbers, scale: float,
    moved: np.ndarray | float = 0.0,
) -> str | None:  # fmt: skip
    value, expected = (torch.zeros_like(like) if part is None else part.detach() for part in (one, other))
    if value.shape != expected.shape:
        return f" has shape {tuple(value.shape)}, not {tuple(expected.shape)}"
    value, expected = value.to("cpu", torch.float64), expected.to("cpu", torch.float64)
    unit = torch.finfo(like.dtype).eps if like.is_floating_point() else 2.0**-52
    bound = torch.from_numpy(np.array(numbers.in_any_call)).reshape(expected.shape)
    sizes = [
        float(one.abs().nan_to_num(posinf=0.0).max())
        for one in (expected, torch.from_numpy(np.array(numbers.value)))
        if one.numel()
    ]
    largest = max(sizes, default=0.0)  # where gradients cancel, that of the plain call says how large they are
    # What rounding did in the plain call it may do in others, to any entry.
    did = scale * float(numbers.bound.max(initial=0.0, where=np.isfinite(numbers.bound)))
    unknown = torch.as_tensor(scale * moved, dtype=torch.float64, device="cpu").clamp(
        min=max(unit**_UNKNOWN * largest, did)
    )
    room = torch.where(bound.isfinite(), scale * bound, unknown) + 64 * unit * expected.abs()
    off = ((value - expected).abs() > room) | (value.isnan() != expected.isnan())
    if not bool(off.any()):
        return None
    place = int(torch.where(off, (value - expected).abs().nan_to_num(nan=torch.inf), -1.0).argmax())
    index = ", ".join(
        str(int(i)) for i in torch.unravel_index(torch.tensor(place, device="cpu"), tuple(value.shape) or (1,))
    )
    where = f"[{index}]" if value.dim() else ""
    return f"{where} is {float(value.reshape(-1)[place]):.6g}, not {float(expected.reshape(-1)[place]):.6g}"


def as_tensors(numbers: Iterable[np.ndarray], sources: Iterable[TensorInput]) -> Gradients:
    """Gradients in the dtypes and on the devices of what they are by."""
    return tuple(
        torch.from_numpy(one.copy()).to(source.tensor.detach()) for one, source in zip(numbers, sources, strict=True)
    )


@dataclass(frozen=True)
class CallTrial:
    """A way of calling that is tried.

    ``level`` says in which batteries. ``run`` yields what it finds; it raises TrialUnavailable where it cannot be made.
    """

    key: str
    name: str
    level: Literal["quick", "full"]
    run: Callable[[CallSetting], Iterator[CallFinding]]


@dataclass(frozen=True)
class BatteryChoice:
    """What is tried: the trials of a battery ("quick", "full" or "none"), others by their keys, without some."""

    level: str = "none"
    also: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def has(self, trial: CallTrial) -> bool:
        """Whether it has that trial; the full battery has them all."""
        there = self.level == "full" or self.level == trial.level
        return (there or trial.key in self.also) and trial.key not in self.without

    @property
    def is_empty(self) -> bool:
        return self.level == "none" and not self.also

    def tells(self, trial: CallTrial) -> bool:
        """Whether it is said that a trial cannot be made: of those that were chosen by the caller."""
        return self.level == "full" or trial.key in self.also


#: Nothing is tried besides the numbers.
NOTHING_TRIED = BatteryChoice()


def reason_of(error: CandidateError) -> str:
    """The exception of somebody's code in one line, shortened."""
    text = str(error)
    return text if len(text) <= 160 else f"{text[:159]}…"
