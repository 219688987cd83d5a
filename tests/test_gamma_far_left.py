"""The gamma functions far left of 0, where torch's kernels of order 2 and more would step up by 1 for ever."""

from __future__ import annotations

import mpmath
import pytest
from representatives import each_value

import diffexplore as dx

FAR_LEFT = [-12345.25, -30000.625, -1048576.25, -999999999999999.75]

#: n: the derivative is the polygamma function of order n.
FUNCTIONS = {"lgamma(a)": 0, "digamma(a)": 1, "trigamma(a)": 2, "polygamma(2, a)": 3, "polygamma(5, a)": 6}


def _polygamma(n: int, a: float) -> float:
    """By reflection, for mpmath steps up from a negative argument, too."""
    with mpmath.workdps(60):
        x = mpmath.mpf(a)
        cotangent = mpmath.diff(lambda t: mpmath.cot(mpmath.pi * t), x - mpmath.floor(x), n)
        return float((-1) ** n * mpmath.psi(n, 1 - x) - mpmath.pi * cotangent)


@pytest.mark.parametrize(("formula", "at"), each_value(tuple(FUNCTIONS), FAR_LEFT))
def test_far_left_of_the_origin_no_exact_method_fails(formula: str, at: float) -> None:
    report = dx.check(
        dx.Loss(formula, parameters="a"), at={"a": at}, methods="symbolic,symbolic_raw,reverse,forward,vmap"
    )
    rows = [row for row in report.rows if row.parameter == "a" and row.probe is None]
    assert len(rows) == 5
    # Torch itself does not reduce π·x in digamma and trigamma: near -1e15 nothing is left of them.
    lost = at < -1e14 and formula in ("lgamma(a)", "digamma(a)")
    assert {row.verdict for row in rows} <= ({"pass", "inconclusive"} if lost else {"pass"})
    for row in rows:
        assert row.truth is not None
        assert float(row.truth.mid) == pytest.approx(_polygamma(FUNCTIONS[formula], at), rel=1e-13)


@pytest.mark.parametrize(("formula", "dtype"), each_value(tuple(FUNCTIONS), ("float16", "float32", "bfloat16")))
def test_in_a_batch_the_others_keep_their_gradients(formula: str, dtype: str) -> None:
    loss = dx.Loss(formula.replace("a)", "a*x)"), parameters="a", data="x")
    report = dx.check(loss, {"x": [1.5, -0.125, 0.625]}, {"a": -13001.0}, dtype=dtype, methods="symbolic,reverse")
    assert report.verdict != "fail"
    assert not [row for row in report.rows if row.is_nan and row.truth is not None]
