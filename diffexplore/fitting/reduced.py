"""The reduced loss as a function of its parameters alone, with certified values, gradients and Hessians over boxes.

A box is an Arb ball for each parameter. Every result encloses the exact number for every point of the box and exactly
the data at hand. Where the loss may have a kink, a jump or an end of its domain in the box, the results are NaN: a
finite one says that the loss is smooth over the box, which the theorems of Newton's method need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy
import torch
from flint import arb, arb_mat

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import CASES, SMOOTH
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact, total
from diffexplore.arithmetic.double_functions import DOUBLE_CASES, DOUBLE_SMOOTH
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.checking.fast_truth import VectorProgram, spread
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.fitting.moments import Moments, as_arb, moments_of, sums
from diffexplore.formula.derive import differentiate
from diffexplore.inputs.blocks import Blocks, whole
from diffexplore.loss import Loss
from diffexplore.methods.problem import spread_over
from diffexplore.program.program import Program, lower

#: Bits in which everything is enclosed.
BITS = 256

#: From so many samples on, vectors of double-double balls are faster than Arb.
_MANY = 128

#: Arb takes no more operations than this where double-double balls know nothing.
_MOST_ARB_OPERATIONS = 2_000_000

Box = Sequence[arb]


@dataclass(frozen=True)
class Derivatives:
    """The reduced loss, its gradient and its Hessian over one box."""

    value: arb
    gradient: tuple[arb, ...]
    hessian: arb_mat

    @property
    def finite(self) -> bool:
        """Whether all of them are known, so that the loss is smooth over the box."""
        return all(entry.is_finite() for entry in (self.value, *self.gradient, *self.hessian.entries()))


class ReducedFormulas:
    """The reduced loss and its derivatives as formulas and programs: the same for every batch.

    Attributes:
        moments: the loss by its sufficient sums, or None where it has none.
        expression: what is differentiated: the reduced loss by its sums, or the summand.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.moments: Moments | None = moments_of(loss)
        self.expression = loss.expression if self.moments is None else self.moments.expression

    @cached_property
    def gradient(self) -> tuple[sympy.Expr, ...]:
        """The gradient of :attr:`expression`, as SymPy derives it."""
        return tuple(differentiate(self.expression, self.loss.symbols[name]) for name in self.loss.parameters)

    @cached_property
    def hessian(self) -> dict[tuple[int, int], sympy.Expr]:
        """The upper half of the Hessian of :attr:`expression`."""
        symbols = [self.loss.symbols[name] for name in self.loss.parameters]
        pairs = [(row, column) for row in range(len(symbols)) for column in range(row, len(symbols))]
        return {(row, column): differentiate(self.gradient[row], symbols[column]) for row, column in pairs}

    @cached_property
    def value_program(self) -> Program:
        """Computes L."""
        return self._lowered([self.expression])

    @cached_property
    def gradient_program(self) -> Program:
        """Computes L and its gradient."""
        return self._lowered([self.expression, *self.gradient])

    @cached_property
    def program(self) -> Program:
        """Computes L, its gradient, and the upper half of its Hessian."""
        return self._lowered([self.expression, *self.gradient, *self.hessian.values()])

    def _lowered(self, expressions: Sequence[sympy.Expr]) -> Program:
        inputs = self.loss.data if self.moments is None else [symbol.name for symbol in self.moments.exponents]
        return lower(list(expressions), (*self.loss.parameters, *inputs))


class ReducedLoss:
    """The reduced loss on one batch: float64 columns of shape (n,), which are read in ``blocks`` (None: at once).

    Attributes:
        parameters: the names of what a box has a ball for, in this order.
    """

    def __init__(
        self, formulas: ReducedFormulas, columns: Mapping[str, np.ndarray], n: int, blocks: Blocks | None = None
    ) -> None:
        self.formulas = formulas
        self.loss = formulas.loss
        self.parameters = formulas.loss.parameters
        self.columns = columns
        self.n = n
        self.blocks = blocks or whole(n)
        self._staged: dict[int, StagedProgram] = {}

    @cached_property
    def sums(self) -> dict[str, arb]:
        """The sufficient sums by the names of their symbols; empty where there are none."""
        if self.formulas.moments is None:
            return {}
        with precision(BITS):  # nothing needs the bits of an exact sum
            found = sums(self.formulas.moments, self.loss, self.columns, self.blocks)
            return {name: ball + 0 for name, ball in found.items()}

    @property
    def operations(self) -> int:
        """The operations of one evaluation of all derivatives."""
        return len(self.formulas.program.steps) * (1 if self.formulas.moments is not None else self.n)

    # --------------------------------------------------------------------------------------------------- evaluation
    def value(self, box: Box) -> arb:
        """L over the box."""
        return self._run(self.formulas.value_program, box)[0]

    def gradient(self, box: Box) -> tuple[arb, ...]:
        """∂L/∂θ over the box."""
        value, *gradient = self._run(self.formulas.gradient_program, box)
        return tuple(gradient) if value.is_finite() else tuple(arb.nan() for _ in gradient)

    def derivatives(self, box: Box) -> Derivatives:
        """L, its gradient and its Hessian over the box."""
        size = len(self.parameters)
        value, *rest = self._run(self.formulas.program, box)
        gradient, upper = rest[:size], dict(zip(self.formulas.hessian, rest[size:], strict=True))
        rows = [[upper[min(i, j), max(i, j)] for j in range(size)] for i in range(size)]
        return Derivatives(value, tuple(gradient), arb_mat(rows) if size else arb_mat(0, 0))

    def approximate(self, at: Sequence[float]) -> tuple[float, np.ndarray, np.ndarray]:
        """The same at a point in doubles, not certified (of sums, which cancel, the middles of balls): for searches."""
        size = len(self.parameters)
        if self.formulas.moments is not None:
            found = self.derivatives(point(at))
            outputs = [found.value, *found.gradient, *found.hessian.entries()]
            numbers = np.array([float(ball.mid()) for ball in outputs])
            return float(numbers[0]), numbers[1 : size + 1], numbers[size + 1 :].reshape(size, size)
        numbers = self._in_doubles(at)
        hessian = np.zeros((size, size))
        for (row, column), entry in zip(self.formulas.hessian, numbers[size + 1 :], strict=True):
            hessian[row, column] = hessian[column, row] = entry
        return float(numbers[0]), numbers[1 : size + 1], hessian

    def _in_doubles(self, at: Sequence[float]) -> np.ndarray:
        """The outputs of the whole program, reduced, by torch."""
        fixed = {name: torch.tensor(float(x), dtype=torch.float64) for name, x in zip(self.parameters, at, strict=True)}
        mean = self.loss.reduction == "mean"

        def of_samples(first: int, last: int) -> np.ndarray:
            values = fixed | {name: torch.tensor(column) for name, column in self._rows(first, last).items()}
            outputs = [spread_over(output, last - first, values) for output in self.formulas.program.run(TORCH, values)]
            found = [float(output.mean() if mean else output.sum()) for output in outputs]
            return np.array(found) * ((last - first) / self.n if mean else 1)

        return np.sum(self.blocks.each(of_samples), axis=0)

    def _rows(self, first: int, last: int) -> dict[str, np.ndarray]:
        return {name: self.columns[name][first:last] for name in self.loss.data}

    def _run(self, program: Program, box: Box) -> list[arb]:
        with precision(BITS):
            return self._by_sums(program)(box) if self.formulas.moments is not None else self.over_samples(program, box)

    def over_samples(self, program: Program, box: Box) -> list[arb]:
        """What a program of parameters and data computes over the box, reduced over the samples."""
        at = dict(zip(self.parameters, box, strict=True))
        parts = self.blocks.each(partial(self._summed, program, at))
        found = [sum(balls, arb(0)) for balls in zip(*parts, strict=True)]
        return [ball / self.n for ball in found] if self.loss.reduction == "mean" else found

    def _summed(self, program: Program, at: Mapping[str, arb], first: int, last: int) -> list[arb]:
        """Sums over some samples."""
        found = self._vectors(program, at, first, last) if self.n >= _MANY else None
        known = found is not None and all(ball.is_finite() for ball in found)
        if found is not None and (known or len(program.steps) * self.n > _MOST_ARB_OPERATIONS):
            return found
        return self._one_by_one(program, at, first, last)

    def _by_sums(self, program: Program) -> StagedProgram:
        """A program of the parameters, with the sums in their places."""
        key = id(program)
        if key not in self._staged:
            self._staged[key] = self._in_arb(program, self.sums, self.parameters)
        return self._staged[key]

    def _in_arb(self, program: Program, fixed: Mapping[str, arb], varying: Sequence[str]) -> StagedProgram:
        reading = RunningMode(SMOOTH, _as_ball, cases=CASES, by=self.parameters)
        staged = StagedProgram(program, reading, fixed, varying)  # type: ignore[arg-type]  # balls, as it reads them
        staged.prepare()
        return staged

    def _one_by_one(self, program: Program, at: Mapping[str, arb], first: int, last: int) -> list[arb]:
        """Sums over the samples, in Arb."""
        staged, totals = self._in_arb(program, at, self.loss.data), [arb(0) for _ in program.outputs]
        read = self._rows(first, last)
        columns = [read[name].tolist() for name in staged.varying]
        rows = zip(*columns, strict=True) if columns else [()] * (last - first)
        for row in rows:
            totals = [whole + output for whole, output in zip(totals, staged(row), strict=True)]
        return totals

    def _vectors(self, program: Program, at: Mapping[str, arb], first: int, last: int) -> list[arb]:
        """The same in vectors of double-double balls."""
        reading = RunningMode(DOUBLE_SMOOTH, _as_double_ball, cases=DOUBLE_CASES, by=self.parameters)
        vectors = VectorProgram(program, reading, at, self.loss.data)  # type: ignore[arg-type]  # as above
        totals = [arb(0) for _ in program.outputs]
        for here, outputs in vectors.blocks(self._rows(first, last), last - first):
            with np.errstate(all="ignore"):
                parts = [as_arb(total(spread(output, here.stop - here.start))) for output in outputs]
            totals = [whole + part for whole, part in zip(totals, parts, strict=True)]
        return totals


def _as_ball(value: Any) -> arb:
    return value if isinstance(value, arb) else arb(value)


def _as_double_ball(value: Any) -> DoubleBall:
    return enclosing(value) if isinstance(value, arb) else exact(value)


def point(values: Sequence[float]) -> list[arb]:
    """Doubles as balls of radius 0."""
    return [arb(float(value)) for value in values]
