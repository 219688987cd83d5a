"""Gradients that backward passes leave in the ``grad`` of leaves: seen while somebody's code runs, and taken back.

A backward pass may start another one, as those of reversible blocks do, which accumulates into whatever leaves it
reaches. What their owner has there stays untouched: it is set aside before, and given back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager

import torch
from torch.autograd.graph import GradientEdge
from torch.utils.weak import WeakTensorKeyDictionary

from diffexplore.torch_private.backward_passes import accumulation_told
from diffexplore.torch_private.watching import DisableTorchFunction
from diffexplore.tracing.backward import leaves_of

Tensor = torch.Tensor


class SetAside:
    """The ``grad`` of leaves, each as it was when it was first met, in whose place there was None since."""

    def __init__(self) -> None:
        self._before: MutableMapping[Tensor, Tensor | None] = WeakTensorKeyDictionary()

    @property
    def met(self) -> list[Tensor]:
        """The leaves that are still alive."""
        return list(self._before)

    def set_aside(self, leaves: Iterable[Tensor]) -> None:
        for leaf in leaves:
            if leaf not in self._before:
                self._before[leaf] = leaf.grad
                leaf.grad = None

    def forget(self) -> None:
        """Drops what backward passes left."""
        for leaf in self._before:
            leaf.grad = None

    def give_back(self) -> None:
        for leaf, grad in self._before.items():
            if leaf.grad is not grad:
                leaf.grad = grad

    def hear(self, tensors: Sequence[Tensor | GradientEdge]) -> None:
        """Sets aside what a backward pass from ``tensors``, or limited to them, would accumulate into."""
        with DisableTorchFunction():
            for one in tensors:
                if isinstance(one, Tensor) and one.is_leaf:
                    self.set_aside([one])
                else:
                    self.set_aside(leaves_of(one))


@contextmanager
def grads_set_aside(leaves: Sequence[Tensor] = ()) -> Iterator[SetAside]:
    """Inside the block no leaf has a ``grad`` that was there before: not ``leaves``, nor any that a backward reaches.

    Afterwards each has what it had, also where the block raises: the same tensor, of the same numbers.
    """
    aside = SetAside()
    try:
        with accumulation_told(aside.hear, leaves):
            yield aside
    finally:
        aside.give_back()
