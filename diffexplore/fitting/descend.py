"""The descents themselves: all methods of one dtype side by side, each with the loss as it sees it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.fitting.drift import Apart
from diffexplore.fitting.optimizers.base import Steps, Stepwise, Whole
from diffexplore.fitting.path import Path
from diffexplore.methods import MethodEntry
from diffexplore.methods.base import unwatched
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower

#: Steps between two reports of the progress.
_EVERY = 64


@dataclass
class Walk:
    """One run while it goes on: the method's name, what it has seen, and why it ended before its last step, if so."""

    method: str
    objective: RunObjective
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


class RunObjective:
    """Loss and gradient at tensors, and (for SciPy) at float64 arrays, which are rounded to the dtype first."""

    def __init__(self, problem: Problem, method: MethodEntry, columns: Mapping[str, Tensor], n: int) -> None:
        self._problem = problem
        self._method = method.load()
        self._n = n
        zeros = dict.fromkeys(problem.loss.parameters, 0.0)
        self._data = {
            name: value for name, value in problem.values(zeros, columns).items() if name in problem.loss.data
        }
        self._hessian: Program | None = None

    def tensors(self, point: Sequence[float]) -> list[Tensor]:
        """A point in the dtype, a tensor of shape () for each parameter."""
        exact = (torch.tensor(float(x), dtype=torch.float64) for x in point)
        return [x.to(device=self._problem.device, dtype=self._problem.dtype) for x in exact]

    def loss(self, parameters: Sequence[Tensor]) -> Tensor:
        """The reduced loss, of shape ()."""
        return self._problem.reduce(self._problem.summands(self._values(parameters), self._n))

    def slopes(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """∂L/∂θ in the dtype, of shape () each."""
        with unwatched():
            estimates = self._method.reduced(self._problem, self._values(parameters), self._n)
        return [estimates[name].value.to(parameters[0].dtype) for name in self._problem.parameters]

    def _values(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self._problem.loss.parameters, parameters, strict=True)) | self._data

    # ------------------------------------------------------------------------------------------------- for SciPy
    def value(self, at: np.ndarray) -> float:
        """The loss; infinite where it is not a number, so that nothing is smaller."""
        value = float(self.loss(self.tensors(at.tolist())))
        return value if math.isfinite(value) else math.inf

    def gradient(self, at: np.ndarray) -> np.ndarray:
        return np.array([float(slope) for slope in self.slopes(self.tensors(at.tolist()))])

    def hessian(self, at: np.ndarray) -> np.ndarray:
        """The symbolic Hessian in the dtype."""
        names = self._problem.loss.parameters
        if self._hessian is None:
            entries = self._problem.loss.hessian()
            every = [entries[row, column] for row in names for column in names]
            self._hessian = lower(every, self._problem.inputs)
        values = self._values(self.tensors(at.tolist()))
        outputs = self._hessian.run(TORCH, values)
        found = [float(self._problem.reduce(spread_over(output, self._n, values))) for output in outputs]
        return np.nan_to_num(np.array(found).reshape(len(names), len(names)))
