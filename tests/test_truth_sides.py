"""The truth of random formulas with branches, seams and gaps, against difference quotients of mpmath from both sides."""

from __future__ import annotations

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_sided_reference import both_sides
from truth_helpers import find

from diffexplore import UsageError
from diffexplore.check.truth import Status
from diffexplore.symbolic.derive import differentiate
from diffexplore.symbolic.parse import parse

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


#: How near a difference quotient with a step of 2⁻⁴⁰⁰ is to its limit, where the rest vanishes like t^(1/8) or faster.
_NEAR = mpmath.mpf(2) ** -45
_LARGE = mpmath.mpf(2) ** 20


@settings(max_examples=250)
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
    gap = None in (sides.value, sides.right, sides.left)
    status = Status(int(truth.status[0]))
    with mpmath.workprec(3000):
        if status == Status.UNDEFINED:
            assert gap or any(abs(slope) > _LARGE for slope in sides.slopes)
        elif status == Status.KINK:
            assert not gap
            right, left = sides.slopes
            assert abs(right - left) > _NEAR or abs(right) > _LARGE  # a corner, or a jump
        elif status == Status.RESOLVED:
            assert not gap
            middle = mpmath.mpf(float(truth.high[0])) + mpmath.mpf(float(truth.low[0]))
            allowed = mpmath.mpf(float(truth.radius[0])) + _NEAR * (1 + abs(middle))
            assert all(abs(slope - middle) <= allowed for slope in sides.slopes)
        else:
            assert status in (Status.UNRESOLVED, Status.OVERFLOW)


@pytest.mark.parametrize(
    ("formula", "slopes"),
    [("abs(x)", (1, -1)), ("max(x/3, 1/3)", (1 / 3, 0)), ("where(x > 0, sin(2*x), x**2)", (2, 0)), ("sign(x)", None)],
)
def test_the_reference_sees_corners_and_jumps(formula: str, slopes: tuple[float, float] | None) -> None:
    sides = both_sides(parse(formula), {"x": 1.0 if "/3" in formula else 0.0}, "x")
    if slopes is None:
        assert all(abs(slope) > _LARGE for slope in sides.slopes)
    else:
        assert all(abs(one - other) < 1e-15 for one, other in zip(sides.slopes, slopes, strict=True))
