"""Decimals are exact in the truth, and rounded once, to the dtype of the tensors they meet, in what runs."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest
import torch
from representatives import each_value, one_in, these

import diffexplore as dx
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch
from diffexplore.formula.parse import names_in

PI = "3.1415926535897932384626433832795028841971693993751"


def report_of(formula: str, point: dict[str, float], dtype: str, **options: object) -> dx.Report:
    return dx.check(dx.Loss(formula, parameters=names_in(formula)), at=point, dtype=dtype, **options)  # type: ignore[arg-type]


def reduced(report: dx.Report) -> dict[str, object]:
    return {row.method: row for row in report.rows if row.probe is None and row.sample is None}


def fl(number: Fraction | float, dtype: str) -> Fraction:
    return Fraction(torch.tensor(float(number), dtype=torch.float64).to(getattr(torch, dtype)).item())


@pytest.mark.parametrize(
    ("formula", "x", "dtype", "derivative"),
    [
        ("x**2*6.62607015e-34", 3, "float32", lambda x: 2 * x * Fraction("6.62607015e-34")),
        ("6.62607015e-34*x**2*1e34", 3, "float32", lambda x: 2 * x * Fraction("6.62607015")),
        ("3.14159265*x**2", 3, "float16", lambda x: 2 * x * Fraction("3.14159265")),
        ("3.14159265*x**2", 3, "bfloat16", lambda x: 2 * x * Fraction("3.14159265")),
        (f"{PI}*x**2", 3, "float32", lambda x: 2 * x * Fraction(PI)),
        (f"{PI}*x**2", 3, "float16", lambda x: 2 * x * Fraction(PI)),
        (f"x/{PI}", 3, "float32", lambda x: 1 / Fraction(PI)),
        ("x*123456789012345.67", 3, "float64", lambda x: Fraction("123456789012345.67")),
        ("x*0.50000000000000000000001", 3, "float64", lambda x: Fraction("0.50000000000000000000001")),
        ("x*132521403/100000000000000000", 3, "float32", lambda x: Fraction(132521403, 10**17)),
        ("x*65504", 0.5, "float16", lambda x: Fraction(65504)),
        ("x*2049", 0.5, "float16", lambda x: Fraction(2049)),
        ("x*1e-320*1e16", 3, "float64", lambda x: Fraction(1, 10**304)),
        ("x*0.1*0.1*0.1", 3, "float32", lambda x: Fraction(1, 1000)),
    ],
)
def test_the_truth_has_the_exact_decimal_and_the_methods_pass(formula, x, dtype, derivative) -> None:  # type: ignore[no-untyped-def]
    report = report_of(formula, {"x": x}, dtype)
    exact = derivative(fl(x, dtype))
    rows = reduced(report)
    assert rows["reverse"].truth is not None  # type: ignore[attr-defined]
    assert abs(Fraction(rows["reverse"].truth.mid) - exact) <= abs(exact) / 10**38  # type: ignore[attr-defined]
    assert all(row.verdict != "fail" for row in report.rows)
    for method in ("reverse", "symbolic"):
        assert abs(Fraction(rows[method].value) - exact) <= Fraction(rows[method].bound)  # type: ignore[attr-defined]
    assert report.verdict == "pass" or "1e-320" in formula  # a subnormal constant has lost digits


LOST = (
    ("x*1e-45", 3, "float32"), ("x*1e-46", 3, "float32"), ("x**2*6.62607015e-34", 3, "float16"), ("x*1e39", 3, "float32"),
    ("x*65520", 0.5, "float16"), ("x*1e320", 3, "float64"), ("x*1e-330", 3, "float64"), ("x*1e39", 3, "bfloat16"),
    ("x**2*100000000000000000000000000000000000000000", 1, "float32"), ("sin(x*1e-46)", 1, "float32"),
)  # fmt: skip


@pytest.mark.parametrize(("formula", "x", "dtype"), these([LOST[place] for place in (2, 5, 7, 9)], LOST))
def test_a_constant_beyond_the_dtype_decides_nothing(formula: str, x: float, dtype: str) -> None:
    report = report_of(formula, {"x": x}, dtype)
    assert report.verdict == "inconclusive"
    assert not [row for row in report.rows if row.verdict == "fail"]


@pytest.mark.parametrize(
    ("formula", "dtype"),
    one_in(8, [
        ("x*1e39*1e-39", "float32"), ("x*1e-39*1e39", "float32"), ("exp(x*1e-39)*1e38", "float32"),
        ("x**3/100000000000000000000000000000000000000000*1e41", "float32"), ("x + 6.6e-34*x", "float16"),
        ("x + 65520", "float16"), ("max(x, 1e39)", "float32"), ("where(x > 0, x, 1e39)", "float32"),
        ("where(x > 5, 1e39*x, x)", "float32"), ("min(1e39, x)", "float32"), ("1e39**x", "float32"),
        ("where(x < 1e39, x, 2*x)", "float32"), ("x**2.3", "float16"), ("x**0.1", "bfloat16"), ("2.3**x", "float16"),
        ("x**1.0000000001", "float32"), ("1e-45/x", "float32"), ("(x - 1e-45)*1e45", "float32"),
    ]),
)  # fmt: skip
def test_no_method_is_wrong_for_what_a_constant_loses(formula: str, dtype: str) -> None:
    report = report_of(formula, {"x": 0.75}, dtype)
    assert not [(row.method, row.value) for row in report.rows if row.verdict == "fail" and row.value is not None]


@pytest.mark.parametrize(
    ("relation", "dtype"),
    each_value((">", ">=", "<", "<=", "==", "!="), ("float64", "float32", "float16", "bfloat16")),
)
def test_a_comparison_with_a_decimal_is_open_at_its_rounded_value(relation: str, dtype: str) -> None:
    """Torch compares with the decimal rounded to the dtype, the truth with the decimal: no method is blamed for that."""
    report = report_of(f"where(x {relation} 0.1, x, 2*x)", {"x": 0.1}, dtype)
    truth = 1 if eval(f"x {relation} y", {"x": fl(0.1, dtype), "y": Fraction(1, 10)}) else 2
    rows = reduced(report)
    assert float(rows["reverse"].truth.mid) == truth  # type: ignore[attr-defined]
    assert report.verdict == "inconclusive"
    assert not [row for row in report.rows if row.verdict == "fail"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("steps", [-1, 1])
def test_one_ulp_beside_it_the_comparison_is_decided(steps: int, dtype: str) -> None:
    kind = getattr(torch, dtype)
    beside = torch.nextafter(torch.tensor(0.1, dtype=kind), torch.tensor(math.inf * steps, dtype=kind))
    beside = torch.nextafter(beside, torch.tensor(math.inf * steps, dtype=kind))
    report = report_of("where(x > 0.1, x, 2*x)", {"x": beside.item()}, dtype, methods=["reverse", "symbolic"])
    assert report.verdict == "pass"
    assert reduced(report)["reverse"].value == (1 if steps > 0 else 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_factor_of_data_by_the_data(dtype: str) -> None:
    """Its third derivative holds 174532925199³/10³⁹, which the complex step has to take in float32."""
    loss = dx.Loss("k*cos(t*0.0174532925199)", parameters="k", data="t")
    report = dx.check(loss, {"t": [1.0, 30.0, 90.0]}, at={"k": 1.5}, wrt=["t", "k"], dtype=dtype)
    assert report.verdict == "pass"
    sample = next(row for row in report.rows if row.parameter == "t" and row.sample == 1 and row.method == "reverse")
    angle = 30 * 0.0174532925199
    assert sample.value == pytest.approx(-1.5 * 0.0174532925199 * math.sin(angle), rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_right_code_with_a_decimal_is_not_called_zero(dtype: str) -> None:
    loss = dx.Loss("x**2*6.62607015e-34", parameters="x")
    report = dx.verify(lambda x: x**2 * 6.62607015e-34, loss, at={"x": 3.0}, dtype=dtype)
    assert report.verdict == ("pass" if dtype == "float32" else "inconclusive")
    report = dx.verify(lambda x: (x * 6.62607015e-34 * 2,), loss, at={"x": 3.0}, dtype=dtype, kind="gradient")
    assert report.verdict != "fail"


def test_a_lost_gradient_in_float32_is_still_found_wrong() -> None:
    loss = dx.Loss("x**2*6.62607015e-34", parameters="x")
    report = dx.verify(lambda x: (0 * x,), loss, at={"x": 3.0}, dtype="float32", kind="gradient")
    assert report.verdict == "fail"


@pytest.mark.parametrize(
    ("number", "dtype"),
    [("1e39", torch.float32), ("3.40282351e38", torch.float32), ("65520", torch.float16), ("1e-46", torch.float32), ("0.1", torch.float32),
     ("123456789012345.67", torch.float64), ("1e-330", torch.float64), ("0.1", torch.bfloat16)],
)  # fmt: skip
@pytest.mark.parametrize(
    "formula", ["x*{}", "x + {}", "x - {}", "{} - x", "x/{}", "{}/x", "1/max(x, {})", "1/({} + x)", "x**2*{}"]
)
def test_the_watched_value_is_within_its_bound_of_the_exact_one(formula: str, number: str, dtype: torch.dtype) -> None:
    program = dx.Loss(formula.format(number), parameters="x").written
    x, c = torch.tensor(0.75, dtype=dtype), Fraction(number)
    with Watch() as watch:
        (value,) = program.run(TORCH, {"x": x})
    exact = eval(formula.format("c"), {"x": Fraction(3, 4), "c": c, "max": max})
    radius = float(watch.radius(value))
    assert (
        math.isinf(radius)
        if math.isinf(value)
        else math.isinf(radius) or abs(Fraction(value.item()) - exact) <= Fraction(radius)
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("exponent", ["3.0001", "-2.0001", "-0.50001", "2.0001", "1.0001", "3", "-2", "2", "1", "0"])
def test_a_power_whose_exponent_is_rounded_to_another_one_stays_within_its_bound(exponent: str, dtype: str) -> None:
    """Torch multiplies three times for 3.0001, which is 3 in bfloat16, and rounds each product."""
    kind = getattr(torch, dtype)
    x = torch.linspace(0.3, 3.0, 101, dtype=torch.float64).to(kind)
    with Watch() as watch:
        (value,) = dx.Loss(f"x**{exponent}", parameters="x").written.run(TORCH, {"x": x})
    for argument, computed, radius in zip(x.tolist(), value.tolist(), watch.radius(value).tolist(), strict=True):
        exact = mpmath.mpf(argument) ** (mpmath.mpf(Fraction(exponent).numerator) / Fraction(exponent).denominator)
        assert abs(mpmath.mpf(computed) - exact) <= radius
