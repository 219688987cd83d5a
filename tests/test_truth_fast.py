"""The fast truth, in double-double balls, agrees with Arb."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import formulas
import numpy as np
import pytest
import sympy
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from representatives import each_value
from truth_helpers import FLOAT64

from diffexplore import UsageError, losses
from diffexplore.checking import truth as truth_module
from diffexplore.checking.fast_truth import VectorProgram
from diffexplore.checking.synthetic import synthetic_columns
from diffexplore.checking.truth import TruthFinder
from diffexplore.floating_point import format_of
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse
from diffexplore.methods.problem import Problem
from diffexplore.program.program import lower


def _both_ways(
    monkeypatch: pytest.MonkeyPatch,
    finder: TruthFinder,
    columns: Mapping[str, np.ndarray],
    n: int,
    form: tuple[int, int],
) -> tuple[Any, Any]:
    """Enclosures and sums with double-double balls, and by Arb alone."""
    monkeypatch.setattr(truth_module, "_MANY", 0)
    fast = finder.samples(columns, n, *form, {})
    monkeypatch.setattr(truth_module, "_MANY", n + 1)
    return fast, finder.samples(columns, n, *form, {})


def _assert_agree(fast: Any, slow: Any) -> None:
    for name, one in fast[0].items():
        other = slow[0][name]
        assert one.status.tolist() == other.status.tolist(), name
        for i in np.flatnonzero(np.isfinite(one.high) & np.isfinite(other.high)).tolist():
            assert one.ball(i).overlaps(other.ball(i)), (name, i)
            if (other.high[i], other.radius[i]) == (0, 0):
                assert (one.high[i], one.radius[i]) == (0, 0), (name, i)
        if fast[1][name].is_finite():
            assert fast[1][name].overlaps(slow[1][name]), name


@pytest.mark.parametrize(("loss_name", "dtype"), each_value(losses.names(), ("float64", "float32")))
def test_the_fast_truth_agrees_with_arb(loss_name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = losses.get(loss_name)
    problem = Problem(loss, (*loss.parameters, *loss.data), getattr(torch, dtype), torch.device("cpu"))
    point = {name: (1.25, 0.75, -0.5, 2.0)[i % 4] for i, name in enumerate(loss.parameters)}
    n = 48 if loss.data else 1
    columns = {name: torch.from_numpy(column) for name, column in synthetic_columns(loss, n, 3, [point]).items()}
    for column in columns.values():
        # Small integers put samples onto kinks, boundaries and exact zeros; some are out of range.
        column[: n // 4] = torch.round(column[: n // 4] * 4) / 4
        column[n // 4 : n // 4 + 8] = torch.tensor([0.0, 1e30, -1e-30, 1e200, 5e-324, math.inf, math.nan, 700.0])[:n]
    values = {name: value.to(torch.float64).numpy() for name, value in problem.values(point, columns).items()}
    fixed = {name: float(values[name]) for name in loss.parameters}
    finder = TruthFinder(
        problem.wrt, problem.gradient_program, problem.plain_loss_program, problem.domain_program, fixed, loss.data
    )
    form = format_of(problem.dtype)
    fast, slow = _both_ways(monkeypatch, finder, values, n, (form.bits, form.smallest_exponent))
    _assert_agree(fast, slow)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=formulas.texts, seed=st.integers(0, 999))
def test_the_fast_truth_agrees_with_arb_on_random_formulas(
    text: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        loss = parse(text)
    except UsageError:
        assume(False)
    names = sorted(formulas.SYMBOLS)
    partial = differentiate(loss, sympy.Symbol("x", real=True))
    assume(not partial.has(sympy.Derivative, sympy.Subs))
    gradient, summand = lower([partial], names), lower([loss], names)
    draw = np.random.default_rng(seed)
    columns = {name: np.round(draw.normal(size=24) * 8) / 4 * 10.0 ** draw.choice([0, 0, 0, 3, -3]) for name in names}
    _assert_agree(
        *_both_ways(
            monkeypatch, TruthFinder(["x"], gradient, summand, lower([], names), {}, names), columns, 24, FLOAT64
        )
    )


def test_arb_is_left_with_few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each loss in the catalogue, at points drawn for it, double-double balls resolve nearly all."""
    for name in losses.names():
        loss = losses.get(name)
        if not loss.data:
            continue
        point = dict.fromkeys(loss.parameters, 1.25)
        columns = synthetic_columns(loss, 1000, 0, [point])
        problem = Problem(loss, loss.parameters, torch.float64, torch.device("cpu"))
        finder = TruthFinder(
            problem.wrt, problem.gradient_program, problem.plain_loss_program, problem.domain_program, point, loss.data
        )
        left: list[int] = []
        sent = TruthFinder._rows
        monkeypatch.setattr(
            TruthFinder, "_rows", lambda self, c, s, sent=sent, left=left: left.append(len(s)) or sent(self, c, s)
        )
        finder.samples(columns, 1000, *FLOAT64, {})
        monkeypatch.setattr(TruthFinder, "_rows", sent)
        assert sum(left) <= 10, (name, left)


def test_a_truth_that_is_too_narrow_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the fast truth off by 2⁻⁹⁰ of its values, these comparisons would tell."""
    loss = losses.get("perpendicular")
    problem = Problem(loss, loss.parameters, torch.float64, torch.device("cpu"))
    columns = synthetic_columns(loss, 200)
    finder = TruthFinder(
        problem.wrt, problem.gradient_program, problem.plain_loss_program, problem.domain_program,
        {"a": 1.3, "b": 0.7}, loss.data,
    )  # fmt: skip
    _assert_agree(*_both_ways(monkeypatch, finder, columns, 200, FLOAT64))
    fast = VectorProgram.blocks
    monkeypatch.setattr(
        VectorProgram, "blocks",
        lambda self, *rest: (
            (here, [out._replace(low=out.low + out.high * 2.0**-90) for out in outputs])
            for here, outputs in fast(self, *rest)
        ),
    )  # fmt: skip
    with pytest.raises(AssertionError):
        _assert_agree(*_both_ways(monkeypatch, finder, columns, 200, FLOAT64))
