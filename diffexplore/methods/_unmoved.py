"""Programs as functions of one input: what does not depend on it is computed once, for all steps and methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch, is_observed
from diffexplore.methods.base import Values
from diffexplore.methods.problem import BatchValues, shared
from diffexplore.program.program import Program

#: Steps, times samples, that are kept: more would be more memory than data.
_MOST_KEPT = 2**22


@dataclass(frozen=True)
class Unmoved:
    """What is in the slots of a program where no input is moved, and the watch that saw how it is rounded."""

    program: Program
    slots: list[Any]
    watch: Watch


def unmoved(values: Values, program: Program, n: int, *, smooth: bool = False) -> Unmoved | None:
    """A program at ``values`` of n samples; under a watch that looks for kinks it runs in float64.

    It is found once for values that keep what is found. None for others, where somebody looks on at each operation, and
    where more would be kept than is worth it.
    """
    if is_observed() or not is_kept(values, program, n):
        return None

    def compute() -> Unmoved:
        at = {name: value.detach().to(torch.float64) if smooth else value for name, value in values.items()}
        with Watch(smooth=smooth) as watch:
            slots = program.slots(TORCH, at)
        return Unmoved(program, slots, watch)

    return shared(values, ("unmoved", id(program), smooth), compute)


def is_kept(values: Values, program: Program, n: int) -> bool:
    """Whether values keep what is in the slots of a program."""
    few = len(program.steps) * n <= _MOST_KEPT
    return few and isinstance(values, BatchValues) and all(value.dim() < 2 for value in values.values())


def following(watch: Watch, base: Unmoved | None) -> Watch:
    """A watch that knows how what is not moved is rounded."""
    if base is not None:
        watch.follow(base.watch)
    return watch
