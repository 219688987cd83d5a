"""The settings of a bench, checked once, before the long work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from diffexplore import methods as registry
from diffexplore.benching.measuring import available
from diffexplore.checking.batch import MOST_POINTS
from diffexplore.errors import UsageError
from diffexplore.loss import Loss
from diffexplore.methods import MethodEntry
from diffexplore.methods.problem import Problem
from diffexplore.whole import whole

#: Three decades, of which a bench of the whole catalogue ends in minutes.
SIZES = "1e3,1e4,1e5"


@dataclass(frozen=True)
class TimedLoss:
    """A loss, and the point at which its gradient is taken."""

    name: str
    loss: Loss
    point: Mapping[str, float]


def sizes_of(text: str) -> tuple[int, ...]:
    """The numbers of samples, ascending; raises :class:`UsageError` for what is none, or beyond what is drawn."""
    parts = [part.strip() for part in text.split(",")]
    found = []
    for part in parts:
        number = whole(part) if part else None
        if number is None or not 1 <= number <= MOST_POINTS:
            given = part if len(part) <= 40 else f"{part[:39]}…"
            raise UsageError(
                f"--sizes takes numbers of samples from 1 to {MOST_POINTS:,}, such as {SIZES}, not {given!r}"
            )
        found.append(number)
    return tuple(sorted(set(found)))


def methods_of(requested: Sequence[str] | None) -> tuple[MethodEntry, ...]:
    """The methods named, or all that are installed."""
    if requested is not None:
        return registry.select(requested)
    known = (*registry.entries(), *registry.named_only())
    return tuple(entry for entry in known if entry.library is None or entry.library.installed)


def check_memory(problem: Problem, n: int) -> None:
    """Raises :class:`UsageError` where a backward pass over n samples cannot fit.

    It keeps a number for each step of the forward pass, and holds at most as many adjoints.
    """
    free = available() if problem.device.type == "cpu" else torch.cuda.mem_get_info(problem.device)[0]
    width = torch.finfo(problem.dtype).bits // 8
    needed = n * (2 * width * len(problem.loss_program.steps) + (8 + width) * len(problem.loss.data))
    if free is not None and needed > free:
        raise UsageError(
            f"{n:,} samples need about {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free: "
            "choose a smaller size"
        )
