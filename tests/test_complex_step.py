"""The complex step: as good as exact where a loss is analytic, and skipped, with the reason, where it is not."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from flint import acb
from matrix import HALF
from representatives import slow

from diffexplore import Loss, check
from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.complex_balls import OPERATIONS, ComplexBall
from diffexplore.checking.records import Report, Row


def run(formula: str, at: float, dtype: str = "float64") -> Report:
    return check(Loss(formula, parameters="a"), at={"a": at}, methods="complex_step, symbolic", dtype=dtype)


def reduced(report: Report) -> Row:
    return next(row for row in report.rows if row.method == "complex_step" and row.sample is None and row.probe is None)


def skip_reason(report: Report) -> str:
    assert all(row.method != "complex_step" for row in report.rows)
    (skipped,) = (skip for skip in report.skipped if skip.method == "complex_step")
    return skipped.reason


@pytest.mark.parametrize("dtype", ["float64", slow("float32")])
@pytest.mark.parametrize(
    ("formula", "at"),
    [
        ("exp(a)", 0.75), ("sin(a)*cos(2*a)", 1.25), ("tan(a)", -0.5), ("log(a)", 2.5), ("sqrt(a)", 0.3), ("1/a", -3.0),
        ("sinh(a) + cosh(a)", 0.8), ("tanh(a)", 0.6), ("sigmoid(a)", -1.5), ("softplus(a)", 2.0), ("log1p(a)", 0.4),
        ("expm1(a)", 0.9), ("a**pi", 1.7), ("2**a", 1.3), ("exp(-a**2)/(1 + a**2)", 0.7), ("a**5 - 3*a**2", 1.6),
    ],
)  # fmt: skip
def test_exact_to_ulps_where_analytic(formula: str, at: float, dtype: str) -> None:
    """No difference of nearly equal numbers: the error is that of a handful of roundings, as for an exact method."""
    row = reduced(run(formula, at, dtype))
    assert row.verdict == "pass"
    assert row.error_ulp is not None and row.error_ulp <= 16
    assert row.value is not None and row.truth is not None and row.bound is not None
    assert abs(Fraction(row.value) - Fraction(row.truth.mid)) - Fraction(row.truth.rad) <= Fraction(row.bound)
    unit = 2.0**-53 if dtype == "float64" else 2.0**-24
    assert row.smallest_detectable is not None and row.smallest_detectable <= 2000 * unit


@pytest.mark.parametrize("power", [2, 3, 4, 5, 8, 13, -1, -2, -3, -4])
@pytest.mark.parametrize("z", [-2.0, -0.5, 2.0])
def test_integer_powers_of_negative_numbers(z: float, power: int) -> None:
    """By products: torch's own complex power is off by a factor of 24,000 for z⁴ at z = -2."""
    row = reduced(run(f"a**({power})", z))
    assert row.verdict == "pass"
    assert row.value == pytest.approx(power * z ** (power - 1), rel=1e-14)


@pytest.mark.parametrize(
    ("formula", "named"),
    [
        ("abs(a)", "abs"), ("max(a, 1)", "max"), ("min(a, 1)", "min"), ("sign(a)*a", "sign"), ("relu(a)", "max"),
        ("heaviside(a)*a", "heaviside"), ("where(a < 1, a, a**2)", "where"),
    ],
)  # fmt: skip
def test_what_is_not_analytic_is_skipped(formula: str, named: str) -> None:
    reason = skip_reason(run(formula, 0.5))
    assert reason.startswith("the loss is not analytic: ")
    assert named in reason


@pytest.mark.parametrize("function", ["erf", "erfc", "lgamma", "digamma"])
def test_what_has_no_complex_kernel_is_skipped(function: str) -> None:
    assert skip_reason(run(f"{function}(a)", 0.5)) == f"no complex kernel with a known error: {function}"


@pytest.mark.parametrize("formula", ["log(a)", "sqrt(a)", "log1p(a - 1)", "a**pi"])
def test_outside_its_domain_nothing_is_concluded(formula: str) -> None:
    """Complex kernels return finite numbers there; the real function has no derivative."""
    report = run(formula, -1.5)
    row = reduced(report)
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert report.verdict == "inconclusive"


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_has_no_complex_arithmetic(dtype: str) -> None:
    assert skip_reason(run("exp(a)", 0.5, dtype)) == f"torch has no complex arithmetic for {dtype}"


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_a_logarithm_near_the_unit_circle_stays_within_its_radii(dtype: torch.dtype) -> None:
    """There log|z| is far smaller than what a kernel rounds, which is relative to 1."""
    angles = torch.linspace(-1.5, 1.5, 400, dtype=torch.float64)
    sizes = 1 + torch.linspace(-3e-7, 3e-7, 400, dtype=torch.float64).flip(0)
    z = torch.polar(sizes, angles).to(dtype)
    zero = torch.zeros(400, dtype=torch.float64)
    out = OPERATIONS["log"](ComplexBall(z, zero, zero))
    of_modulus = z.abs().log().double()  # as a GPU computes the real part
    with precision(200):
        for argument, value, gpu, real, imag in zip(
            z, out.value, of_modulus, out.real_radius, out.imag_radius, strict=True
        ):
            true = acb(complex(argument)).log()
            assert abs(true.real - complex(value).real) <= float(real)
            assert abs(true.real - float(gpu)) <= float(real)
            assert abs(true.imag - complex(value).imag) <= float(imag)
    assert float(out.real_radius.max()) < 1e3 * torch.finfo(dtype).eps


def test_a_third_derivative_without_a_complex_kernel_is_an_obstacle() -> None:
    """(a²)^¾ is |a|^1.5 to SymPy: its third derivative bounds the truncation."""
    report = run("(a**2)**0.75", 2.0)
    assert report.verdict == "pass"
    assert skip_reason(report).startswith(
        "its truncation error is not bounded: the third derivative in a has abs, sign, "
    )


@pytest.mark.parametrize("at", [3e-31, 6.6e-34, 2e-70, 0.7, 5e40])
def test_the_step_is_small_beside_the_number_in_whatever_units(at: float) -> None:
    assert reduced(run(f"sin(a*{1 / at!r})", at)).verdict == "pass"
