"""A torch function that a user might write, with what it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class TorchProgram:
    """A function with its arguments as they are declared, and conditions on their entries, for all of them.

    ``constant`` are arguments that torch has no derivative by.
    """

    function: Callable[..., Tensor]
    parameters: str
    data: str
    domain: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
