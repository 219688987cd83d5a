"""The loss as one run sees it: in its dtype, with the gradient by its method."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.fitting.moments import Moments
from diffexplore.fitting.reduced import ReducedLoss, point
from diffexplore.inputs.blocks import Blocks
from diffexplore.methods import MethodEntry
from diffexplore.methods.base import unwatched
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower


class WalkObjective:
    """Loss and gradient at tensors, and (for SciPy) at float64 arrays, which are rounded to the dtype first."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def tensors(self, point: Sequence[float]) -> list[Tensor]:
        """A point in the dtype, a tensor of shape () for each parameter."""
        exact = (torch.tensor(float(x), dtype=torch.float64, device="cpu") for x in point)
        return [x.to(device=self._problem.device, dtype=self._problem.dtype) for x in exact]

    def loss(self, parameters: Sequence[Tensor]) -> Tensor:
        """The reduced loss, of shape ()."""
        raise NotImplementedError

    def slopes(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """∂L/∂θ in the dtype, of shape () each."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------- for SciPy
    def value(self, at: np.ndarray) -> float:
        """The loss; infinite where it is not a number, so that nothing is smaller."""
        value = float(self.loss(self.tensors(at.tolist())))
        return value if math.isfinite(value) else math.inf

    def gradient(self, at: np.ndarray) -> np.ndarray:
        return np.array([float(slope) for slope in self.slopes(self.tensors(at.tolist()))])

    def hessian(self, at: np.ndarray) -> np.ndarray:
        """The symbolic Hessian in the dtype; entries that are not finite are 0."""
        raise NotImplementedError


class RunObjective(WalkObjective):
    """The loss on samples in memory, by one method; of several blocks each by itself, added up in double precision."""

    def __init__(self, problem: Problem, method: MethodEntry, columns: Mapping[str, Tensor], blocks: Blocks) -> None:
        super().__init__(problem)
        self._method = method.load()
        self._columns = columns
        self._blocks = blocks
        self._whole = self._data(0, blocks.n) if blocks.count == 1 else None
        self._hessian: Program | None = None

    def loss(self, parameters: Sequence[Tensor]) -> Tensor:
        return self._added(lambda values, n: [self._problem.reduce(self._problem.summands(values, n))], parameters)[0]

    def slopes(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        def of_samples(values: dict[str, Tensor], n: int) -> list[Tensor]:
            with unwatched():
                estimates = self._method.reduced(self._problem, values, n)
            return [estimates[name].value for name in self._problem.parameters]

        return [slope.to(parameters[0].dtype) for slope in self._added(of_samples, parameters)]

    def hessian(self, at: np.ndarray) -> np.ndarray:
        names = self._problem.loss.parameters
        if self._hessian is None:
            entries = self._problem.loss.hessian()
            every = [entries[row, column] for row in names for column in names]
            self._hessian = lower(every, self._problem.inputs)
        program = self._hessian

        def of_samples(values: dict[str, Tensor], n: int) -> list[Tensor]:
            return [self._problem.reduce(spread_over(output, n, values)) for output in program.run(TORCH, values)]

        found = [float(entry) for entry in self._added(of_samples, self.tensors(at.tolist()))]
        return np.nan_to_num(np.array(found).reshape(len(names), len(names)))

    def _data(self, first: int, last: int) -> dict[str, Tensor]:
        zeros = dict.fromkeys(self._problem.loss.parameters, 0.0)
        rows = {name: column[first:last] for name, column in self._columns.items()}
        values = self._problem.values(zeros, rows)
        return {name: value for name, value in values.items() if name in self._problem.loss.data}

    def _added(
        self, of_samples: Callable[[dict[str, Tensor], int], list[Tensor]], parameters: Sequence[Tensor]
    ) -> list[Tensor]:
        """Reduced numbers over all samples, from those over each block, in the order of blocks."""
        point = dict(zip(self._problem.loss.parameters, parameters, strict=True))
        if self._whole is not None:
            return of_samples(point | self._whole, self._blocks.n)
        mean = self._problem.loss.reduction == "mean"

        def of_block(first: int, last: int) -> list[float]:
            share = (last - first) / self._blocks.n if mean else 1.0
            return [float(one) * share for one in of_samples(point | self._data(first, last), last - first)]

        totals = [sum(parts) for parts in zip(*self._blocks.each(of_block), strict=True)]
        return [torch.tensor(total, dtype=torch.float64, device="cpu").to(parameters[0]) for total in totals]


#: From so many samples on, a run takes its numbers from the sums where it can.
_MANY = 100_000


def takes_sums(moments: Moments | None, n: int, method: str, dtype: str, *, divided: bool) -> bool:
    """Whether a run reads the data once: the closed form of many samples that a few sums stand for.

    It goes in float64, and of samples that are ``divided`` into blocks in every dtype.
    """
    return method == "symbolic" and moments is not None and (divided or (dtype == "float64" and n >= _MANY))


class SumsObjective(WalkObjective):
    """The same from sufficient statistics: each number is the one of the dtype nearest to the middle of its ball."""

    def __init__(self, problem: Problem, exact: ReducedLoss) -> None:
        super().__init__(problem)
        self._exact = exact

    def loss(self, parameters: Sequence[Tensor]) -> Tensor:
        return self._rounded([self._exact.value(_at(parameters))])[0]

    def slopes(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        return self._rounded(self._exact.gradient(_at(parameters)))

    def hessian(self, at: np.ndarray) -> np.ndarray:
        entries = self._exact.derivatives(_at(self.tensors(at.tolist()))).hessian.entries()
        return np.nan_to_num(np.array([float(entry.mid()) for entry in entries]).reshape(len(at), len(at)))

    def _rounded(self, balls: Sequence[arb]) -> list[Tensor]:
        return self.tensors([float(ball.mid()) for ball in balls])


def _at(parameters: Sequence[Tensor]) -> list[arb]:
    return point([float(one) for one in parameters])
