"""Operators that draw random numbers: what is computed beside them leaves the generators alone; what they drew is data.

A kernel and the steps that it is composed of draw different numbers, and each draw moves the generator on. So no step
may draw before a kernel does, or in its place: a watched call would be another one than the call without a watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from diffexplore.torch_private.watching import OpOverload, tree_leaves

Tensor = torch.Tensor


@contextmanager
def nothing_drawn(func: Any, args: Any) -> Iterator[Callable[[], bool]]:
    """Puts the generators back at the end, where an operator draws; says inside whether any has moved since."""
    if not isinstance(func, OpOverload) or torch.Tag.nondeterministic_seeded not in func.tags:
        yield lambda: False
        return
    devices = {leaf.device for leaf in tree_leaves(args) if isinstance(leaf, Tensor) and leaf.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(device.index for device in devices)):
        before = _states(devices)
        yield lambda: not all(map(torch.equal, before, _states(devices)))


def _states(devices: set[torch.device]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in sorted(devices, key=str))]


def dropout(x: Tensor, p: float, train: bool | None = True, *, drawn: Any) -> Tensor:
    """native_dropout, of which the second result says what was kept: x · kept / (1 − p)."""
    return x * drawn[1] if train is False or p == 1 else x * drawn[1] / (1 - p)


def leaky_relu(
    x: Tensor, noise: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None,
    *, drawn: Tensor,
) -> Tensor:  # fmt: skip
    """rrelu_with_noise, which leaves in ``noise`` by what it multiplied negative elements."""
    return torch.where(x > 0, x, x * (noise if training else (lower + upper) / 2))
