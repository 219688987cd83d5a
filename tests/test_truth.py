"""The truth encloses the exact partial, and says what it does not know: singularities, kinks, overflow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import formulas
import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import evaluate
from truth_helpers import distance, find, one

from diffexplore import Loss, UsageError, check
from diffexplore.checking.enclosures import Status
from diffexplore.checking.records import Row
from diffexplore.checking.truth import decimal
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse

values = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 0.1]),
    st.floats(-4, 4),
    st.floats(-1e6, 1e6),
    st.floats(allow_nan=False, allow_infinity=False),
)


# ------------------------------------------------------------------------------------------------------- enclosures
@settings(max_examples=150)
@given(text=formulas.texts, at=st.fixed_dictionaries(dict.fromkeys(formulas.SYMBOLS, values)))
def test_every_finite_truth_encloses_a_thousand_bits(text: str, at: dict[str, float]) -> None:
    try:
        loss = parse(text)
    except UsageError:
        assume(False)
    partial = differentiate(loss, sympy.Symbol("x", real=True))
    assume(not partial.has(sympy.Derivative, sympy.Subs))
    (enclosure,) = find([partial], loss, [at])
    if enclosure.status[0] not in (Status.RESOLVED, Status.UNRESOLVED):
        return
    exact = exactly(partial, at)
    assert mpmath.isfinite(exact)
    assert mpmath.im(exact) == 0
    assert distance(enclosure, exact) <= mpmath.mpf(float(enclosure.radius[0])) + abs(exact) * mpmath.mpf(2) ** -600
    if enclosure.status[0] == Status.RESOLVED:
        assert enclosure.radius[0] <= 2.0**-53 * abs(enclosure.high[0]) + 2.0**-1070


def exactly(partial: sympy.Expr, at: Mapping[str, float]) -> Any:
    """mpmath at two precisions, until they agree: cancellation may eat more than a thousand bits."""
    for bits in (1000, 4000, 16000):
        try:
            value, check_value = evaluate(partial, at, bits), evaluate(partial, at, 2 * bits)
        except (OverflowError, ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence):
            assume(False)
        with mpmath.workprec(2 * bits):
            if value == check_value or abs(value - check_value) <= abs(check_value) * mpmath.mpf(2) ** -700:
                return check_value
    return assume(False)


@pytest.mark.parametrize(
    ("formula", "at"),
    [
        ("(a*x - 1)**3/(x**2 + 1)", {"a": 1e8, "x": 1.00000001e-8}),  # cancels
        ("exp(-x**2)", {"x": 26.0}),  # tiny
        ("log(1 + x)", {"x": 1e-300}),
        ("erfc(x)", {"x": 20.0}),
        ("sin(x)", {"x": 1e300}),  # 1,000 bits of pi
        ("lgamma(x)", {"x": 1e-5}),
        ("x**a", {"x": 1e-200, "a": 1.5}),
        ("sqrt(x)", {"x": 5e-324}),
        ("tanh(x)", {"x": 300.0}),  # subnormal slopes
    ],
)
def test_hard_points_are_resolved(formula: str, at: dict[str, float]) -> None:
    enclosure, partial = one(formula, at)
    assert enclosure.status[0] == Status.RESOLVED
    exact = evaluate(partial, at, 1500)
    assert distance(enclosure, exact) <= mpmath.mpf(float(enclosure.radius[0]))
    assert enclosure.radius[0] <= 2.0**-60 * abs(enclosure.high[0]) + 2.0**-1072


def test_decimals_of_a_formula_are_exact_and_data_is_binary() -> None:
    """d/dx of 0.1·x is the fraction 1/10; d/dx of x²/2 is the double 0.1, not 1/10."""
    tenth, _ = one("0.1*x", {"x": 1.0})
    assert abs(Fraction(float(tenth.high[0])) + Fraction(float(tenth.low[0])) - Fraction(1, 10)) <= 2.0**-100
    double, _ = one("x**2/2", {"x": 0.1})
    assert Fraction(float(double.high[0])) + Fraction(float(double.low[0])) == Fraction(0.1)
    assert double.radius[0] == 0


def test_reference_and_differentiation_agree() -> None:
    """The reference differentiates not at all: here mpmath does, numerically, at 80 digits."""
    for formula in (
        "x**3*exp(-x)",
        "log(cosh(a*x))/(1 + x**2)",
        "erf(x)*gamma(1 + x**2)",
        "atan2(x, a)",
        "softplus(a*x)",
    ):
        loss = parse(formula)
        partial = differentiate(loss, sympy.Symbol("x", real=True))
        with mpmath.workdps(80):
            slope = mpmath.diff(lambda x, loss=loss: evaluate(loss, {"x": x, "a": 0.75}, 1000), mpmath.mpf("0.625"))
        exact = evaluate(partial, {"x": 0.625, "a": 0.75})
        assert abs(slope - exact) < mpmath.mpf(10) ** -50


# --------------------------------------------------------------------------------------------------------- statuses
@pytest.mark.parametrize("at", [{"x": 2.0, "y": 2.0}, {"x": -0.1, "y": -0.1}])
def test_an_exact_zero_is_exactly_zero(at: dict[str, float]) -> None:
    enclosure, _ = one("(x - y)**2", at)
    assert (enclosure.high[0], enclosure.low[0], enclosure.radius[0]) == (0.0, 0.0, 0.0)
    assert enclosure.status[0] == Status.RESOLVED


@pytest.mark.parametrize(
    ("formula", "at", "status"),
    [
        ("abs(x)", {"x": 0.0}, Status.KINK),
        ("max(x, 2*x)", {"x": 0.0}, Status.KINK),
        ("relu(x - 1)", {"x": 1.0}, Status.KINK),
        ("where(x > 1, 2*x, x + 1)", {"x": 1.0}, Status.KINK),
        ("where(x > 1, x + 1, x)", {"x": 1.0}, Status.KINK),  # equal slopes, but a jump
        ("sign(x)", {"x": 0.0}, Status.KINK),
        ("heaviside(x)*3", {"x": 0.0}, Status.KINK),
        ("1/x", {"x": 0.0}, Status.UNDEFINED),
        ("log(x)", {"x": 0.0}, Status.UNDEFINED),
        ("log(x)", {"x": -1.0}, Status.UNDEFINED),
        ("sqrt(x)", {"x": 0.0}, Status.UNDEFINED),
        ("sqrt(x)", {"x": -2.0}, Status.UNDEFINED),
        ("asin(x)", {"x": 1.0}, Status.UNDEFINED),
        ("asin(x)", {"x": 1.5}, Status.UNDEFINED),
        ("atan2(x, y)", {"x": 0.0, "y": 0.0}, Status.UNDEFINED),
        ("gamma(x)", {"x": -2.0}, Status.UNDEFINED),
        ("exp(x)", {"x": 1e4}, Status.OVERFLOW),
        ("exp(x)", {"x": 1e300}, Status.OVERFLOW),
        ("x**3", {"x": 1e200}, Status.OVERFLOW),
        ("abs(x)*x", {"x": 0.0}, Status.RESOLVED),
        ("where(x > 1, x**2, 2*x - 1)", {"x": 1.0}, Status.RESOLVED),  # value and slope meet
        ("abs(x)", {"x": 5e-324}, Status.RESOLVED),
        ("exp(-x)", {"x": 1e4}, Status.RESOLVED),
    ],
)
def test_status(formula: str, at: dict[str, float], status: Status) -> None:
    enclosure, _ = one(formula, at)
    assert Status(int(enclosure.status[0])) == status


@pytest.mark.parametrize(("formula", "slope"), [("sinc(x)", 0.0), ("sin(x)/x", None), ("x*abs(x)", 0.0)])
def test_removable_singularities(formula: str, slope: float | None) -> None:
    """sinc has a slope at 0; sin(x)/x is 0/0 there, which only algebra could mend: never a wrong number."""
    enclosure, _ = one(formula, {"x": 0.0})
    if slope is None:
        assert enclosure.status[0] == Status.UNDEFINED
    elif enclosure.status[0] == Status.RESOLVED:
        assert enclosure.high[0] == slope
    else:
        assert enclosure.status[0] in (Status.KINK, Status.UNDEFINED)


def test_samples_are_told_apart() -> None:
    loss = parse("abs(x) + log(y)")
    partials = [differentiate(loss, sympy.Symbol(name, real=True)) for name in ("x", "y")]
    points = [{"x": 1.0, "y": 2.0}, {"x": 0.0, "y": 2.0}, {"x": 1.0, "y": -2.0}, {"x": -1.0, "y": 4.0}]
    by_x, by_y = find(partials, loss, points, wrt=("x", "y"))
    assert by_x.status.tolist() == [Status.RESOLVED, Status.KINK, Status.UNDEFINED, Status.RESOLVED]
    assert by_y.status.tolist() == [Status.RESOLVED, Status.RESOLVED, Status.UNDEFINED, Status.RESOLVED]
    assert (by_x.high[[0, 3]] == [1.0, -1.0]).all()


def test_a_gradient_does_not_outlive_its_loss() -> None:
    """1/x and 1 are finite at x = -3, but log(x) is no real number there: nothing has this gradient."""
    for formula in ("log(x)", "x + log(x)", "atanh(x)", "x + sqrt(x)", "x + 1/(x + 3)"):
        enclosure, _ = one(formula, {"x": -3.0})
        assert enclosure.status[0] == Status.UNDEFINED, formula


def test_outside_the_stated_domain() -> None:
    loss = Loss("log(s) + (x/s)**2/2", parameters="s", data="x", domain="s > 0")
    report = check(loss, {"x": [1.0, 2.0]}, {"s": -1.0})
    assert report.verdict == "inconclusive"
    assert {row.cause.key for row in report.rows if row.cause is not None} <= {"outside_domain"}
    assert set(report.summary.causes) == {"outside_domain"}


def _row(formula: str, at: dict[str, float], dtype: str = "float64") -> Row:
    report = check(Loss(formula, parameters=sorted(at)), None, at, methods="reverse", wrt="a", dtype=dtype)
    return next(row for row in report.rows if row.sample is None and row.probe is None)


@pytest.mark.parametrize(
    ("formula", "at", "key"),
    [
        ("abs(a)", {"a": 0.0}, "kink"),
        ("1/a", {"a": 0.0}, "undefined"),
        ("log(a)", {"a": -3.0}, "undefined"),
        ("exp(a)", {"a": 1000.0}, "overflow"),
    ],
)
def test_the_cause_is_named(formula: str, at: dict[str, float], key: str) -> None:
    row = _row(formula, at)
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert row.cause.key == key
    assert row.cause.message


def test_the_point_is_rounded_to_the_dtype_first() -> None:
    """The truth in float16 is that at the float16 number, exactly."""
    row = _row("a**2/2", {"a": 0.1}, "float16")
    assert row.truth is not None
    assert Fraction(row.truth.mid) == Fraction("0.0999755859375")
    assert Fraction(row.truth.rad) == 0


# --------------------------------------------------------------------------------------------------------- decimals
@given(st.fractions(max_denominator=10**40), st.integers(-2000, 60))
def test_decimal_strings_enclose(mid: Fraction, exponent: int) -> None:
    from flint import arb, fmpq

    ball = arb(fmpq(mid.numerator, mid.denominator)) + arb(0, 2.0 ** max(exponent, -1074))
    text = decimal(ball)
    assert text is not None
    low, high = Fraction(text.mid) - Fraction(text.rad), Fraction(text.mid) + Fraction(text.rad)
    radius = Fraction(2.0 ** max(exponent, -1074))
    assert low <= mid - radius
    assert mid + radius <= high
    assert Fraction(text.rad) <= 2 * (radius + abs(mid) * Fraction(1, 2**50) + Fraction(1, 10**30))


def test_decimal_of_what_is_not_finite() -> None:
    from flint import arb

    assert decimal(arb("nan")) is None
    assert decimal(arb("inf")) is None
    assert math.isclose(float(decimal(arb(0.1)).mid), 0.1)  # type: ignore[union-attr]


@pytest.mark.parametrize("formula", ["exp(-exp(x))", "exp(x - exp(x))*x"])
def test_a_value_below_every_double_is_not_taken_for_zero(formula: str) -> None:
    loss = parse(formula)
    gradient = differentiate(loss, sympy.Symbol("x", real=True))
    (enclosures,) = find([gradient], loss, [{"x": 120.0}])
    assert enclosures.high[0] == 0
    assert enclosures.radius[0] > 0
