"""A gradient made ready to be computed again and again, by nothing but what its library does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import torch

    from diffexplore.methods.base import Values
    from diffexplore.methods.problem import Problem


@dataclass(frozen=True)
class Prepared:
    """``call`` computes the gradient and returns when it is there, in whatever the library computes on.

    ``numbers`` makes float64 arrays of what it returned: of shape () for each parameter of the problem; where there
    is none, of shape (n,) for each data symbol that is differentiated. Both are called inside ``scope()``.
    """

    call: Callable[[], Sequence[Any]]
    numbers: Callable[[Sequence[Any]], tuple[np.ndarray, ...]]
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext


@runtime_checkable
class Preparable(Protocol):
    """A method that can be timed without what bounds its errors."""

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        """The gradient of the formula, on tensors or arrays that are the library's own already."""


def of_tensors(call: Callable[[], Sequence[torch.Tensor]], device: torch.device) -> Prepared:
    """What is computed by torch; on a GPU, until it is computed."""
    import torch

    def finished() -> Sequence[torch.Tensor]:
        outputs = call()
        torch.cuda.synchronize(device)
        return outputs

    return Prepared(finished if device.type == "cuda" else call, _from_torch)


def _from_torch(outputs: Sequence[torch.Tensor]) -> tuple[np.ndarray, ...]:
    import torch

    return tuple(output.to(torch.float64).numpy(force=True) for output in outputs)
