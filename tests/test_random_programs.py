"""Random programs on tensors have the verdict that is due, and a checker that gives another one is noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from representatives import one_in

from benchmarks import random_programs
from benchmarks.random_programs import Case, verdict_on
from diffexplore.tensors.gradcheck import gradcheck
from diffexplore.tensors.records import TensorReport

EACH = 6


@cache
def _found(first: int) -> list[random_programs.Verdict]:
    return [verdict_on(Case(seed)) for seed in range(first, first + EACH)]


@pytest.mark.parametrize("first", one_in(27, range(400, 562, EACH)))
def test_no_verdict_is_wrong(first: int) -> None:
    found = _found(first)
    assert [one for one in found if one.wrong] == []
    verdicts = Counter(one.verdict.partition(",")[0] for one in found)
    assert verdicts["pass"] >= EACH // 5 and verdicts["fail"] >= EACH // 6


#: The eps of the dtype; an axis of one element, reversed; steps of other shapes, taken for those of a loop; NaN times 0;
#: an upstream gradient rounded to the dtype that the program computes in; gradients that are all rounding.
ONCE_WRONG = [
    703603, 753623, pytest.param(722856, marks=pytest.mark.slow), 724090, 773734,
    pytest.param(772720, marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_what_was_once_wrong_is_not(seed: int) -> None:
    assert not verdict_on(Case(seed), "quick").wrong


def _always(verdict: str) -> Callable[..., TensorReport]:
    """A checker that says the same of every gradient, with the power that it really had."""

    def checker(function: Any, inputs: Any, **options: Any) -> TensorReport:
        report = gradcheck(function, inputs, **options)
        rows = [replace(row, verdict=verdict) for row in report.rows]
        return replace(report, verdict=verdict, rows=tuple(rows))  # type: ignore[arg-type]

    return checker


def _wrong_of(monkeypatch: pytest.MonkeyPatch, verdict: str, kind: str) -> float:
    """The share of the verdicts of a kind that are called wrong, with a checker that always gives ``verdict``."""
    conclusive = [one.seed for one in _found(400) if one.kind == kind and one.verdict.startswith(("pass", "fail"))][:5]
    monkeypatch.setattr(random_programs, "gradcheck", _always(verdict))
    return sum(bool(verdict_on(Case(seed)).wrong) for seed in conclusive) / len(conclusive)


def test_a_checker_that_always_passes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _wrong_of(monkeypatch, "pass", "planted") > 0.7
