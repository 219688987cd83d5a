"""How numbers and symbols are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffexplore.checking.records import Truth
from diffexplore.numerals import beside_bound, short
from diffexplore.typography import speaks_mathematics, to_ascii, typeset
from diffexplore.writing.blocks import words_of
from diffexplore.writing.numbers import counted, point_text, share, truth_digits, ulp_at, value_beside


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "—"),
        (0.0, "0"),
        (0.3118, "0.31"),
        (0.00031, "3.1e-4"),
        (14.2, "14"),
        (8123.0, "8100"),
        (9999.0, "1.0e4"),
        (71.04, "71"),
        (0.996, "1"),
        (32_000_000.0, "3.2e7"),
        (3.14159e-13, "3.1e-13"),
        (5e-324, "4.9e-324"),
    ],
)
def test_short_numbers(number: float | None, written: str) -> None:
    assert short(number) == written


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_powers_and_bounds_are_never_stated_better_than_they_are(number: float) -> None:
    stated = float(short(number, upward=True))
    assert number <= stated <= 1.11 * number


def test_counts_and_shares() -> None:
    assert counted(1, "sample") == "1 sample"
    assert counted(4000, "sample") == "4,000 samples"
    assert share(1.0) == "100 %"
    assert share(9e-4) == "0.09 %"
    assert share(3.1e-9) == "a relative 3.1e-9"


def test_points_are_written_completely() -> None:
    assert point_text({"a": 2.5, "b": 1.0}) == "a = 2.5, b = 1"
    assert point_text({"a": 0.1}, compact=True) == "a=0.1"
    assert point_text({"a": 1e-5, "b": 1e16}) == "a = 1e-5, b = 1e16"
    assert point_text({"a": 1.23456e-5}, digits=4) == "a = 1.235e-5"


@pytest.mark.parametrize(
    ("truth", "value", "shown"),
    [
        ("-8417.95387000132830", -8417.953811793668, "-8417.9538118"),
        ("0.0614076646233128", 0.0614076646233, "0.061407664623"),
        ("1.25e-30", 1.2500001e-30, "1.2500001000e-30"),
        ("6.02e23", 6.02e23, "6.0200000000e23"),
        ("2.5", 5000000.0, "5.0000000000e6"),
        ("0", 1.776e-15, "1.776e-15"),
    ],
)
def test_values_stand_in_the_format_of_the_truth(truth: str, value: float, shown: str) -> None:
    digits = words_of(value_beside(value, Truth(truth, "0"), 11))
    assert digits == shown
    assert float(digits) == pytest.approx(value, rel=1e-10)


def test_the_digits_that_depart_from_the_truth_are_toned() -> None:
    truth = Truth("3.14159265358979", "1e-15")
    agreeing, departing = value_beside(3.14160000000000, truth, 8, "bad")
    assert (agreeing.text, agreeing.tone) == ("3.141", "plain")
    assert (departing.text, departing.tone) == ("6000", "bad")
    assert truth_digits(truth, 8) == "3.1415927"


@pytest.mark.parametrize(
    ("mid", "rad", "shown"),
    [
        ("-8417.953870001327", "0", "-8417.9538700"),
        ("-8417.953870001327", "1e-30", "-8417.9538700"),
        ("-8417.953870001327", "2.9e-4", "-8417.953????"),
        ("1.25e-30", "2e-34", "1.250???????e-30"),
        ("1.25", "3", "?.??????????"),
        ("0", "3", "0"),
    ],
)
def test_the_truth_shows_only_digits_that_are_certain(mid: str, rad: str, shown: str) -> None:
    assert truth_digits(Truth(mid, rad), 11) == shown


@pytest.mark.parametrize("value", [1.0, 1.5, -0.1, 8417.95, 2.0**-1022, 5e-324, 1e300])
def test_ulp_in_float64(value: float) -> None:
    assert ulp_at(Truth(repr(value), "0"), "float64") == math.ulp(value)


def test_ulp_in_other_dtypes() -> None:
    one = Truth("1.0", "0")
    assert ulp_at(one, "float32") == 2.0**-23
    assert ulp_at(one, "bfloat16") == 2.0**-7
    assert ulp_at(one, "float16") == 2.0**-10
    assert ulp_at(Truth("1e-7", "0"), "float16") == 2.0**-24  # subnormal
    assert ulp_at(Truth("0", "0"), "float64") is None
    assert ulp_at(Truth("1e400", "0"), "float64") is None
    assert ulp_at(None, "float64") is None


@pytest.mark.parametrize(
    ("unicode", "ascii"),
    [
        ("∂L/∂a = (a² + 1)·x − y", "dL/da = (a**2 + 1)*x - y"),
        ("∂²L/∂a∂b", "d2L/dadb"),
        ("∂²L/∂w1²", "d2L/dw1**2"),
        ("∂ℓᵢ/∂x", "dl_i/dx"),
        ("√x + √(a⁻¹²)", "sqrt(x) + sqrt(a**(-12))"),
        ("σ(x)·π ≤ 3 … — ±1", "sigmoid(x)*pi <= 3 ... - +-1"),
        ("α + 1", "\\u03b1 + 1"),
    ],
)
def test_ascii_spelling(unicode: str, ascii: str) -> None:
    assert to_ascii(unicode) == ascii


@given(st.text())
def test_ascii_spelling_never_leaves_ascii(words: str) -> None:
    assert to_ascii(words).isascii()


@pytest.mark.parametrize("formula", ["(a*x - y + b)**2 / (2*(a**2 + 1))", "exp(-x**-2) - 1e-3*b**(3/2)", "2**0.5*a"])
def test_typesetting_keeps_the_formula(formula: str) -> None:
    typed = typeset(formula)
    assert "*" not in typed
    assert to_ascii(typed).replace("^", "**").replace("**(-2)", "**-2") == formula


@pytest.mark.parametrize(
    ("encoding", "able"),
    [("utf-8", True), ("UTF-16", True), ("ascii", False), ("cp1252", False), ("latin-1", False), ("", False)],
)
def test_which_encodings_take_mathematics(encoding: str, able: bool) -> None:
    assert speaks_mathematics(encoding) is able
    assert speaks_mathematics("no-such-codec") is False


@pytest.mark.parametrize(
    ("error", "bound", "shown"),
    [
        (12.2, 12.15, ("12.2", "12.16")),  # not 13, which would allow it
        (12.96, 12.97, ("13", "13")),
        (0.637, 0.6369, ("0.637", "0.63691")),
        (8.24e8, 2.0, ("8.24e8", "2")),
        (3.109796e-4, 3.109790e-4, ("3.109796e-4", "3.109791e-4")),
        (None, 2.0, ("—", "2")),
        (math.inf, 2.0, ("—", "2")),
    ],
)
def test_an_error_above_its_bound_looks_so(error: float | None, bound: float, shown: tuple[str, str]) -> None:
    assert beside_bound(error, bound) == shown
