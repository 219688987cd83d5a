"""Where there is no gradient, a candidate neither passes nor fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from representatives import each_value

from diffexplore import Loss, verify

Tensor = torch.Tensor

NOWHERE: dict[str, tuple[str, Callable[..., Tensor], dict[str, float], str | None]] = {
    "relu at 0": ("max(a, 0)", lambda a: torch.relu(a), {"a": 0.0}, None),
    "a tie in a max": ("max(a, b)", lambda a, b: torch.maximum(a, b), {"a": 1.5, "b": 1.5}, None),
    "|x| at 0": ("abs(a)", lambda a: a.abs(), {"a": 0.0}, None),
    "acosh at 1": ("acosh(a)", lambda a: torch.acosh(a), {"a": 1.0}, None),
    "sqrt at 0": ("sqrt(a)", lambda a: a.sqrt(), {"a": 0.0}, None),
    "outside the domain": ("a**2", lambda a: a**2, {"a": -1.0}, "a > 0"),
    "log of a negative number": ("log(a)", lambda a: a.log(), {"a": -2.0}, None),
}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(NOWHERE), ["float64", "float32", "bfloat16"]))
def test_no_gradient_no_verdict(name: str, dtype: str) -> None:
    formula, candidate, at, domain = NOWHERE[name]
    report = verify(candidate, Loss(formula, parameters=list(at), domain=domain), at=at, dtype=dtype)
    assert report.verdict == "inconclusive"
    partials = [row for row in report.rows if row.parameter in at and row.probe is None]
    assert partials
    assert {row.verdict for row in partials} == {"inconclusive"}
    assert all(row.cause is not None for row in partials)


@pytest.mark.parametrize("name", ["relu at 0", "a tie in a max", "|x| at 0"])
def test_nor_does_a_gradient_that_is_given(name: str) -> None:
    """Any value between the one-sided derivatives is as good as another."""
    formula, _, at, _ = NOWHERE[name]
    for value in (0.0, 0.25, 1.0):
        report = verify(
            lambda *arguments, value=value: [torch.full_like(arguments[0], value)] * len(arguments),
            Loss(formula, parameters=list(at)), at=at, kind="gradient",
        )  # fmt: skip
        assert {row.verdict for row in report.rows if row.probe is None} == {"inconclusive"}
