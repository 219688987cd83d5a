"""The sweeps of benchmarks/ in small; those that publish a figure are marked slow."""

from __future__ import annotations

from collections import Counter

import pytest
from representatives import one_in

from benchmarks import missed_errors, step_curve, textbook, truth_encloses
from benchmarks.false_alarms import Tallies, summary, work
from benchmarks.formulas import random_loss
from benchmarks.generator import DTYPES, cases
from benchmarks.textbook_formulas import FORMULAS
from diffexplore import losses
from diffexplore.checking.run import check

#: Least share of checks inside the domain that are conclusive, as published.
CONCLUSIVE = {"float64": 0.99, "float32": 0.95}


def swept(seed: int, formulas: range, each: int) -> Tallies:
    total = Tallies()
    for index in formulas:
        total.add(work((seed, index, each, tuple(DTYPES))))
    return total


def share(total: Tallies, dtype: str) -> float:
    return total.counts[dtype, "conclusive"] / total.counts[dtype, "inside"]


def test_no_right_gradient_fails() -> None:
    total = swept(1, range(3), 3)
    assert not total.troubles
    assert sum(count for (_, key), count in total.counts.items() if key == "cases") == 9
    assert total.counts["float64", "conclusive"] >= 0.75 * total.counts["float64", "inside"] > 0
    assert 0 < max(total.ratio.values()) <= 1
    assert summary(total)["float64"]["failed"] == 0


def test_every_truth_encloses_its_reference() -> None:
    total: Counter[str] = Counter()
    for index in range(4):
        total += truth_encloses.count((1, index, 20))
    assert total["NOT ENCLOSED"] == 0
    assert total["enclosed"] >= 40


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_an_error_as_large_as_stated_is_caught(dtype: str) -> None:
    report = check("huber", dtype=dtype, device="cpu", methods="symbolic,reverse,central_difference")
    rows = [row for row in report.rows if row.verdict == "pass"]
    moved = [row for row in rows if row.bound is not None and row.truth is not None]
    assert len(moved) > 8
    for row in moved:
        assert missed_errors.caught(row, DTYPES[dtype], +1)
        assert missed_errors.caught(row, DTYPES[dtype], -1)


@pytest.mark.parametrize("formula", one_in(2, FORMULAS[::12], first=1), ids=lambda formula: formula.name)
def test_a_textbook_formula_passes(formula: textbook.Formula) -> None:
    assert textbook.report(formula, "float64").verdict == "pass"


def test_formulas_and_cases_are_the_same_in_every_run() -> None:
    assert random_loss(3, 5) == random_loss(3, 5)
    loss = random_loss(3, 5)
    assert list(cases(loss, 6, "a")) == list(cases(loss, 6, "a"))
    assert {case.dtype for case in cases(loss, 4, "a")} == set(DTYPES)


@pytest.mark.slow
def test_the_published_sweep_of_right_gradients() -> None:
    total = swept(0, range(100), 20)
    assert not total.troubles
    for dtype, least in CONCLUSIVE.items():
        assert share(total, dtype) >= least


@pytest.mark.slow
def test_the_published_sweep_of_truths() -> None:
    total: Counter[str] = Counter()
    for index in range(500):
        total += truth_encloses.count((0, index, 40))
    assert total["NOT ENCLOSED"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_every_textbook_formula_passes(formula: textbook.Formula, dtype: str) -> None:
    assert textbook.report(formula, dtype).verdict == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("loss", losses.names())
def test_the_error_curves_stay_below_their_bounds_and_near_their_predictions(loss: str) -> None:
    """Within a factor of 3 where truncation rules, and of 10 where rounding does."""
    compared = 0
    for outcome in step_curve.measure([loss]):
        assert outcome.violations == 0
        for one in outcome.compared:
            most = 3 if one.regime == "truncation" else 10
            assert 1 / most < one.ratio < most, one
            compared += 1
    assert compared >= 4
