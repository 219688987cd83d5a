"""Wrong gradients of losses that leave samples out by what the data equal: they fail, and nothing else happens."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.program.program import lower

x = sympy.Symbol("x", real=True)

FORMULAS = (
    "where(y != 1, a*x, 0)", "where(y == 1, 0, a*x)", "where(y == 1 or y == 2, 0, a*x)",
    "where(y == 0, 0, a*x/y)", "where(y == 0, 0, a*x*log(abs(y)))", "Piecewise((0, y == 1), (a**2*x, x > 0), (0, True))",
)  # fmt: skip


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("formula", "candidate"), each_value(FORMULAS[::-1], [lambda a, x, y: 7.3, {"a": "2*x"}]))
def test_a_wrong_gradient_fails(formula: str, candidate: Any) -> None:
    loss = dx.Loss(formula, parameters="a", data="x, y")
    kind = None if isinstance(candidate, dict) else "gradient"
    data = {"x": [0.5, 2.0, -1.0], "y": [1.0, 0.0, 2.0]}
    assert dx.verify(candidate, loss, data, {"a": 1.5}, kind=kind).verdict == "fail"


@pytest.mark.usefixtures("causes_unsought")
def test_a_constant_where_half_of_the_samples_count() -> None:
    loss = dx.Loss("Piecewise((2*s, x>0), (0, True))", parameters="s", data="x")
    report = dx.verify(lambda s, x: 7.3, loss, {"x": [-9.0, 5.0]}, {"s": 0.7}, kind="gradient")
    assert report.verdict == "fail"


@pytest.mark.parametrize("value", [sympy.zoo, sympy.oo, -sympy.oo, sympy.nan, sympy.zoo * x, sympy.oo * x + 1])
@pytest.mark.parametrize("plain", [True, False])
def test_what_is_no_number_is_computed_as_none(value: sympy.Expr, plain: bool) -> None:
    for expression in (value, sympy.Piecewise((value, x > 0), (x, True))):
        (found,) = lower([expression], ("x",), plain=plain).run(TORCH, {"x": torch.tensor(1.0)})
        assert torch.as_tensor(found).isnan()
