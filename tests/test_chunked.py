"""Batches that do not fit in memory: the reduced partials in chunks, under a name that says so, and judged as others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from matrix import DTYPES
from representatives import each_value

from diffexplore import Loss, check
from diffexplore.checking.records import Report, Row
from diffexplore.methods._difference import CENTRAL
from diffexplore.methods.base import Estimate
from diffexplore.methods.numpy_evaluation import NumpyEvaluation
from diffexplore.methods.reverse import Reverse

NAME = "reverse (chunked, float64 accumulate)"
N = 103
LIMIT = 30
FITTING = [25, 25, 25, 25, 3]  # 103, 51 and 51 / 2 samples are tried

GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "80000000000 bytes. Error code 12 (Cannot allocate memory)"
)
WINDOWS = RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 80000000000 bytes.")


def line(reduction: str) -> Loss:
    return Loss("(a*x - y + b)**2", parameters="a, b", data="x, y", reduction=reduction)


def data() -> dict[str, list[float]]:
    generator = np.random.default_rng(3)
    x = generator.uniform(0, 2, N)
    return {"x": x.tolist(), "y": (1.5 * x + generator.normal(size=N)).tolist()}


def run(reduction: str, dtype: str = "float64", methods: Any = ("reverse", "symbolic")) -> Report:
    return check(line(reduction), data(), {"a": 0.75, "b": 2.5}, methods=methods, dtype=dtype, device="cpu")


def short_of_memory(
    monkeypatch: pytest.MonkeyPatch, *, method: type = Reverse, error: BaseException = GPU, limit: int = LIMIT,
    spoil: Callable[[int, Estimate], Estimate] = lambda call, estimate: estimate,
) -> list[int]:  # fmt: skip
    """Lets a method refuse more samples than fit; returns the sizes of the calls that it answered."""
    honest = method.reduced
    sizes: list[int] = []

    def reduced(self: Any, problem: Any, values: Any, n: int) -> dict[str, Estimate]:
        if n > limit:
            raise error
        sizes.append(n)
        return {name: spoil(len(sizes), estimate) for name, estimate in honest(self, problem, values, n).items()}

    monkeypatch.setattr(method, "reduced", reduced)
    return sizes


def reduced_rows(report: Report, method: str) -> list[Row]:
    return [row for row in report.rows if row.method == method and row.sample is None and row.probe is None]


@pytest.mark.parametrize(("reduction", "dtype"), each_value(["mean", "sum"], DTYPES))
def test_a_batch_that_does_not_fit_is_taken_in_chunks(
    monkeypatch: pytest.MonkeyPatch, reduction: str, dtype: str
) -> None:
    whole = run(reduction, dtype)
    sizes = short_of_memory(monkeypatch)
    report = run(reduction, dtype)
    assert sizes[:5] == FITTING
    assert report.verdict == whole.verdict == "pass"
    assert report.skipped == ()
    assert reduced_rows(report, "reverse") == []
    rows = reduced_rows(report, NAME)
    assert [row.parameter for row in rows] == ["a", "b"]
    for row, one_call in zip(rows, reduced_rows(whole, "reverse"), strict=True):
        assert row.verdict == "pass"
        assert row.value is not None and row.bound is not None and row.truth is not None
        assert row.truth == one_call.truth
        error = abs(Fraction(row.value) - Fraction(row.truth.mid)) - Fraction(row.truth.rad)
        assert error <= Fraction(row.bound)
        # No looser than one call by more than the shorter sums and one more rounding of each chunk explain.
        assert one_call.bound is not None
        assert row.bound <= 2 * one_call.bound
    # What is by sample runs as before.
    assert {row.method for row in report.rows if row.sample is not None} == {"reverse", "symbolic"}
    tallies = {(tally.method, tally.kind): tally for tally in report.summary.tallies if tally.parameter == "a"}
    assert tallies[NAME, "reduced"].passed == 1
    assert ("reverse", "reduced") not in tallies
    assert tallies["reverse", "samples"].passed == N


def test_a_chunked_row_settles_its_partial(monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch)
    report = run("mean", methods="reverse")
    assert report.verdict == "pass"
    assert report.summary.undecided == ()
    powers = {row.parameter: row.smallest_detectable for row in reduced_rows(report, NAME)}
    assert report.summary.power == powers


@pytest.mark.parametrize(
    ("dtype", "reduction", "call"),
    each_value(["float64", "float32"], ["mean", "sum"], range(1, len(FITTING) + 1)),
)
def test_an_error_in_one_chunk_fails(monkeypatch: pytest.MonkeyPatch, dtype: str, reduction: str, call: int) -> None:
    def spoil(this: int, estimate: Estimate) -> Estimate:
        return Estimate(estimate.value * (1.001 if this == call else 1), estimate.bound)

    short_of_memory(monkeypatch, spoil=spoil)
    report = run(reduction, dtype, methods="reverse")
    assert report.verdict == "fail"
    assert {row.verdict for row in reduced_rows(report, NAME)} == {"fail"}


def test_a_chunk_left_out_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, spoil=lambda call, e: Estimate(e.value * (call != 5), e.bound))
    assert {row.verdict for row in reduced_rows(run("sum", methods="reverse"), NAME)} == {"fail"}


def test_a_chunk_without_a_bound_leaves_the_row_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(call: int, estimate: Estimate) -> Estimate:
        return Estimate(estimate.value, estimate.bound * np.inf, "of an unknown kernel") if call == 2 else estimate

    short_of_memory(monkeypatch, spoil=spoil)
    rows = reduced_rows(run("mean", methods="reverse"), NAME)
    assert {row.verdict for row in rows} == {"inconclusive"}
    for row in rows:
        assert row.cause is not None
        assert row.cause.key == "no_bound"
        assert "of an unknown kernel" in row.cause.message


@pytest.mark.parametrize("error", [GPU, CPU, WINDOWS, MemoryError()], ids=["gpu", "cpu", "windows", "python"])
def test_every_error_of_memory_is_known(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    short_of_memory(monkeypatch, error=error)
    assert len(reduced_rows(run("mean", methods="reverse"), NAME)) == 2


@pytest.mark.parametrize("error", [GPU, CPU, WINDOWS, MemoryError()], ids=["gpu", "cpu", "windows", "python"])
def test_where_no_sample_fits_the_method_is_skipped(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    short_of_memory(monkeypatch, error=error, limit=0)
    report = run("mean")
    (skipped,) = report.skipped
    assert skipped.method == "reverse"
    assert "memory" in skipped.reason
    assert "\n" not in skipped.reason
    assert {row.method for row in report.rows} == {"symbolic"}


@pytest.mark.parametrize("error", [RuntimeError('"sin" not implemented for Half'), NotImplementedError("no kernel")])
def test_other_errors_still_skip_the_method(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    assert short_of_memory(monkeypatch, error=error) == []
    report = run("mean")
    assert [(skip.method, skip.reason) for skip in report.skipped] == [("reverse", f"torch refuses: {error}")]
    assert {row.method for row in report.rows} == {"symbolic"}


def test_another_error_in_a_chunk_skips_the_method_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(call: int, estimate: Estimate) -> Estimate:
        raise RuntimeError("a device-side assert was triggered")

    short_of_memory(monkeypatch, spoil=spoil)
    assert [skip.reason for skip in run("mean").skipped] == ["torch refuses: a device-side assert was triggered"]


@pytest.mark.parametrize(("method", "name"), [(NumpyEvaluation, "numpy"), (type(CENTRAL), "central_difference")])
def test_other_methods_in_chunks(monkeypatch: pytest.MonkeyPatch, method: type, name: str) -> None:
    """Differences too: each chunk has a step and a truncation of its own."""
    short_of_memory(monkeypatch, method=method)
    rows = reduced_rows(run("sum", methods=f"{name}, reverse"), f"{name} (chunked, float64 accumulate)")
    assert [row.verdict for row in rows] == ["pass", "pass"]


def test_the_report_shows_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch)
    report = run("mean")
    assert NAME in {row["method"] for row in report.to_dict()["rows"]}
    assert f"  {NAME} " in str(report)
