"""The reduced loss, its symbolic gradient and its Hessian at many points at once, in double precision, for pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
import sympy
import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.errors import UsageError
from diffexplore.formula.collector import elementary
from diffexplore.formula.derive import differentiate
from diffexplore.formula.evaluable import evaluable
from diffexplore.loss import Loss
from diffexplore.program.program import Program, lower

#: So many numbers are held for each slot of a program.
_BLOCK = 1_000_000


class Programs:
    """What a picture of a loss is computed by: programs of its parameters, then its data.

    Attributes:
        value: the summand as it was written.
        gradient: its simplified partials with respect to all parameters.
        inside: the conditions of the domain.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.inputs = (*loss.parameters, *loss.data)
        partials = loss.gradient()
        self.gradient_formulas = [evaluable(partials[name], loss.domain) for name in loss.parameters]
        try:
            self.value = elementary(loss.written)
            self.gradient = lower(self.gradient_formulas, self.inputs)
            self.inside = lower(list(loss.domain), self.inputs)
            self.hessian = lower(self._second(), self.inputs)
        except TypeError as error:
            raise UsageError(f"the loss cannot be drawn: {error}") from None

    def _second(self) -> list[sympy.Expr]:
        """All second partials row by row, of the simplified first ones."""
        names = self.loss.parameters
        slopes = dict(zip(names, self.gradient_formulas, strict=True))
        pairs: dict[frozenset[str], sympy.Expr] = {}
        for row, column in combinations_with_replacement(names, 2):
            pairs[frozenset((row, column))] = differentiate(slopes[row], self.loss.symbols[column])
        return [pairs[frozenset((row, column))] for row in names for column in names]

    @property
    def operations(self) -> int:
        """The operations of a loss and a gradient, for one sample."""
        return len(self.value.steps) + len(self.gradient.steps) + 1


class BatchEvaluation:
    """The programs of a loss on one batch; columns are float64 of shape (n,)."""

    def __init__(self, programs: Programs, columns: Mapping[str, np.ndarray], n: int) -> None:
        self.programs = programs
        self.loss = programs.loss
        self.n = n
        self._columns = {name: torch.as_tensor(columns[name], dtype=torch.float64) for name in self.loss.data}

    @property
    def operations(self) -> int:
        """The operations of the loss and its gradient at one point."""
        return self.programs.operations * self.n

    def values(self, points: np.ndarray) -> np.ndarray:
        """The loss at points, an array of shape (m, parameters); NaN where it has no value, or leaves its domain."""
        return self._reduced(self.programs.value, points)[:, 0]

    def gradients(self, points: np.ndarray) -> np.ndarray:
        """∂L/∂θ of shape (m, parameters), likewise."""
        return self._reduced(self.programs.gradient, points)

    def hessian(self, point: np.ndarray) -> np.ndarray:
        """The matrix of second partials at one point of shape (parameters,)."""
        size = len(self.loss.parameters)
        return self._reduced(self.programs.hessian, point[None, :]).reshape(size, size)

    def _reduced(self, program: Program, points: np.ndarray) -> np.ndarray:
        block = max(1, _BLOCK // max(1, self.n))
        parts = [self._block(program, points[start : start + block]) for start in range(0, len(points), block)]
        return np.concatenate(parts) if parts else np.empty((0, len(program.outputs)))

    def _block(self, program: Program, points: np.ndarray) -> np.ndarray:
        values = {
            name: torch.as_tensor(points[:, place].copy(), dtype=torch.float64)[:, None]
            for place, name in enumerate(self.loss.parameters)
        } | self._columns
        shape = (len(points), self.n)
        outputs = [_spread(output, shape) for output in program.run(TORCH, values)]
        reduce: Callable[..., torch.Tensor] = torch.mean if self.loss.reduction == "mean" else torch.sum
        reduced = [reduce(output, dim=1) for output in outputs]
        found = torch.stack(reduced, dim=1) if reduced else torch.empty(shape[0], 0, dtype=torch.float64, device="cpu")
        for condition in self.programs.inside.run(TORCH, values):
            holds = torch.as_tensor(condition).expand(shape).all(dim=1)
            found = torch.where(holds[:, None], found, torch.nan)
        array: np.ndarray = found.numpy()
        return np.where(np.isfinite(array), array, np.nan)


def _spread(output: object, shape: tuple[int, int]) -> torch.Tensor:
    return torch.as_tensor(output, dtype=torch.float64).expand(shape)


def at(loss: Loss, point: Mapping[str, float]) -> np.ndarray:
    """A point as an array of shape (parameters,)."""
    return np.array([float(point[name]) for name in loss.parameters])


def over(held: np.ndarray, places: Sequence[int], coordinates: Sequence[np.ndarray]) -> np.ndarray:
    """Points of shape (m, parameters) that differ from ``held`` at the ``places`` only."""
    points = np.tile(held, (len(coordinates[0]), 1))
    for place, values in zip(places, coordinates, strict=True):
        points[:, place] = values
    return points
