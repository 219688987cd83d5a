"""Sums over blocks: exact within their radius, and the same bits however the rows are shared out."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.kernels.block_sums import Total, combine
from diffexplore.kernels.slices import BLOCK
from diffexplore.kernels.statistics import Statistics, statistics_of

QUADRATIC = dx.Loss("(a*x + b*y + c)**2", parameters="a, b, c", data="x, y")
CUBIC = dx.Loss("(a*x + b*y)**3 + c", parameters="a, b, c", data="x, y")

COLUMNS = {
    "random": lambda draw, n: draw.normal(size=n),
    "offset": lambda draw, n: draw.uniform(0, 1, n) + 1e9,
    "wandering": lambda draw, n: np.linspace(1e9, 0, n) + draw.uniform(0, 1, n),
    "outliers": lambda draw, n: np.where(draw.uniform(size=n) < 1e-3, 1e25, 1e-3) * draw.normal(size=n),
    "tiny": lambda draw, n: draw.normal(size=n) * 1e-170,
    "whole": lambda draw, n: draw.integers(-1000, 1000, n).astype(float),
    "constant": lambda draw, n: np.full(n, 0.1),
    "zeros": lambda draw, n: np.zeros(n),
    "halves": lambda draw, n: draw.normal(size=n).astype(np.float32),
}  # fmt: skip


def columns(kind: str, n: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(8)
    return {"x": COLUMNS[kind](draw, n), "y": COLUMNS[kind](draw, n)}


def summed(
    statistics: Statistics, data: dict[str, np.ndarray], cuts: list[int]
) -> tuple[tuple[float, ...], dict[tuple[int, ...], Total]]:
    """The sums of parts that begin at ``cuts``, each added up by itself."""
    centre = statistics.centre({name: column[:BLOCK] for name, column in data.items()})
    accumulator = statistics.about(centre)
    parts = [accumulator.accumulate({name: column[i:j] for name, column in data.items()}) for i, j in pairwise(cuts)]
    return centre, accumulator.finish(combine(parts))


@pytest.mark.parametrize(
    ("loss", "kind", "n"),
    [*((loss, kind, n) for loss in (QUADRATIC, CUBIC) for kind in COLUMNS for n in (1, 300)), (CUBIC, "wandering", BLOCK + 5)],
    ids=lambda one: "" if isinstance(one, dx.Loss) else str(one),
)  # fmt: skip
def test_every_sum_lies_within_its_radius(loss: dx.Loss, kind: str, n: int) -> None:
    data = columns(kind, n)
    centre, sums = summed(statistics_of(loss), data, [0, n])
    exact = [[Fraction(float(x)) - Fraction(c) for x in data[name]] for name, c in zip(("x", "y"), centre, strict=True)]
    assert sums
    for powers, total in sums.items():
        truth = sum(prod(x**p for x, p in zip(row, powers, strict=True)) for row in zip(*exact, strict=True))
        assert abs(truth - Fraction(total.high) - Fraction(total.low)) <= Fraction(total.radius)
        largest = prod(float(max(map(abs, column))) ** p for column, p in zip(exact, powers, strict=True))
        assert total.radius <= 2.0**-60 * n * largest + 2.0**-800


@pytest.mark.parametrize("kind", COLUMNS)
def test_the_bits_do_not_depend_on_who_adds_up_which_rows(kind: str) -> None:
    data, n = columns(kind, 5 * BLOCK + 77), 5 * BLOCK + 77
    for loss in (QUADRATIC, CUBIC):
        statistics = statistics_of(loss)
        whole = summed(statistics, data, [0, n])
        for cuts in ([0, BLOCK, n], [0, 3 * BLOCK, 4 * BLOCK, n], [*range(0, n, BLOCK), n]):
            assert summed(statistics, data, cuts) == whole


def test_the_bits_do_not_depend_on_the_threads() -> None:
    data, at = columns("random", 60 * BLOCK), {"a": 0.3, "b": -0.7, "c": 1.1}
    threads = torch.get_num_threads()
    try:
        found = []
        for torch_threads in (1, 3):
            torch.set_num_threads(torch_threads)
            found.append(QUADRATIC.compile(backend="statistics", hessian=True)(at, data))
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e305])
@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK])
def test_a_number_that_is_none_leaves_no_sum(bad: float, place: int) -> None:
    data = columns("random", BLOCK + 10)
    data["y"][place] = bad
    _, sums = summed(statistics_of(QUADRATIC), data, [0, BLOCK + 10])
    assert np.isnan(sums[0, 1].high) and np.isnan(sums[0, 2].high) and np.isnan(sums[1, 1].high)
    assert np.isfinite(sums[2, 0].high)


def test_whole_numbers_are_added_up_without_error() -> None:
    data = columns("whole", 3 * BLOCK)
    _, sums = summed(statistics_of(QUADRATIC), data, [0, 3 * BLOCK])
    assert sums[1, 1].high == int(data["x"].astype(int) @ data["y"].astype(int))
    assert sums[1, 1].low == 0 and sums[1, 1].radius < 2.0**-200


def test_a_fit_reads_many_samples_once_and_says_so() -> None:
    draw = np.random.default_rng(3)
    x = draw.uniform(0, 10, 100_000)
    data = {"x": x, "y": 2 * x + draw.uniform(0, 1, 100_000)}
    fit = dx.fit("squared_error", data, lr=0.01, steps=30, methods="symbolic")
    (finding,) = [one for one in fit.explanation if one.key == "sums"]
    assert finding.sentence.startswith("symbolic in float64 reads the data once, and then goes by 5 sums: mean(x), ")
    few = dx.fit("squared_error", {name: column[:100] for name, column in data.items()}, steps=3)
    assert not [one for one in few.explanation if one.key == "sums"]
    beside = dx.fit("squared_error", data, lr=0.01, steps=30, methods="reverse")
    assert fit.run.last.loss == pytest.approx(beside.run.last.loss, rel=1e-12)


@pytest.mark.parametrize(("kind", "n"), each_value(list(COLUMNS), [300, BLOCK, 2 * BLOCK + 5]))
def test_sums_on_a_device_are_those_of_the_host(kind: str, n: int) -> None:
    data = columns(kind, n)
    statistics = statistics_of(QUADRATIC)
    accumulator = statistics.about(statistics.centre({name: column[:BLOCK] for name, column in data.items()}))
    tensors = {name: torch.as_tensor(column) for name, column in data.items()}
    there = accumulator.finish(accumulator.accumulate_on_device(tensors))
    here = accumulator.finish(accumulator.accumulate(data))
    for powers, total in here.items():
        other = there[powers]
        apart = Fraction(total.high) + Fraction(total.low) - Fraction(other.high) - Fraction(other.low)
        assert abs(apart) <= Fraction(total.radius) + Fraction(other.radius)
        assert other.radius <= 2 * total.radius + 2.0**-800
        assert kind not in ("whole", "zeros") or other.high == total.high


def test_sums_on_a_device_that_are_none() -> None:
    data = columns("random", BLOCK + 10)
    data["y"][3], data["x"][BLOCK] = np.nan, 1e305
    tensors = {name: torch.as_tensor(column) for name, column in data.items()}
    accumulator = statistics_of(QUADRATIC).about((0.0, 0.0))
    found = accumulator.finish(accumulator.accumulate_on_device(tensors))
    assert all(np.isnan(total.high) for total in found.values())


def test_a_fit_names_the_sum_that_overflows() -> None:
    data = columns("random", 100_000)
    data["x"][7] = 1e200
    with pytest.raises(
        dx.UsageError, match=r"^the sum of x² over the data is beyond double precision: scale the data$"
    ):
        dx.fit("squared_error", data, dtype="float64", lr=0.01, steps=3)
