"""The contract of a candidate: somebody's gradient, whatever it is written in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


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


class Candidate(ABC):
    """Somebody's gradient of a loss.

    ``kind`` is one of diffexplore.verifying.candidates.KINDS. ``repeatable`` says whether it can be called again, on
    other samples and at other points; ``torch`` whether it computes with torch, so that its operations can be watched.
    ``form`` is what an error says that a candidate of the kind should be, ``packable`` whether its arguments may be
    tensors of several symbols.
    """

    name: str
    kind: str
    torch: bool
    form: str
    repeatable = True
    packable = True

    @abstractmethod
    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        """The gradient by each symbol in ``wrt`` at tensors that it may keep: parameters (), data (n,)."""

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
