"""The contract of a candidate: somebody's gradient, whatever it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from diffexplore.errors import CandidateError


@dataclass(frozen=True)
class Answer:
    """What one call of a candidate gave.

    ``gradients`` has a tensor for each requested symbol: of shape () for a parameter, (n,) for data. ``value`` is the
    loss that it computed, of shape (), or None where it does not say.
    """

    gradients: Mapping[str, Tensor]
    value: Tensor | None = None


@dataclass(frozen=True)
class RecordedForward:
    """The graph of one forward pass. ``backward`` gives the gradient by each symbol for a multiple of the upstream.

    ``modified`` names the functions that have written into the upstream gradient that they were given.
    """

    backward: Callable[[float], Mapping[str, Tensor]]
    modified: Callable[[], Sequence[str]]


class Symbols(Protocol):
    """The names that a candidate's arguments go by: a loss, or its symbols packed into vectors and matrices."""

    @property
    def parameters(self) -> tuple[str, ...]: ...

    @property
    def data(self) -> tuple[str, ...]: ...


class Candidate(Protocol):
    """Somebody's gradient of a loss.

    ``kind`` is one of diffexplore.verifying.candidates.KINDS. ``repeatable`` says whether it can be called again, on
    other samples and at other points; ``torch`` whether it computes with torch, so that its operations can be watched.
    """

    name: str
    kind: str
    repeatable: bool
    torch: bool

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        """The gradient by each symbol in ``wrt`` at tensors that it may keep: parameters (), data (n,)."""


class CandidateKind:
    """What most kinds of candidates have in common. Each states its ``kind``, its ``form`` and whether it is ``torch``.

    ``form`` is what an error says that it should be, ``packable`` whether its arguments may be tensors of several
    symbols.
    """

    repeatable = True
    packable = True

    @staticmethod
    def recognises(candidate: Any) -> bool:
        """Whether a candidate whose kind is not stated is of this one: most look like a function of the loss."""
        return False

    @staticmethod
    def accepts(candidate: Any) -> bool:
        """Whether a candidate that is stated to be of this kind can be."""
        return callable(candidate)


def leaves_of(wrt: Sequence[str], values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of some tensors, by which autograd differentiates."""
    return {name: values[name].detach().clone().requires_grad_() for name in wrt}


def gradients_by(
    leaves: Mapping[str, Tensor], output: Tensor, upstream: Tensor | None = None, *, retain_graph: bool | None = None,
    create_graph: bool = False,
) -> dict[str, Tensor]:  # fmt: skip
    """Autograd's gradient of an output by each leaf, 0 where the output does not depend on it."""
    found = torch.autograd.grad(
        output, list(leaves.values()), upstream, retain_graph, create_graph, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def check_is_one_number(output: Tensor, who: str) -> None:
    """Raises CandidateError for an output that cannot be a loss."""
    if output.numel() != 1:
        raise CandidateError(
            f"{who} returns a tensor of shape {tuple(output.shape)}, where the loss is one number: reduce it, or give "
            "the upstream gradient"
        )


def check_fits(output: Tensor, upstream: Tensor, name: str) -> None:
    """Raises CandidateError for an upstream gradient of another shape than the output's."""
    if output.shape != upstream.shape:
        raise CandidateError(
            f"{name} returns an output of shape {tuple(output.shape)}, and the upstream gradient has shape "
            f"{tuple(upstream.shape)}"
        )


def kind_of_value(value: Any) -> str:
    """What somebody's code returned, as a message calls it."""
    return "None" if value is None else f"a {type(value).__name__}"
