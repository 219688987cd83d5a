"""The contract of a candidate: somebody's gradient, whatever it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

Tensor = torch.Tensor


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
        ...
