"""Telling that a tensor holds what another one held: the same memory, in which nothing was set since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.torch_private.watching import storage_key

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class KnownNumbers:
    """The numbers that a tensor held: its memory, its layout there, and what was known of the memory then."""

    memory: int
    layout: tuple[Any, ...]
    state: object

    @classmethod
    def of(cls, watch: Watch, tensor: Tensor) -> KnownNumbers | None:
        """None of numbers that are exact: comparisons of these are decided."""
        state = watch.state(tensor)
        layout = (tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)
        return None if state is None else cls(storage_key(tensor), layout, state)

    def are(self, other: KnownNumbers | None) -> bool:
        """Whether another tensor holds the same numbers, since nothing was written in between."""
        if other is None or self.state is not other.state:
            return False
        return self.memory == other.memory and self.layout == other.layout
