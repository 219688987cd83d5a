"""The certified truth: a forward pass recorded below autograd, and swept back by rules of our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.tensors.held_constants import FirstConstant
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout
from diffexplore.tensors.past_torch import line_past_torch
from diffexplore.tensors.storages import is_real_or_complex
from diffexplore.tensors.sweep_rules import SweepRules
from diffexplore.tensors.tape import Tape
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.own_forwards import HiddenSteps, is_in_own_forward
from diffexplore.torch_ops.tensor_rules.operands import NotCertified
from diffexplore.torch_private.functions import checkpoints_recorded
from diffexplore.torch_private.watching import DisableTorchFunction, storage_key
from diffexplore.tracing.backward import steps_out_of_sight

Tensor = torch.Tensor


class ExactTape(Tape):
    """A tape whose own operations are no steps of the function's; ``line`` is that of the user at a ``problem``.

    ``hides`` says that some steps ran out of autograd's sight.
    """

    line = ""
    hides = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        readable = self.problem is None
        self.hides = self.hides or is_in_own_forward()
        if func is torch.ops.aten._local_scalar_dense.default and not is_in_own_forward():
            return func(*args, **(kwargs or {}))  # a constant, as autograd has it
        with DisableTorchFunction():
            out = super().__torch_dispatch__(func, types, args, kwargs)
        if readable and self.problem is not None:
            self.line = line_that_runs()
        return out


class RoundedTape(ExactTape):
    """A tape on which the inputs and every operation round once in ``dtype``: how far an evaluation may be off.

    What code is allowed whose operations cannot be seen is a multiple of that. Without a dtype nothing rounds. Each
    rounding is one of ``units``, in units of the dtype's rounding.
    """

    def __init__(self, sources: Sequence[Tensor], dtype: torch.dtype | None, units: float = 1.0) -> None:
        self._rounding = None if dtype is None else (units * UNIT_ROUNDOFF[dtype], units * QUANTUM[dtype])
        super().__init__(sources)
        if self._rounding is not None and self.problem is None:
            for source in sources:
                key = storage_key(source)
                self._states[key] = State(self.as_computed(self._states[key].ball), True)
            self.sources = self._regions(sources)

    def _regions(self, sources: Sequence[Tensor]) -> list[StorageRegion]:
        return [StorageRegion(self._state(source), StridedLayout.of(source), True) for source in sources]

    @property
    def rules(self) -> SweepRules:
        return SweepRules(self.as_computed, as_chosen=self._rounding is not None)

    def as_computed(self, ball: DoubleBall) -> DoubleBall:
        if self._rounding is None:
            return ball
        unit, quantum = self._rounding
        moved = unit * (np.abs(ball.high) + ball.radius) + np.where(ball.exactly_zero, 0.0, quantum)
        moved = np.where(np.isinf(ball.high), 0.0, moved)  # as of a mask
        return ball._replace(radius=ball.radius + moved)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A forward pass that was recorded: its outputs, as balls, and their exact gradients.

    ``problem`` says why there is no certified truth; None where there is one. ``severed`` is the first place at which
    what depends on the inputs became a constant to autograd; empty where there is none.
    """

    tape: Tape
    outputs: tuple[TensorOutput, ...]
    problem: str | None
    severed: str = ""

    @cached_property
    def has_open_choices(self) -> bool:
        """Whether it is open somewhere which of several numbers is chosen."""
        return any(entry.open_choices is not None for entry in self.tape.entries)

    @property
    def undefined(self) -> bool:
        """Whether the problem is that there may be no derivative at all."""
        return self.tape.undefined

    def value(self, output: int) -> DoubleBall:
        """The exact value of an output."""
        return self.tape.ball(self.tape._resolved(self.outputs[output].tensor))

    def gradients(self, output: int, upstream: Tensor) -> list[DoubleBall]:
        """The exact gradients of Σ upstream · output by each input that is differentiated by.

        Raises NotCertified where some step has no derivative that is known.
        """
        return self.gradients_of_all([output], [upstream])

    def gradients_of_all(self, outputs: Sequence[int], upstreams: Sequence[Tensor]) -> list[DoubleBall]:
        """The same for several outputs, each with its upstream gradient, added up."""
        try:
            return self.tape.gradients([self.outputs[place].tensor for place in outputs], upstreams)
        except NotCertified:
            raise
        except Exception as error:  # a rule that fails certifies nothing
            raise NotCertified(f"it cannot be swept back ({type(error).__name__}: {error})") from error


def recorded(candidate: TensorCandidate, *, rounded_in: torch.dtype | None = None, units: float = 1.0) -> Recorded:
    """One call of ``candidate`` on a tape; with ``rounded_in`` each operation rounds in that dtype, by ``units``."""
    return recorded_on(candidate, lambda sources: RoundedTape(sources, rounded_in, units))


def recorded_on(candidate: TensorCandidate, tape_of: Callable[[list[Tensor]], ExactTape]) -> Recorded:
    """One call of ``candidate`` on a tape for its sources.

    The call was made before without a tape: what it raises here is the recording's own.
    """
    call = candidate.replaced()
    tape = tape_of([one.tensor for one in call.sources])
    tape.escapes = hidden = HiddenSteps()
    severed = FirstConstant()
    try:
        with severed, hidden, tape, checkpoints_recorded():
            outputs = tuple(one for one in call.returned() if is_real_or_complex(one.tensor))
    except CandidateError as error:
        return Recorded(tape, (), f"it cannot be recorded: {error}", severed.place)
    return Recorded(tape, outputs, _problem(tape, hidden, candidate, outputs), severed.place)


def _problem(
    tape: ExactTape, hidden: HiddenSteps, candidate: TensorCandidate, outputs: Sequence[TensorOutput]
) -> str | None:
    """Why what was recorded does not say how the outputs depend on the inputs; None where it does."""
    if tape.problem is not None:
        return f"{tape.problem}{tape.line}"
    if hidden.seen:
        return f"numbers leave torch by {', '.join(sorted(hidden.seen))}{hidden.line}"
    unseen = [step for one in outputs for step in steps_out_of_sight(one.tensor)]
    if unseen:
        return f"the operations of {unseen[0]} are hidden from autograd"
    try:
        for one in outputs:
            if one.tensor.layout == torch.strided and not one.tensor.is_leaf:
                tape.ball(tape._resolved(one.tensor))
    except NotCertified as reason:
        return f"{one.name}: {reason}"
    line = line_past_torch(candidate) if tape.hides else None
    return None if line is None else f"numbers that depend on the inputs come in past torch{line}"
