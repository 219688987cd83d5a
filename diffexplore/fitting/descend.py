"""The descents themselves: all methods of one dtype side by side, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from diffexplore.fitting.drift import Apart
from diffexplore.fitting.objective import WalkObjective
from diffexplore.fitting.optimizers.base import Steps, Stepwise, Whole
from diffexplore.fitting.path import Path

#: Steps between two reports of the progress.
_EVERY = 64


@dataclass
class Walk:
    """One run while it goes on: the method's name, what it has seen, and why it ended before its last step, if so."""

    method: str
    objective: WalkObjective
    parameters: list[Tensor]
    path: Path = field(default_factory=Path)
    ended: str | None = None
    steps: int = 0

    @property
    def going(self) -> bool:
        return self.ended is None

    def look(self) -> None:
        """Notes the loss at the present point; a point or a loss that is no number ends the run."""
        point = [float(x) for x in self.parameters]
        loss = float(self.objective.loss(self.parameters))
        self.path.add(self.steps, loss, point)
        if not all(math.isfinite(x) for x in point) or math.isinf(loss):
            self.ended = NOT_FINITE
        elif math.isnan(loss):
            self.ended = NOT_A_NUMBER


#: Why a run ended before its last step.
NOT_FINITE = "the loss is not finite"
NOT_A_NUMBER = "the loss is not a number"
GRADIENT_NOT_FINITE = "the gradient is not finite"


def walk(
    walks: Sequence[Walk], optimizer: Stepwise | Whole, rate: float, steps: int, apart: Apart,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Takes up to ``steps`` steps of every walk; ``apart`` looks on while all of them go on."""
    for one in walks:
        one.look()
    if isinstance(optimizer, Whole):
        for one in walks:
            _minimize(one, optimizer, steps)
        apart.look([_floats(one.parameters) for one in walks])
        progress(steps)
        return
    rules = [optimizer.start(rate) for _ in walks]
    for step in range(steps):
        before = [_floats(one.parameters) for one in walks]
        slopes = [_slopes(one) for one in walks]
        if not any(one.going for one in walks):
            break
        for one, rule, slope in zip(walks, rules, slopes, strict=True):
            _step(one, rule, slope)
        if all(one.going for one in walks):
            apart.step(before, [_floats(slope) for slope in slopes], [_floats(one.parameters) for one in walks])
        if step % _EVERY == _EVERY - 1:
            progress(step + 1)
    progress(steps)


def _slopes(one: Walk) -> list[Tensor]:
    if not one.going:
        return []
    slopes = one.objective.slopes(one.parameters)
    if not all(math.isfinite(float(slope)) for slope in slopes):
        one.ended = GRADIENT_NOT_FINITE
    return slopes


def _step(one: Walk, rule: Steps, slopes: list[Tensor]) -> None:
    if not one.going:
        return
    rule.step(one.parameters, slopes)
    one.steps += 1
    one.look()


def _floats(tensors: Sequence[Tensor]) -> list[float]:
    return [float(tensor) for tensor in tensors]


def _minimize(one: Walk, optimizer: Whole, steps: int) -> None:
    if not one.going or steps == 0:
        return

    def visit(point: Sequence[float]) -> None:
        one.parameters = one.objective.tensors(point)
        if _floats(one.parameters) == list(one.path.last.point if one.path.last else ()):
            return  # a trial step that was not taken
        one.steps += 1
        one.look()

    start = np.array(_floats(one.parameters))
    why = optimizer.minimize(one.objective, start, steps, visit)
    one.ended = one.ended or (why if one.steps < steps else None)
