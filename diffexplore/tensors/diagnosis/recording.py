"""A forward pass recorded with the user's expression at each operation, and swept back in parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.bounds.handling import name_of
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.diagnosis.kernel_steps import IN_STEPS, KernelSpan
from diffexplore.tensors.diagnosis.places import SourceLine, place_that_runs
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout
from diffexplore.tensors.sweep import swept
from diffexplore.tensors.truth import ExactTape
from diffexplore.torch_private.watching import DisableTorchFunction, storage_key

Tensor = torch.Tensor

#: So many results on the way are thought of as factors.
_MOST_KNOWN = 80


#: Whole numbers among their operands are numbers that they compute with, and no axes or sizes.
_OF_NUMBERS = frozenset("add sub rsub mul div".split())


@dataclass(frozen=True)
class ScalarOperand:
    """A number that was written as an operand: which operation has it, in which place, and the user's expression."""

    operation: int
    operator: str
    place: int
    number: float
    line: SourceLine


@dataclass(frozen=True)
class ChangedForward:
    """In what a forward is another one where it is recorded again.

    Attributes:
        scalars: numbers in the places of scalar operands, by their operation and place.
        values: of an operation by its number, the values of its result as a function of those of its first operand;
            its derivative is left as it is.
        inputs: other numbers of inputs, by their names.
    """

    scalars: Mapping[tuple[int, int], float] = field(default_factory=dict)
    values: Mapping[int, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)


class PlacedTape(ExactTape):
    """A tape that keeps the operator and the user's expression of each of its entries.

    ``under_roots`` are the scalars that are added to what a root is taken of, ``kernels`` those recorded step by step.
    """

    def __init__(self, sources: Sequence[Tensor], changed: ChangedForward | None = None) -> None:
        self.places: list[SourceLine] = []
        self.operators: list[str] = []
        self.scalars: list[ScalarOperand] = []
        self.under_roots: list[ScalarOperand] = []
        self.kernels: list[KernelSpan] = []
        self._sums: dict[Any, ScalarOperand] = {}
        self._changed = changed or ChangedForward()
        self._count = 0
        super().__init__(sources)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._count += 1
        operator = name_of(func).strip("_")
        for place, leaf in enumerate(args):
            whole = operator in _OF_NUMBERS and isinstance(leaf, int) and not isinstance(leaf, bool)
            if (whole or isinstance(leaf, float)) and math.isfinite(leaf) and leaf:
                self.scalars.append(ScalarOperand(self._count, operator, place, float(leaf), place_that_runs()))
                args = (*args[:place], self._changed.scalars.get((self._count, place), leaf), *args[place + 1 :])
        steps = IN_STEPS.get(func.overloadpacket.__name__)
        if steps is not None and isinstance(args[0], Tensor) and self._place(args[0]).passes:
            first = len(self.entries)
            with DisableTorchFunction(), torch.no_grad(), self:
                found = steps(*args, **(kwargs or {}))
            self.kernels.append(KernelSpan(operator, args[1:], first, len(self.entries) - 1))
            return found
        if operator in ("sqrt", "rsqrt") or (operator == "pow" and args[1] in (0.5, -0.5)):
            self.under_roots += [one for key, one in self._sums.items() if key == storage_key(args[0])]
        count = self._count
        out = super().__torch_dispatch__(func, types, args, kwargs)
        if operator == "add" and self.scalars and self.scalars[-1].operation == count and isinstance(out, Tensor):
            self._sums[storage_key(out)] = self.scalars[-1]
        if count in self._changed.values and self.problem is None:
            self._stand_for(out, self._changed.values[count](self.ball(args[0]).high))
        missing = len(self.entries) - len(self.places)
        if missing > 0:
            self.places += [place_that_runs()] * missing
            self.operators += [operator] * missing
        return out

    def _stand_for(self, out: Tensor, values: np.ndarray) -> None:
        """Has other values stand for a result that was just recorded."""
        before, entry = self._state(out), self.entries[-1] if self.entries else None
        made = None if entry is None else entry.results[0]
        if entry is not None and made is not None and made.state is before:
            spread = made.layout.spread(exact(np.ascontiguousarray(values)), len(before.ball.high))
            self._states[storage_key(out)] = after = State(spread, before.varies)
            self.entries[-1] = replace(entry, results=(replace(made, state=after),))


@dataclass(frozen=True, eq=False)
class KnownTensor:
    """A tensor of the forward, and how it is called in a sentence."""

    name: str
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class RecordedSweep:
    """A recorded forward, and one sweep back from one of its outputs.

    Attributes:
        names: those of the sources.
        tape: the recording.
        output: the tensor that is differentiated.
        upstream: its upstream gradient, in its shape.
        constants: other tensors of floats that the function is given.
        edges: the operands that something comes back to, once they were found.
        paths: the ways back, likewise.
        alternatives: operations whose way back may be another's, likewise.
        operations: those whose derivative may be another expression, likewise.
        steps: the operands that an expression of a loop has at its steps, likewise.
        repeated: mistakes at every step of a loop, likewise.
        directions: how its operands move along directions in each source, likewise.
        named: the tensors that may stand for others, likewise.
        again: the same of a forward that is changed.
    """

    names: tuple[str, ...]
    tape: PlacedTape
    output: Tensor
    upstream: np.ndarray
    constants: tuple[KnownTensor, ...] = ()
    edges: list[Any] = field(default_factory=list)
    paths: list[Any] = field(default_factory=list)
    alternatives: list[Any] = field(default_factory=list)
    operations: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    repeated: list[Any] = field(default_factory=list)
    directions: dict[int, Any] = field(default_factory=dict)
    named: list[Any] = field(default_factory=list)
    again: Callable[[ChangedForward], RecordedSweep | None] = lambda changed: None
    _swept: dict[bytes, tuple[np.ndarray, ...]] = field(default_factory=dict)

    @cached_property
    def truths(self) -> tuple[np.ndarray, ...]:
        return self.gradients(self.upstream)

    def gradients(self, upstream: np.ndarray) -> tuple[np.ndarray, ...]:
        """The gradients by each source for another upstream gradient."""
        numbers = np.ascontiguousarray(np.broadcast_to(upstream, self.upstream.shape), np.float64)
        key = numbers.tobytes()
        if key not in self._swept:  # the same mistakes are thought of for every input
            with np.errstate(all="ignore"):
                self._swept[key] = centres(swept(self.tape.entries, [(self.end, exact(numbers))], self.tape.sources))
        return self._swept[key]

    @property
    def size(self) -> int:
        """How many numbers its operations made."""
        return sum(one.state.ball.high.size for entry in self.tape.entries for one in entry.results if one is not None)

    @property
    def end(self) -> StorageRegion:
        """The output, as it lies in memory."""
        return StorageRegion(self.tape._state(self.output), StridedLayout.of(self.output), True)

    @cached_property
    def known(self) -> tuple[KnownTensor, ...]:
        """The sources, the output, the upstream gradient and what was computed on the way."""
        found = [
            KnownTensor(name, source.layout.read(source.state.ball).high)
            for name, source in zip(self.names, self.tape.sources, strict=True)
        ]
        found += self.constants
        found += [KnownTensor("the output", self.tape.ball(self.output).high)]
        found += [KnownTensor("the upstream gradient", self.upstream)]
        for entry, place in zip(self.tape.entries[:_MOST_KNOWN], self.tape.places, strict=False):
            for region in entry.results:
                if region is not None:
                    found.append(KnownTensor(str(place), region.layout.read(region.state.ball).high))
        return tuple(found)


def recorded_sweep(
    forward: TensorCandidate, output: int, upstream: Tensor, changed: ChangedForward | None = None
) -> RecordedSweep | None:
    """Runs ``forward`` once more; None where it cannot be recorded."""
    call = forward.replaced(_other_inputs(forward, changed))
    tape = PlacedTape([one.tensor for one in call.sources], changed)
    try:
        with tape:
            outputs = [one for one in call.returned() if one.tensor.is_floating_point() or one.tensor.is_complex()]
    except CandidateError:
        return None
    if tape.problem is not None or upstream.is_complex():
        return None
    numbers = upstream.detach().to("cpu", torch.float64).numpy()
    constants = tuple(
        KnownTensor(one.name, one.tensor.detach().to("cpu", torch.float64).numpy())
        for one in call.inputs
        if not one.differentiated and one.tensor.is_floating_point()
    )
    again = partial(recorded_sweep, forward, output, upstream)
    names = tuple(one.name for one in call.sources)
    return RecordedSweep(names, tape, outputs[output].tensor, numbers, constants, again=again)


def _other_inputs(forward: TensorCandidate, changed: ChangedForward | None) -> dict[str, Tensor]:
    if changed is None:
        return {}
    tensors = {one.name: one.tensor for one in forward.inputs if one.name in changed.inputs}
    # a copy: an array that is reversed along an axis of one element counts as contiguous, and torch refuses it
    numbers = {name: torch.from_numpy(changed.inputs[name].copy()).to(one) for name, one in tensors.items()}
    return {name: one.requires_grad_(tensors[name].requires_grad) for name, one in numbers.items()}


def centres(balls: Sequence[DoubleBall]) -> tuple[np.ndarray, ...]:
    """The midpoints of balls, rounded to doubles."""
    return tuple(np.asarray(ball.high) for ball in balls)
