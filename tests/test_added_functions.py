"""Functions that SymPy lacks, through the doors of a user: formulas, programs of torch, proofs, wrong gradients, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx

special: Any = torch.special

PROGRAMS: dict[str, Callable[..., torch.Tensor]] = {
    "erfcx(a*x)": lambda a, x: special.erfcx(a * x).mean(),
    "ndtr(a*x)": lambda a, x: special.ndtr(a * x).mean(),
    "log_ndtr(a*x)": lambda a, x: special.log_ndtr(a * x).mean(),
    "ndtri(a*x)": lambda a, x: special.ndtri(a * x).mean(),
    "logit(a*x)": lambda a, x: torch.logit(a * x).mean(),
    "xlogy(x, a)": lambda a, x: torch.xlogy(x, a).mean(),
    "i0(a*x)": lambda a, x: torch.i0(a * x).mean(),
    "i1(a*x)": lambda a, x: special.i1(a * x).mean(),
    "i0e(a*x)": lambda a, x: special.i0e(a * x).mean(),
    "i1e(a*x)": lambda a, x: special.i1e(a * x).mean(),
    "a*floor(x)": lambda a, x: (a * torch.floor(x)).mean(),
}


@pytest.mark.parametrize("formula", PROGRAMS)
def test_a_program_of_torch_is_proved(formula: str) -> None:
    loss = dx.Loss(formula, parameters="a", data="x")
    assert dx.prove(PROGRAMS[formula], loss, parameters="a", data="x").status == "proved"


@pytest.mark.parametrize("formula", PROGRAMS)
def test_a_program_with_another_factor_is_refuted(formula: str) -> None:
    loss = dx.Loss(f"1.001*({formula})", parameters="a", data="x")
    assert dx.prove(PROGRAMS[formula], loss, parameters="a", data="x").status == "refuted"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "formula",
    [
        *PROGRAMS, "entr(a*x)", "xlog1py(x, a)", "exp10(a*x)", "i1(a*x)", "besseli(4, a*x)", "k0(a*x)", "k1(a*x)*a",
        "j0(a*x)", "j1(a*x)", "besselj(4, 9*a*x)", "y0(a*x)", "y1(a*x)*a", "i0e(-30*a*x)", "i1e(30*a*x)",
        "a*round(x) + a*ceil(x)*trunc(9*x)", "log_ndtr(-60*a*x)", "erfcx(50*a*x)",
    ],
)  # fmt: skip
def test_every_method_that_runs_agrees_with_the_truth(formula: str, dtype: str) -> None:
    loss = dx.Loss(formula, parameters="a", data="x")
    report = dx.check(
        loss, {"x": [0.3, 0.8]}, {"a": 0.4}, dtype=dtype, methods="symbolic,reverse,forward", device="cpu"
    )
    assert report.verdict == "pass"
    assert {row.method for row in report.rows if row.verdict == "pass"} == {"symbolic", "reverse", "forward"}


@pytest.mark.parametrize(
    "formula",
    [
        "i1(a)*x",
        "besseli(2, a)*x",
        "j0(a)*x",
        "j1(a)*x",
        "besselj(2, a)*x",
        "erfcx(a)*x",
        "entr(x)*a",
        "xlogy(x, 3)*a",
        "xlog1py(a, x)",
        "xlogy(x, a + 1)",
    ],
)
def test_at_zero(formula: str) -> None:
    """Where Bessel functions are quotients in other forms, and x·log(x) is 0·∞."""
    loss = dx.Loss(formula, parameters="a", data="x")
    report = dx.check(loss, {"x": [0.0, 0.5]}, {"a": 0.0}, methods="symbolic,reverse", device="cpu")
    assert report.verdict == "pass"
