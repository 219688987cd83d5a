"""The claims about rounding hold on this build, and a build on which one does not is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from matrix import DTYPES

from diffexplore import Loss, check
from diffexplore.bounds import canary, claims
from diffexplore.bounds.canary import broken_claims

CPU = torch.device("cpu")
EVERY_FUNCTION = (*canary._DOMAINS, "tanh", "asinh", "atan")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Nothing that another test found out is remembered, before or after."""
    caches: list[Any] = [canary._broken_basics, canary._broken_function, canary._broken_sums]
    for remembered in caches:
        remembered.cache_clear()
    yield
    for remembered in caches:
        remembered.cache_clear()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_all_claims_hold_here(dtype: str, library: str) -> None:
    if library == "numpy" and dtype == "bfloat16":
        pytest.skip("NumPy has no bfloat16")
    assert broken_claims(getattr(torch, dtype), CPU, EVERY_FUNCTION, library=library) == ()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_claims_hold_on_the_gpu(dtype: str) -> None:
    assert broken_claims(getattr(torch, dtype), torch.device("cuda"), EVERY_FUNCTION) == ()


@pytest.mark.parametrize("name", ["sin", "exp", "sqrt", "lgamma", "softplus"])
def test_an_inaccurate_function_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest: Callable[..., torch.Tensor] = canary.TORCH[name]
    monkeypatch.setitem(canary.TORCH, name, lambda x: honest(x) * (1 + 64 * 2.0**-52))
    (line,) = broken_claims(torch.float64, CPU, [name, "cos"])
    assert line.startswith(f"torch's {name} is off by more than ")


def test_an_inaccurate_numpy_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Any] = canary.NUMPY["cos"]
    monkeypatch.setitem(canary.NUMPY, "cos", lambda x: honest(x) + np.float32(1e-5))
    assert broken_claims(torch.float32, CPU, ["cos"], library="numpy") == ("numpy's cos is off by more than 4 ulp",)
    assert broken_claims(torch.float32, CPU, ["cos"]) == ()


def test_a_function_that_is_not_used_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(canary.TORCH, "sin", lambda x: x)
    assert broken_claims(torch.float64, CPU, ["cos", "add"]) == ()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic_that_is_not_rounded_to_nearest_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest: Callable[..., torch.Tensor] = canary.TORCH[name]
    monkeypatch.setitem(canary.TORCH, name, lambda x, y: torch.nextafter(honest(x, y), torch.full_like(x, torch.inf)))
    assert broken_claims(torch.float32, CPU, []) == (f"{name} is not rounded to nearest",)


def test_flushing_to_zero_is_found() -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers to zero")
    try:
        broken = broken_claims(torch.float32, CPU, [])
    finally:
        torch.set_flush_denormal(False)
    assert "subnormal numbers are flushed to zero" in broken


def test_a_sum_that_loses_more_than_is_claimed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "summation_depth", lambda n: 1)
    assert broken_claims(torch.float64, CPU, []) == ("a sum of 100 values loses more than its depth allows",)


def test_the_depth_of_sums_is_less_than_their_length() -> None:
    depths = [claims.summation_depth(n) for n in (0, 1, 2, 10, 100, 10_000, 10**6, 10**9)]
    assert depths[:4] == [0, 0, 1, 9]
    assert depths == sorted(depths)
    assert depths[-1] < 10**4


def test_a_broken_claim_lets_nothing_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that rest on it are refused, and the report says why."""
    monkeypatch.setitem(canary.TORCH, "sin", lambda x: x)
    loss = Loss("sin(a*x)", parameters="a", data="x")
    report = check(loss, {"x": [0.5, 1.5]}, {"a": 0.75}, methods=["reverse", "symbolic"])
    assert report.verdict == "inconclusive"
    assert report.summary.passed == 0
    assert set(report.summary.causes) == {"no_bound"}
    assert all(row.cause is not None and "torch's sin" in row.cause.message for row in report.rows)
    assert report.environment["rounding_claims"] == ["torch's sin is off by more than 4 ulp"]
    # NumPy's own sine is as good as before.
    numpy_only = check(loss, {"x": [0.5, 1.5]}, {"a": 0.75}, methods=["reverse", "numpy"])
    assert numpy_only.verdict == "pass"
    assert {row.verdict for row in numpy_only.rows if row.method == "numpy"} == {"pass"}


def test_where_all_hold_the_environment_says_so() -> None:
    report = check("perpendicular", {"x": [1.0], "y": [2.0]}, {"a": 1.0, "b": 0.5}, methods="reverse")
    assert report.environment["rounding_claims"] == "hold"
    assert report.environment["flush_to_zero"] is False
