"""Candidates for a probe: points, samples at each of them, and what programs compute there, of several points at once.

What a program costs on sixty samples is the work of Python for each of its steps. So fifty points are looked at in one
run, in which every parameter has a value for each place, and all partials are outputs of one program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import rounding, summation_rounding
from diffexplore.bounds.watch import watched
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower


class ProbePlaces:
    """Some points with as many samples at each (indices into ``columns``): arrays have the shape (places, samples)."""

    def __init__(
        self, problem: Problem, points: Sequence[Mapping[str, float]], columns: Mapping[str, Tensor],
        chosen: Sequence[np.ndarray],
    ) -> None:  # fmt: skip
        self._problem, self.chosen = problem, np.array(chosen)
        rows = {name: column[torch.from_numpy(self.chosen).to(column.device)] for name, column in columns.items()}
        # A number for each place, in a column: programs spread it over the samples of the place.
        at = {name: [[point[name]] for point in points] for name in problem.loss.parameters}
        given = {name: torch.tensor(numbers, dtype=torch.float64, device="cpu") for name, numbers in at.items()}
        moved = {**given, **{name: rows[name] for name in problem.loss.data}}
        self._values = {
            name: value.to(device=problem.device, dtype=problem.dtype) for name, value in moved.items()
        }  # fmt: skip

    def point(self, place: int) -> dict[str, float]:
        """The parameters, as they are rounded in the dtype."""
        return {name: float(self._values[name][place, 0]) for name in self._problem.loss.parameters}

    @cached_property
    def partials(self) -> list[np.ndarray]:
        """The partials in double precision, an array for each symbol."""
        return self._doubles(self._problem.closed_form_program)

    @cached_property
    def usable(self) -> np.ndarray:
        """The samples in the domain at which the loss is finite (bool)."""
        inside = np.ones(self.chosen.shape, bool)
        for holds in self._problem.domain_program.run(TORCH, self._values):
            # a condition that holds no symbol is a truth value of Python
            inside &= holds.expand(self.chosen.shape).cpu().numpy() if isinstance(holds, Tensor) else bool(holds)
        (summands,) = self._doubles(self._problem.loss_program)
        usable: np.ndarray = inside & np.isfinite(summands)
        return usable

    def terms(self, name: str) -> list[np.ndarray]:
        """The additive terms of the partial in ``name`` as SymPy derives it, in double precision."""
        return self._terms[name]

    @cached_property
    def _terms(self) -> dict[str, list[np.ndarray]]:
        problem = self._problem
        raw = problem.loss.gradient(problem.wrt).raw
        parts = {name: sympy.Add.make_args(raw[name]) for name in problem.parameters}
        found = iter(self._doubles(lower([term for terms in parts.values() for term in terms], problem.inputs)))
        return {name: [next(found) for _ in terms] for name, terms in parts.items()}

    def power(self, name: str, place: int, samples: np.ndarray) -> float:
        """The smallest relative error that the simplified formula of a partial reveals over some samples of a place."""
        problem, ball = self._problem, self._balls[self._problem.wrt.index(name)]
        index, n = torch.from_numpy(samples).to(ball.mid.device), len(samples)
        mid, rad = ball.mid[place, index], ball.rad[place, index]
        total = mid.sum()
        spread = rad.sum() + summation_rounding(mid.abs().sum(), total, n, problem.dtype)
        if problem.loss.reduction == "mean":
            spread = spread + rounding("div", total, problem.dtype)
        return float(2 * spread / total.abs())

    @cached_property
    def _balls(self) -> list[Ball]:
        """All partials with their rounding in the dtype of the problem."""
        return watched(lambda: tuple(self._spread(self._problem.closed_form_program, self._values)))

    def _doubles(self, program: Program) -> list[np.ndarray]:
        wide = {name: value.to(torch.float64) for name, value in self._values.items()}
        return [output.cpu().numpy() for output in self._spread(program, wide)]

    def _spread(self, program: Program, values: Mapping[str, Tensor]) -> list[Tensor]:
        outputs = program.run(TORCH, values)
        return [spread_over(output, self.chosen.shape[1], values).expand(self.chosen.shape) for output in outputs]


@dataclass(frozen=True)
class ProbePlace:
    """One of several places; ``own`` are the synthetic columns that its samples are of, None where of the batch."""

    among: ProbePlaces
    index: int
    own: Mapping[str, Tensor] | None

    @property
    def chosen(self) -> np.ndarray:
        """The samples that are looked at."""
        chosen: np.ndarray = self.among.chosen[self.index]
        return chosen

    @property
    def usable(self) -> np.ndarray:
        """Those in the domain at which the loss is finite (bool)."""
        usable: np.ndarray = self.among.usable[self.index]
        return usable

    def partial(self, symbol: int) -> np.ndarray:
        """The partial in a symbol, by its place among those of the problem, at each sample."""
        partial: np.ndarray = self.among.partials[symbol][self.index]
        return partial

    def terms(self, name: str, samples: np.ndarray) -> list[np.ndarray]:
        """The additive terms of the partial in ``name`` at some of the samples."""
        return [term[self.index, samples] for term in self.among.terms(name)]

    def power(self, name: str, samples: np.ndarray) -> float:
        """What some of the samples reveal of the partial in ``name``."""
        return self.among.power(name, self.index, samples)
