"""Sums over the data, taken once; then the loss and its derivatives in Arb, whatever the number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import CASES
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.formula.text import to_text
from diffexplore.inputs.stored import StoredTensor
from diffexplore.kernels.accumulator import Accumulator
from diffexplore.kernels.backends.base import BoundKernel, KernelEffort, Point, collected
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.block_sums import BlockSums, Total, combine
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation
from diffexplore.kernels.slices import BLOCK
from diffexplore.kernels.statistics import Exponents
from diffexplore.lists import shortened

#: Bits in which the sums are put together.
_BITS = 256

#: Letters of a part of the summand that is named.
_MOST_LETTERS = 80

#: Rows that are read at a time, or copied, where they are not in memory as they are taken.
_ROWS = 128 * BLOCK


class StatisticsBackend:
    """Where the summand is a finite sum of products of a function of the parameters and one of the data."""

    def obstacle(self, plan: Plan, device: str) -> str | None:
        by_data = [name for name in plan.wrt if name in plan.loss.data]
        if by_data:
            return f"a partial by data has a number for each sample, and {by_data[0]} is data"
        if plan.mixed is not None:
            return f"{shortened(to_text(plan.mixed.part), _MOST_LETTERS)} {plan.mixed.why}"
        return None

    def effort(self, plan: Plan) -> KernelEffort:
        statistics = plan.statistics
        assert statistics is not None, "there is no obstacle"
        slots = statistics.about([0.0] * len(statistics.generators))
        return KernelEffort(
            f"the summand is a sum of {len(statistics.terms)} products of parameters and data: the data are read once",
            slots.operations, len(plan.combination([0.0] * len(statistics.generators), str).steps),
            "half an ulp of each number, and the radius of its ball: result.bounds", statistics.formulas,
        )  # fmt: skip

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        statistics = plan.statistics
        assert statistics is not None, "there is no obstacle"
        accumulator = statistics.about(statistics.centre(_part(columns, 0, BLOCK)))
        on_device = columns.device.type != "cpu" and accumulator.columns_alone
        record = accumulator.accumulate_on_device(columns.tensors) if on_device else _accumulated(accumulator, columns)
        return SummedKernel(plan, accumulator, record, columns)


def _part(columns: Columns, first: int, last: int) -> dict[str, np.ndarray]:
    """Rows of the columns, as arrays that the statistics take."""
    return {name: _rows(tensor, first, last) for name, tensor in columns.tensors.items()}


def _rows(column: Any, first: int, last: int) -> np.ndarray:
    if isinstance(column, StoredTensor):
        return column.kept(first, last)
    part = column[first:last].cpu()
    found: np.ndarray = (part.to(torch.float64) if part.dtype == torch.bfloat16 else part).numpy()
    return found


def _accumulated(accumulator: Accumulator, columns: Columns) -> BlockSums:
    step = columns.n if all(map(_as_it_is, columns.tensors.values())) else _ROWS
    starts = range(0, columns.n, step)
    reading = columns.files is not None
    return combine([
        accumulator.accumulate(_part(columns, i, i + step), min(step, columns.n - i), reading=reading) for i in starts
    ])  # fmt: skip


def _as_it_is(column: Any) -> bool:
    """Whether a column is in memory as sums are taken of it."""
    return isinstance(column, Tensor) and column.device.type == "cpu" and column.dtype != torch.bfloat16


class SummedKernel:
    """The loss by its sums; a call reads no data. The sums may come from anywhere: files, other processes."""

    def __init__(self, plan: Plan, accumulator: Accumulator, record: BlockSums, columns: Columns | None = None) -> None:
        self._plan = plan
        self.n = record.rows
        sums = accumulator.finish(record)
        self._check(accumulator, sums, columns)
        mean = plan.loss.reduction == "mean"
        with precision(_BITS):
            fixed = {_name(powers): _ball(one) / self.n if mean else _ball(one) for powers, one in sums.items()}
            fixed[_name((0,) * len(accumulator.centre))] = arb(1 if mean else self.n)
            fixed |= {f"#centre{place}": arb(c) for place, c in enumerate(accumulator.centre)}
            program = plan.combination(accumulator.centre, _name)
            self._program = StagedProgram(program, RunningMode(CASES, _given), fixed, plan.loss.parameters)  # type: ignore[arg-type]  # balls, as it reads them
            self._program.prepare()
        self._varying = [plan.loss.parameters.index(name) for name in self._program.varying]

    def _check(self, accumulator: Accumulator, sums: Mapping[Exponents, Total], columns: Columns | None) -> None:
        for powers, one in sums.items():
            if one.high != one.high:
                if columns is not None:
                    columns.check_finite()
                statistics = self._plan.statistics
                assert statistics is not None
                raise statistics.refused(powers, ", or give backend='blocked'")

    def __call__(self, at: Point) -> Evaluation:
        with precision(_BITS):
            balls = self._program([at[place] for place in self._varying])
        numbers = [float(ball.mid()) for ball in balls]
        value, gradient, hessian = collected(self._plan, numbers)
        return Evaluation(value, gradient, hessian, bounded=lambda: self._bounds(balls, numbers))

    def _bounds(self, balls: Sequence[arb], numbers: Sequence[float]) -> ErrorBounds:
        with precision(_BITS):
            errors = [
                float(abs(ball - number).upper()) * (1 + 2.0**-50) for ball, number in zip(balls, numbers, strict=True)
            ]
        return ErrorBounds(*collected(self._plan, [error if error == error else float("inf") for error in errors]))


def _ball(total: Total) -> arb:
    return arb(total.high) + arb(total.low) + arb(0, total.radius)


def _given(value: float | arb) -> arb:
    return value if isinstance(value, arb) else arb(value)


def _name(powers: Exponents) -> str:
    return "#sum" + ",".join(map(str, powers))


BACKEND = StatisticsBackend()
