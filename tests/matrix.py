"""The one matrix of the tests: losses of the catalogue × methods × dtypes × devices, and what each combination gives.

A cell is checked once and kept, whatever number of tests look at it. Batches are thinned to a few samples, which
makes every cell cheap; the slow tests take the whole of the default data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from diffexplore import losses, methods
from diffexplore.checking.batch import make_batch
from diffexplore.checking.records import Report, Row
from diffexplore.checking.run import run_check
from diffexplore.inputs.points import make_points

LOSSES = losses.names()
METHODS = methods.names()
DTYPES = ("float64", "float32", "bfloat16", "float16")
HALF = ("bfloat16", "float16")
DEVICES = ("cpu", "cuda")
SAMPLES = 6

#: Unit roundoff of each dtype.
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}

#: Losses that others stand for each time: distances in more than two parameters, squares, and what has a kink beside them.
LIKE_OTHERS = ("line_distance_squared", "hyperplane", "squared_error", "huber")

#: Losses that are not analytic.
KINKED = ("line_distance", "hyperplane", "absolute_error", "huber")


@dataclass(frozen=True)
class Cell:
    """One check of the matrix; it runs all methods."""

    loss: str
    dtype: str
    device: str
    whole: bool = False  # the whole of the default data at all default points

    def __str__(self) -> str:
        return f"{self.loss}-{self.dtype}-{self.device}"


def cells(dtypes: Iterable[str] = DTYPES, devices: Iterable[str] = DEVICES) -> list[Any]:
    """Every loss, dtype and device, as parameters of a test."""
    found = [Cell(loss, dtype, device) for device, loss, dtype in itertools.product(devices, LOSSES, dtypes)]
    return [pytest.param(cell, id=str(cell), marks=_marks(cell)) for cell in found]


def _marks(cell: Cell) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.gpu] if cell.device == "cuda" else []
    return [*marks, pytest.mark.slow] if cell.device == "cpu" and not _runs_each_time(cell) else marks


def _runs_each_time(cell: Cell) -> bool:
    """Most losses in one dtype, in turn: float32 each second time, float64, a half precision."""
    place = LOSSES.index(cell.loss)
    half = HALF[place // 4 % 2 - 1]
    dtype = ("float64", "float32", half, "float32")[place % 4]
    return cell.loss not in LIKE_OTHERS and bool(cell.dtype == dtype)


def expected_skip(loss: str, method: str, dtype: str) -> str | None:
    """A part of the reason for which a method cannot run on a cell, or None where it can."""
    if method == "numpy" and dtype == "bfloat16":
        return "NumPy has no bfloat16"
    if method == "complex_step" and dtype in HALF:
        return f"torch has no complex arithmetic for {dtype}"
    if method == "complex_step" and loss in KINKED:
        return "the loss is not analytic: abs"
    return None


@dataclass
class Recorder:
    """A listener that keeps every row and every mark of progress."""

    wants_rows: bool = True
    rows: list[Row] = field(default_factory=list)
    marks: list[tuple[str, int, int]] = field(default_factory=list)

    def progress(self, stage: str, done: int, total: int) -> None:
        self.marks.append((stage, done, total))

    def row(self, row: Row) -> None:
        self.rows.append(row)


@cache
def checked(cell: Cell) -> tuple[Report, tuple[Row, ...]]:
    """The report of a cell, and the rows of all its samples."""
    loss = losses.get(cell.loss)
    points = make_points(loss, None)
    data = None if cell.whole else few_samples(cell.loss)
    if not cell.whole and cell.dtype != "float64":
        points = points[-1:]  # one dtype takes them all: probes make the half precisions slow
    recorder = Recorder()
    report = run_check(loss, make_batch(loss, data), points, dtype=cell.dtype, device=cell.device, listener=recorder)
    return report, tuple(recorder.rows)


def few_samples(loss: str, count: int = SAMPLES) -> dict[str, list[float]]:
    """The default data of a loss, thinned to ``count`` samples across its range."""
    columns = losses.get(loss).default_data()
    n = len(next(iter(columns.values())))
    return {name: list(column[:: n // count])[:count] for name, column in columns.items()}
