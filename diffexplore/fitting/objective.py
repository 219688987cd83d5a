"""The loss as one run sees it: in its dtype, with the gradient by its method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
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
