"""Lost digits are blamed on the sum that loses them, and on nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffexplore import Loss, verify
from diffexplore.checking.records import Cause, Report

TINY = Loss("expm1(a*x)**2", parameters="a", data="x")
TINY_DATA = {"x": [1e-7, 2e-7, 3.1e-7, 1e-7]}

FAR = {"x": np.array([1.0, 2.5, 3.25, 4.0])}
FAR["y"] = 2.5 * FAR["x"] + 1e3 + 1e-6 * np.array([1.0, -1.0, 2.0, 0.5])
FAR_POINT = {"a": 2.5, "b": 1e3}


def written_out(a: Any, x: Any) -> dict[str, Any]:
    growth = np.exp(a * x)
    return {"a": np.mean(2 * (growth - 1) * x * growth)}


def multiplied_out(a: Any, b: Any, x: Any, y: Any) -> dict[str, Any]:
    above = a * x**2 + b * x - x * y + a * (2 * b * y - b**2 - y**2) + a * a * (x * y - b * x)
    return {"a": np.mean(above / (a * a + 1) ** 2), "b": np.mean((a * x - y + b) / (a * a + 1))}


def slightly_wrong(a: Any, b: Any, x: Any, y: Any) -> dict[str, Any]:
    found = multiplied_out(a, b, x, y)
    return {**found, "a": found["a"] * (1 + 1e-9)}


def cause(report: Report) -> Cause:
    return next(row.cause for row in report.rows if row.verdict == "fail" and row.cause and row.parameter == "a")


def test_a_written_out_expm1_is_named_and_the_function_offered() -> None:
    found = cause(verify(written_out, TINY, TINY_DATA, {"a": 1.1}, kind="gradient"))
    assert (found.key, found.fields["subexpression"]) == ("precision", "exp(a·x) − 1")
    assert "expm1(a·x)" in found.fields["better"]
    assert 1e6 < found.fields["condition"] < 1e9


def test_a_gradient_that_was_multiplied_out() -> None:
    found = cause(verify(multiplied_out, "perpendicular", FAR, FAR_POINT, kind="gradient"))
    assert found.key == "precision"
    assert found.fields["better"] == "(a·x + b − y)·(x + a·(y − b))/(a² + 1)²"


def test_cancellation_does_not_excuse_an_error_elsewhere() -> None:
    assert cause(verify(slightly_wrong, "perpendicular", FAR, FAR_POINT, kind="gradient")).key != "precision"


def test_numpy_behind_a_helper_is_still_numpy() -> None:
    """``slightly_wrong`` names NumPy only through the function that it calls."""
    report = verify(slightly_wrong, "perpendicular", FAR, FAR_POINT, kind="gradient")
    assert {row.verdict for row in report.rows if row.parameter == "b" and row.sample is None} == {"pass"}
