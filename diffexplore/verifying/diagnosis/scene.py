"""Scenes: calls of a candidate on a few samples, small enough that any explanation of them can be computed exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import sympy
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.case_balls import CASES
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.evaluate import Running
from diffexplore.checking.records import VALUE
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.errors import DiffexploreError
from diffexplore.methods.base import Estimate
from diffexplore.methods.problem import Problem
from diffexplore.program.program import lower

_BITS = 320

#: A symbol in the place of a constant, under a name that no text can have.
KNOB = sympy.Dummy("the constant", real=True)

#: A ball wider than this, relative to its midpoint, decides nothing.
_TIGHT = 2.0**-60


class SceneUnavailable(Exception):
    """A hypothesis needs what only a small scene can compute."""


@dataclass
class Scene:
    """What a candidate gave at one point on ``n`` samples, and exact values of any expression there.

    ``index`` holds the places of the samples in the batch, −1 for what is none of it; ``total`` is its size.
    ``divisor`` is by what the mean divides, where that is not the number of samples in the scene.
    """

    problem: Problem
    point: Mapping[str, float]
    samples: tuple[Mapping[str, float], ...]
    index: tuple[int, ...]
    total: int
    estimates: Mapping[str, Estimate]
    divisor: int | None = None
    _known: dict[tuple[sympy.Expr, float | None], list[arb]] = field(default_factory=dict)
    _truths: dict[str, list[arb]] = field(default_factory=dict)
    _numbers: dict[str, list[tuple[float, float, arb]]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.samples)

    @property
    def mean(self) -> bool:
        return self.problem.loss.reduction == "mean"

    def values(self, name: str) -> list[float]:
        """The candidate's numbers for one partial: one for a parameter, n for data."""
        return [float(value) for value in self.estimates[name].value.reshape(-1).tolist()]

    def bounds(self, name: str) -> list[float]:
        return [float(bound) for bound in self.estimates[name].bound.reshape(-1).tolist()]

    def numbers(self, name: str) -> list[tuple[float, float, arb]]:
        """For each of the candidate's numbers for one partial its value, its bound and its truth."""
        if name not in self._numbers:  # every hypothesis is held against them
            self._numbers[name] = list(zip(self.values(name), self.bounds(name), self.truth(name), strict=True))
        return self._numbers[name]

    def errors(self, name: str) -> list[float]:
        return [float(abs(truth - arb(value))) for value, _, truth in self.numbers(name)]

    def slack(self, value: float, bound: float) -> float:
        """How far a number may be from what a fit makes of it."""
        return 2 * bound + 4 * self.unit() * abs(value)

    def by_sample(self, name: str) -> bool:
        return name not in self.problem.loss.parameters and name != VALUE

    def at_samples(self, expression: sympy.Expr, knob: float | None = None) -> list[arb]:
        """The expression at each sample, with the number ``knob`` for :data:`KNOB` where that stands in it.

        Raises :class:`SceneUnavailable` for what SymPy has merged into no number, as parts of a partial may be.
        """
        if (expression, knob) not in self._known:
            if expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
                raise SceneUnavailable
            loss, inputs = self.problem.loss, self.problem.inputs
            numbers = tuple((name, self.point[name]) for name in inputs if name in self.point)
            if knob is not None:
                inputs, numbers = (*inputs, KNOB.name), (*numbers, (KNOB.name, knob))
            try:
                program = _prepared(expression, inputs, numbers, loss.data, (*loss.parameters, *self.problem.wrt))
            except TypeError:  # SymPy writes the derivative of |u| with im(u) where it does not know that u is real
                raise SceneUnavailable from None
            with precision(_BITS):
                found = [program([sample[name] for name in program.varying])[0] for sample in self.samples]
            self._known[expression, knob] = found
        return self._known[expression, knob]

    def reduced(self, name: str, expression: sympy.Expr, knob: float | None = None) -> list[arb]:
        """What the reduction makes of the summand's partial: one number, or by data its share for each sample."""
        parts = self.at_samples(expression, knob)
        with precision(_BITS):
            if self.by_sample(name):
                return [part / (self.divisor or self.n) for part in parts] if self.mean else parts
            return [self.share(sum(parts, arb(0)))]

    def partials(self, name: str) -> list[arb]:
        """The summand's partial at each sample; raises SceneUnavailable for a batch of too many to go through."""
        need_samples(self)
        return self.at_samples(exact_partial(self.problem, name))

    def share(self, part: arb) -> arb:
        """What one summand's partial adds to the reduced one."""
        return part / self.n if self.mean else part

    def truth(self, name: str) -> list[arb]:
        if name not in self._truths:
            self._truths[name] = self.reduced(name, exact_partial(self.problem, name))
        return self._truths[name]

    def only(self, place: int) -> Scene:
        """One of the samples as a scene of its own, of which the candidate was not called."""
        return Scene(self.problem, self.point, (self.samples[place],), (self.index[place],), self.total, {})

    def columns(self) -> Mapping[str, Tensor]:
        """The samples as tensors of shape (n,), in float64."""
        return {
            name: torch.tensor([sample[name] for sample in self.samples], dtype=torch.float64, device="cpu")
            for name in self.problem.loss.data
        }

    def unit(self) -> float:
        return UNIT_ROUNDOFF[self.problem.dtype]

    def is_decided(self) -> bool:
        """Whether truth and values are finite numbers, and no value lies at a kink."""
        return all(
            np.isfinite(value) and truth.is_finite() and _tight(truth)
            for name in self.estimates
            for value, _, truth in self.numbers(name)
        )


def need_samples(scene: Scene) -> None:
    """Raises SceneUnavailable for the whole batch, whose samples are too many to be gone through."""
    if len(scene.samples) != scene.n:
        raise SceneUnavailable


def reduces(name: str, scenes: Sequence[Scene]) -> bool:
    """Whether the numbers of a partial are made of those of several samples."""
    first = scenes[0]
    return not first.by_sample(name) and bool(first.problem.loss.data) and any(scene.n != 1 for scene in scenes)


def exact_partial(problem: Problem, name: str) -> sympy.Expr:
    """The summand's partial as derived; the summand itself for the loss's value."""
    return problem.loss.expression if name == VALUE else problem.raw_partial(name)


def _tight(ball: arb) -> bool:
    return bool(ball.rad() <= abs(ball.mid()) * _TIGHT) or ball.mid() == 0


@lru_cache(maxsize=4096)
def _prepared(
    expression: sympy.Expr, inputs: tuple[str, ...], numbers: tuple[tuple[str, float], ...], data: tuple[str, ...],
    moved: tuple[str, ...],
) -> StagedProgram:  # fmt: skip
    """An expression as a program of the data, at the numbers of one point: scenes there differ in their samples."""
    reading = RunningMode(BALLS, arb, cases=CASES, by=moved)
    program = StagedProgram(lower([expression], inputs), reading, dict(numbers), data)
    with precision(_BITS):
        program.prepare()
    return program


@dataclass(frozen=True, eq=False)
class Laboratory:
    """Makes scenes: sub-batches at the point of the check and at points near it."""

    problem: Problem
    running: Running
    point: Mapping[str, float]
    columns: Mapping[str, Tensor]
    n: int
    seed: int

    def call(
        self, point: Mapping[str, float], index: np.ndarray, rows: Mapping[str, Tensor] | None = None
    ) -> Scene | None:
        """The scene of some samples at a point; None where the candidate refuses them.

        ``rows`` are samples that need not be the batch's own: these have the index −1.
        """
        values = self.problem.values(point, self.rows(index) if rows is None else rows)
        count = len(index) if self.columns else self.n
        try:
            estimates = self.running.reduced(self.problem, values, count)
        except DiffexploreError:
            return None
        return self._scene_of(values, index, count, estimates)

    def widened(self) -> Laboratory:
        """The same in float64, at the numbers of the narrower dtype."""
        rows = {name: column.to(self.problem.dtype) for name, column in self.columns.items()}
        point = {
            name: float(torch.tensor(value, dtype=torch.float64, device="cpu").to(self.problem.dtype))
            for name, value in self.point.items()
        }
        return replace(self, problem=replace(self.problem, dtype=torch.float64), point=point, columns=rows)

    def rows(self, index: np.ndarray) -> dict[str, Tensor]:
        """The samples of the batch at some places."""
        places = torch.from_numpy(np.asarray(index, dtype=np.int64))
        return {name: column[places.to(column.device)] for name, column in self.columns.items()}

    def values_of(self, sample: int | None) -> tuple[np.ndarray, dict[str, Tensor], dict[str, float]]:
        """One sample: its place, the tensors of all symbols there, and its data; of a loss without data None."""
        index = np.array([0 if sample is None else sample])
        data = {} if sample is None else {key: float(column[sample]) for key, column in self.columns.items()}
        return index, self.problem.values(self.point, self.rows(index)), data

    def scene_of(self, point: Mapping[str, float], index: np.ndarray, estimates: Mapping[str, Estimate]) -> Scene:
        """The scene of a call that was made already."""
        count = len(index) if self.columns else self.n
        return self._scene_of(self.problem.values(point, self.rows(index)), index, count, estimates)

    def _scene_of(
        self, values: Mapping[str, Tensor], index: np.ndarray, count: int, estimates: Mapping[str, Estimate]
    ) -> Scene:
        fixed = {name: float(values[name]) for name in self.problem.loss.parameters}
        data = {name: values[name].to(torch.float64).tolist() for name in self.problem.loss.data}
        samples = tuple({name: data[name][i] for name in data} for i in range(count))
        return Scene(self.problem, fixed, samples, tuple(int(i) for i in index), self.n, estimates)
