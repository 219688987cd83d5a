"""What a symbol does not move is computed once: values, bounds and verdicts stay the same bit by bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from representatives import these

import diffexplore as dx
from diffexplore.bounds.watch import Watch
from diffexplore.methods import _unmoved, forward
from diffexplore.methods.problem import Problem

CPU = torch.device("cpu")

NAMES = [f"p{i}" for i in range(6)]

FORMULAS = {
    "softmax": "log(" + " + ".join(f"exp({name}*x)" for name in NAMES[:4]) + ") - p0*y + p4*p5",
    "perceptron": "(p0*tanh(p1*x + 1/3) + p2*tanh(p3*x) + p4*p5**2 - y)**2",
    "corners": "abs(p0*x - p1) + max(p2*x, y)*p3 + where(x > 0, p4*x, p5**2)",
}

#: The part of the operations that is left at most.
_OF_OPERATIONS = {"softmax": 0.7, "perceptron": 0.9, "corners": 0.9}

METHODS = "symbolic, forward, richardson, complex_step"


def _document(formula: str, dtype: str) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    data = {name: draw.normal(size=5) for name in ("x", "y")}
    at = dict(zip(NAMES, draw.normal(size=6).tolist(), strict=True))
    report = dx.check(dx.Loss(formula, parameters=NAMES, data="x, y"), data, at, methods=METHODS, dtype=dtype)
    return {name: part for name, part in report.to_dict().items() if name != "environment"}


@pytest.mark.parametrize(
    ("name", "dtype"),
    these([("corners", "float32")], itertools.product(FORMULAS, ("float64", "float32"))),
)
def test_the_report_is_the_same_and_fewer_operations_run(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, run = [0], Watch.run

    def counted(watch: Watch, *arguments: Any) -> Any:
        counts[-1] += 1
        return run(watch, *arguments)

    monkeypatch.setattr(Watch, "run", counted)
    shared = _document(FORMULAS[name], dtype)
    counts.append(0)
    monkeypatch.setattr(_unmoved, "_MOST_KEPT", 0)
    assert _document(FORMULAS[name], dtype) == shared
    assert counts[0] < _OF_OPERATIONS[name] * counts[1], counts


@pytest.mark.parametrize("name", FORMULAS)
def test_a_partial_by_forward_mode_is_the_same_alone(name: str) -> None:
    problem = Problem(dx.Loss(FORMULAS[name], parameters=NAMES, data="x, y"), tuple(NAMES), torch.float64, CPU)
    draw = torch.Generator().manual_seed(0)
    data = {symbol: torch.randn(7, dtype=torch.float64, generator=draw) for symbol in "xy"}
    at = dict(zip(NAMES, torch.randn(6, dtype=torch.float64, generator=draw).tolist(), strict=True))
    values = problem.values(at, data)
    together = forward.METHOD.reduced(problem, values, 7)
    for symbol in NAMES:
        (alone,) = forward.METHOD.reduced(problem.alone[symbol], problem.values(at, data), 7).values()
        assert torch.equal(alone.value, together[symbol].value)
        assert torch.equal(alone.bound, together[symbol].bound)
