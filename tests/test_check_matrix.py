"""Every loss of the catalogue, by every method, in every dtype, on every device: right gradients, and nothing hidden."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from matrix import DTYPES, HALF, LOSSES, METHODS, SAMPLES, UNIT, Cell, cells, checked, expected_skip, few_samples
from reference import evaluate
from representatives import one_in

from diffexplore import losses
from diffexplore.checking.records import Row

#: The methods that alone may settle a partial: nothing but rounding parts them from the truth.
EXACT = ("symbolic", "symbolic_raw", "reverse", "forward", "vmap", "numpy")


def by_method() -> list[object]:
    return [
        pytest.param(*parameter.values, method, id=f"{parameter.id}-{method}", marks=parameter.marks)
        for parameter in cells()
        for method in METHODS
    ]


def error_of(row: Row) -> Fraction:
    """|value - truth| as an exact fraction, the least that the enclosure allows."""
    assert row.value is not None
    assert row.truth is not None
    return abs(Fraction(row.value) - Fraction(row.truth.mid)) - Fraction(row.truth.rad)


@pytest.mark.parametrize(("cell", "method"), by_method())
def test_method_agrees_with_the_truth(cell: Cell, method: str) -> None:
    report, streamed = checked(cell)
    reason = expected_skip(cell.loss, method, cell.dtype)
    rows = [row for row in streamed if row.method == method]
    if reason is not None:
        assert not rows
        assert [skip.reason for skip in report.skipped if skip.method == method] != []
        assert all(reason in skip.reason for skip in report.skipped if skip.method == method)
        return
    assert all(skip.method != method for skip in report.skipped)
    assert [row for row in rows if row.verdict == "fail"] == []
    compared = [row for row in rows if row.bound is not None and row.value is not None and row.truth is not None]
    assert compared
    for row in compared:
        # Without the judge: exact fractions, from what the row states.
        assert row.bound is not None
        assert error_of(row) <= Fraction(row.bound), row


@pytest.mark.parametrize("cell", cells())
def test_reduced_and_samples_are_all_there(cell: Cell) -> None:
    report, streamed = checked(cell)
    loss = losses.get(cell.loss)
    points = {tuple(row.point.items()) for row in streamed if row.probe is None}
    running = set(METHODS) - {skip.method for skip in report.skipped}
    reduced = {
        (row.parameter, row.method, tuple(row.point.items()))
        for row in report.rows
        if row.sample is None and row.probe is None
    }
    assert reduced == {(name, method, at) for name in loss.parameters for method in running for at in points}
    names = loss.parameters or loss.data
    samples = {
        (row.parameter, row.method, tuple(row.point.items()), row.sample) for row in streamed if row.sample is not None
    }
    assert samples == {
        (name, method, at, i) for name in names for method in running for at in points for i in range(report.n)
    }
    assert report.n == SAMPLES


@pytest.mark.parametrize("cell", cells(("float64", "float32")))
def test_wide_dtypes_pass_with_power(cell: Cell) -> None:
    report, streamed = checked(cell)
    assert report.verdict == "pass"
    exact = [row for row in streamed if row.sample is None and row.probe is None and row.method in EXACT]
    powers = [row.smallest_detectable for row in exact if row.verdict == "pass" and row.smallest_detectable is not None]
    assert len(powers) >= len(exact) * 3 // 4
    assert all(power < 1 for power in powers)
    # Dozens of roundings, amplified some hundred times.
    assert not powers or min(powers) <= 1e4 * UNIT[cell.dtype]


@pytest.mark.parametrize("cell", cells(HALF))
def test_half_precisions_are_honest(cell: Cell) -> None:
    report, streamed = checked(cell)
    assert report.verdict in ("pass", "inconclusive")
    assert any(row.verdict == "pass" for row in streamed)
    for row in streamed:
        if row.verdict == "inconclusive":
            assert row.cause is not None
            assert row.cause.key in ("no_power", "no_bound", "kink", "step", "overflow", "outside_domain")


@pytest.mark.parametrize("cell", cells(devices=("cpu",)))
def test_truth_encloses_mpmath(cell: Cell) -> None:
    """The truths of all samples and of the reduced partials, against 300 bits at the floats of the dtype."""
    _, streamed = checked(cell)
    loss = losses.get(cell.loss)
    raw = loss.gradient(loss.parameters or loss.data).raw
    columns = few_samples(cell.loss)
    dtype = getattr(torch, cell.dtype)
    rounded = {name: torch.tensor(column, dtype=torch.float64).to(dtype).tolist() for name, column in columns.items()}
    looked_at = 0
    for row in streamed:
        if row.method != "symbolic" or row.probe is not None or row.truth is None:
            continue
        if row.verdict == "inconclusive" and row.cause is not None and row.cause.key == "kink":
            continue
        at = {name: float(torch.tensor(value, dtype=torch.float64).to(dtype)) for name, value in row.point.items()}
        which = range(SAMPLES) if row.sample is None else [row.sample]
        with mpmath.workprec(300):
            values = [
                evaluate(raw[row.parameter], {**at, **{name: column[i] for name, column in rounded.items()}}, 300)
                for i in which
            ]
            exact = mpmath.fsum(values)
            if row.sample is None and loss.reduction == "mean":
                exact /= len(values)
            slack = abs(exact) * mpmath.mpf(2) ** -280
            assert abs(exact - mpmath.mpf(row.truth.mid)) <= mpmath.mpf(row.truth.rad) + slack, row
        looked_at += 1
    assert looked_at >= SAMPLES


@pytest.mark.parametrize("dtype", one_in(4, DTYPES))
def test_partials_with_respect_to_data(dtype: str) -> None:
    from diffexplore import check

    report = check("perpendicular", few_samples("perpendicular"), {"a": 1.5, "b": -0.5}, wrt="x, a", dtype=dtype)
    assert report.verdict == "pass"
    assert {row.sample is None for row in report.rows if row.parameter == "a"} == {True, False}
    assert {row.sample is None for row in report.rows if row.parameter == "x"} == {False}
    assert set(report.gradient) == {"x", "a"}


def test_the_value_is_the_dtypes_own() -> None:
    """A float32 row holds a float32 number: nothing was computed wider and passed off."""
    _, streamed = checked(Cell("softplus", "float32", "cpu"))
    torch_rows = [row for row in streamed if row.method in EXACT and row.value is not None]
    assert torch_rows
    assert all(float(np.float32(row.value)) == row.value for row in torch_rows)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_whole_default_data(loss: str, dtype: str) -> None:
    report, streamed = checked(Cell(loss, dtype, "cpu", whole=True))
    assert report.summary.failed == 0
    assert report.verdict == "pass"
    assert all(
        error_of(row) <= Fraction(row.bound)
        for row in streamed
        if row.truth and row.bound is not None and row.value is not None
    )


def test_default_power_on_the_notebooks_data() -> None:
    """At both default points, float64: symbolic and reverse would reveal 1e-11, central differences 1e-7."""
    from diffexplore import check

    report = check("perpendicular", methods=["symbolic", "reverse", "central_difference"])
    reduced = [row for row in report.rows if row.sample is None and row.probe is None]
    assert len(reduced) == 12
    for row in reduced:
        allowed = 1e-7 if row.method == "central_difference" else 1e-11
        assert row.verdict == "pass"
        assert math.isfinite(row.smallest_detectable or math.nan)
        assert row.smallest_detectable is not None
        assert row.smallest_detectable <= allowed, row
