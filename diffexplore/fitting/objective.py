"""The loss as one run sees it: in its dtype, with the gradient by its method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.fitting.moments import Moments
from diffexplore.fitting.reduced import ReducedLoss, point
from diffexplore.methods import MethodEntry
from diffexplore.methods.base import unwatched
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower


class RunObjective:
    """Loss and gradient at tensors, and (for SciPy) at float64 arrays, which are rounded to the dtype first."""

    def __init__(self, problem: Problem, method: MethodEntry, columns: Mapping[str, Tensor], n: int) -> None:
        self._problem = problem
        self._method = method.load()
        self._n = n
        zeros = dict.fromkeys(problem.loss.parameters, 0.0)
        values = problem.values(zeros, columns) if columns else {}
        self._data = {name: value for name, value in values.items() if name in problem.loss.data}
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


#: From so many samples on, a run takes its numbers from the sums where it can.
_MANY = 100_000


def takes_sums(moments: Moments | None, n: int, method: str, dtype: str) -> bool:
    """Whether a run reads the data once: the closed form, in float64, of many samples that a few sums stand for."""
    return method == "symbolic" and dtype == "float64" and n >= _MANY and moments is not None


class SumsObjective(RunObjective):
    """The same in float64 from sufficient statistics: each number is the double nearest to the middle of its ball."""

    def __init__(self, problem: Problem, method: MethodEntry, exact: ReducedLoss) -> None:
        super().__init__(problem, method, {}, exact.n)
        self._exact = exact

    def loss(self, parameters: Sequence[Tensor]) -> Tensor:
        return torch.tensor(float(self._exact.value(_at(parameters)).mid()), dtype=torch.float64)

    def slopes(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        balls = self._exact.gradient(_at(parameters))
        return [torch.tensor(float(ball.mid()), dtype=torch.float64) for ball in balls]

    def hessian(self, at: np.ndarray) -> np.ndarray:
        entries = self._exact.derivatives(point(at.tolist())).hessian.entries()
        return np.nan_to_num(np.array([float(entry.mid()) for entry in entries]).reshape(len(at), len(at)))


def _at(parameters: Sequence[Tensor]) -> list[arb]:
    return point([float(one) for one in parameters])
