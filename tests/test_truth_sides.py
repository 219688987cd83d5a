"""The truth of random formulas with branches, seams and gaps, against difference quotients of mpmath from both sides."""

from __future__ import annotations

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_sided_reference import LARGE, agrees, both_sides
from truth_helpers import find

from diffexplore import UsageError
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse

_FUNCTIONS = (
    "abs", "exp", "sin", "cos", "tanh", "atan", "asinh", "erf", "sigmoid", "softplus", "sign", "relu", "square", "cbrt",
    "sqrt", "log", "log1p", "expm1", "gamma", "digamma", "erfc", "asin", "acos", "acosh", "atanh", "sinc", "heaviside",
)  # fmt: skip
_POWERS = ("2", "3", "4", "(-1)", "0.5", "(3/2)", "y")
_RELATIONS = ("<", "<=", ">", ">=", "==", "!=")

#: Numbers at which conditions, roots and poles meet.
_PLACES = st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0])

_leaves = st.sampled_from(["x", "x", "x", "y", "0", "1", "2", "1/2"])


def _extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), inner),
        st.builds("({})**{}".format, inner, st.sampled_from(_POWERS)),
        st.builds("where({} {} {}, {}, {})".format, inner, st.sampled_from(_RELATIONS), inner, inner, inner),
        st.builds("{}({}, {})".format, st.sampled_from(("max", "min", "atan2")), inner, inner),
    )


@settings(max_examples=40)
@given(text=st.recursive(_leaves, _extended, max_leaves=8), x=_PLACES, y=_PLACES)
def test_both_sides_say_what_the_truth_says(text: str, x: float, y: float) -> None:
    symbol, at = sympy.Symbol("x", real=True), {"x": x, "y": y}
    try:
        formula = parse(text)
    except UsageError:
        assume(False)
    assume(symbol in formula.free_symbols)
    partial = differentiate(formula, symbol)
    assume(not partial.has(sympy.Derivative, sympy.Subs))
    try:
        (truth,) = find([partial], formula, [at])
        sides = both_sides(formula, at, "x")
    except (TypeError, OverflowError, mpmath.libmp.NoConvergence):  # neither has an operation for it
        assume(False)
    assert agrees(truth, sides)


@pytest.mark.parametrize(
    ("formula", "slopes"),
    [("abs(x)", (1, -1)), ("max(x/3, 1/3)", (1 / 3, 0)), ("where(x > 0, sin(2*x), x**2)", (2, 0)), ("sign(x)", None)],
)
def test_the_reference_sees_corners_and_jumps(formula: str, slopes: tuple[float, float] | None) -> None:
    sides = both_sides(parse(formula), {"x": 1.0 if "/3" in formula else 0.0}, "x")
    if slopes is None:
        assert all(abs(slope) > LARGE for slope in sides.slopes)
    else:
        assert all(abs(one - other) < 1e-15 for one, other in zip(sides.slopes, slopes, strict=True))
