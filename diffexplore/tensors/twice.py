"""Second derivatives: the gradients of a function as a function of their own, and the certified derivatives of that.

The forward pass is recorded with a tangent v beside one input. Its outputs then carry J·v, and the gradients that are
swept back carry the derivatives of Σ v · gradient: by the rules of first derivatives alone, which are differentiated
with what they compute (:mod:`~diffexplore.arithmetic.dual_balls`). No backward pass runs for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import given, settled
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorInput, TensorOutput, named_tensors
from diffexplore.tensors.copies import copy_of
from diffexplore.tensors.differentiated import differentiated
from diffexplore.tensors.functions import GradientsOf, TensorFunction
from diffexplore.tensors.memory import State, StridedLayout, as_stored
from diffexplore.tensors.numbers import numbers_of
from diffexplore.tensors.truth import Recorded, RoundedTape, recorded_on
from diffexplore.torch_ops.tensor_rules.operands import NotCertified, Operand
from diffexplore.torch_private.watching import storage_key

Tensor = torch.Tensor

#: What the gradient by an input is called as an output, and an upstream gradient as an input.
GRADIENT_BY, GRAD_OUTPUTS = "gradient by ", "grad_outputs"


class _Constant(torch.autograd.Function):
    """A gradient that depends on nothing, as an output of the graph: its derivatives are None."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, ...]:
        return (None,) * len(ctx.needs_input_grad)


def differentiable_outputs(candidate: TensorCandidate) -> tuple[TensorOutput, ...]:
    """What one call returns that can be differentiated."""
    return candidate.replaced().outputs()


def gradients_of(candidate: TensorCandidate, upstreams: Sequence[Tensor]) -> TensorCandidate:
    """The gradients of Σ upstream · output by each input of ``candidate``, as a function of these and of ``upstreams``.

    There is an upstream gradient for each of its first outputs that can be differentiated. Raises CandidateError where
    it has fewer of them.
    """
    names = [one.name for one in differentiable_outputs(candidate)][: len(upstreams)]
    if len(names) < len(upstreams):
        raise CandidateError(f"{candidate.name} returns {len(names)} outputs of floats, not {len(upstreams)}")
    sources = tuple(one.name for one in candidate.sources)
    originals = tuple(one.original for one in candidate.sources)
    of = GradientsOf(candidate.function, len(candidate.args), tuple(names), sources, originals)
    function = _gradient_function(of)
    copies = [copy_of(one) for one in upstreams]
    called = [GRAD_OUTPUTS] if len(copies) == 1 else [f"{GRAD_OUTPUTS} {place}" for place in range(len(copies))]
    inputs = [TensorInput(name, one, one.requires_grad) for name, one in zip(called, copies, strict=True)]
    return replace(candidate, function=function, args=(*candidate.args, *copies), inputs=(*candidate.inputs, *inputs))


def _gradient_function(of: GradientsOf) -> TensorFunction:
    def call(state: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Tensor]:
        own, upstreams = args[: of.arguments], args[of.arguments :]
        returned = dict(named_tensors(of.function.call(state, own, kwargs), "output"))
        given_tensors = [*state.values(), *(tensor for _, tensor in named_tensors(own, ""))]
        by = [tensor for tensor in given_tensors if tensor.requires_grad]
        outputs = [returned[name] for name in of.outputs]
        found = differentiated(outputs, upstreams, by, of.originals, create_graph=True, allow_unused=True)
        return {
            GRADIENT_BY + name: _in_graph(gradient, source, [*by, *upstreams])
            for name, gradient, source in zip(of.inputs, found, by, strict=True)
        }

    return replace(of.function, call=call, gradients_of=of)


def _in_graph(gradient: Tensor | None, source: Tensor, everything: Sequence[Tensor]) -> Tensor:
    if gradient is not None and gradient.requires_grad:
        return gradient
    found = torch.zeros_like(source) if gradient is None else gradient
    constant: Tensor = _Constant.apply(found, *everything)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return constant


class DualTape(RoundedTape):
    """A tape on which the source at ``place`` has a tangent, of its shape."""

    def __init__(
        self, sources: Sequence[Tensor], place: int, tangent: Tensor, rounded_in: torch.dtype | None, units: float
    ) -> None:
        super().__init__(sources, rounded_in, units)
        source = sources[place]
        change = StridedLayout.of(source).written(as_stored(torch.zeros_like(source)), given(numbers_of(tangent)))
        self._states[storage_key(source)] = State(DualBall.of(self._state(source).ball, change), True)
        self.sources = self._regions(sources)

    def as_computed(self, ball: DoubleBall) -> DoubleBall:
        if not isinstance(ball, DualBall):
            return super().as_computed(ball)
        return DualBall.of(*(super(DualTape, self).as_computed(part(ball)) for part in (value_of, tangent_of)))

    def _operand(self, tensor: Any) -> Any:
        """What does not vary, as autograd sees it, is a constant, whatever it was computed from."""
        found = super()._operand(tensor)
        if isinstance(found, Operand) and isinstance(found.ball, DualBall) and not found.varies:
            return replace(found, ball=value_of(found.ball))
        return found


@dataclass(frozen=True, eq=False)
class RecordedTwice:
    """What stands for the truth of a function of :func:`gradients_of`, as a :class:`Recorded` does for a plain one.

    Attributes:
        first: the call of the function whose gradients they are.
        names: those of its outputs that are differentiated.
        upstreams: an upstream gradient for each of these.
        outputs: the gradients by its inputs, as far as their names and shapes go.
        rounded_in: the dtype in which each operation rounds; None where none does.
        units: how far each is off, in units of the dtype's rounding.
    """

    first: TensorCandidate
    names: tuple[str, ...]
    upstreams: tuple[Tensor, ...]
    outputs: tuple[TensorOutput, ...]
    rounded_in: torch.dtype | None
    units: float

    @cached_property
    def _recorded(self) -> Recorded:
        return recorded_on(self.first, lambda sources: RoundedTape(sources, self.rounded_in, self.units))

    @property
    def problem(self) -> str | None:
        """Why there is no certified truth; None where there is one."""
        return self._recorded.problem

    @property
    def has_open_choices(self) -> bool:
        """Whether it is open somewhere which of several numbers is chosen."""
        return self._recorded.has_open_choices

    @property
    def undefined(self) -> bool:
        """Whether the problem is that there may be no derivative at all."""
        return self._recorded.undefined

    @cached_property
    def _gradients(self) -> list[DoubleBall]:
        return self._swept(self._recorded)

    def value(self, output: int) -> DoubleBall:
        """The exact gradient by an input."""
        return self._gradients[output]

    def gradients(self, output: int, upstream: Tensor) -> list[DoubleBall]:
        """The exact derivatives of Σ upstream · gradient, by each input and by each upstream gradient that needs one.

        Raises NotCertified where some step has no second derivative that is known.
        """
        rounding = self.rounded_in, self.units
        taken = recorded_on(self.first, lambda sources: DualTape(sources, output, upstream, *rounding))
        if taken.problem is not None:
            raise NotCertified(taken.problem)
        moved = [taken.value(place) for place in self._places(taken)]
        by_upstreams = [ball for ball, one in zip(moved, self.upstreams, strict=True) if one.requires_grad]
        return [settled(tangent_of(ball)) for ball in (*self._swept(taken), *by_upstreams)]

    def _swept(self, taken: Recorded) -> list[DoubleBall]:
        return taken.gradients_of_all(self._places(taken), self.upstreams)

    def _places(self, taken: Recorded) -> list[int]:
        names = [one.name for one in taken.outputs]
        return [names.index(name) for name in self.names]


def recorded_twice(
    candidate: TensorCandidate, rounded_in: torch.dtype | None = None, units: float = 1.0
) -> RecordedTwice:
    """The truth of a candidate that :func:`gradients_of` made."""
    of = candidate.function.gradients_of
    assert of is not None
    upstreams = candidate.args[of.arguments :]
    first = replace(
        candidate, function=of.function, args=candidate.args[: of.arguments],
        inputs=candidate.inputs[: len(candidate.inputs) - len(upstreams)],
    )  # fmt: skip
    outputs = tuple(TensorOutput(GRADIENT_BY + one.name, one.tensor) for one in first.sources)
    return RecordedTwice(first, of.outputs, upstreams, outputs, rounded_in, units)
