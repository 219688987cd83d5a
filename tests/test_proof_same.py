"""Sides that are one expression but for where their numbers stand, seen before any algebra."""

from __future__ import annotations

import pytest
import sympy
from sympy import Rational, exp, sin, sqrt

from benchmarks.proof_pairs import real
from diffexplore.decide import decide_equal
from diffexplore.decide.same import same_but_for_numbers
from diffexplore.formula.batch_sums import SAMPLES, batch_sum

a, b, x, y = real("a b x y")


def _sum(summand: sympy.Expr) -> sympy.Expr:
    return batch_sum(summand, (x, y))


_SAME = [
    (2 * _sum((a * x - y) * x) / SAMPLES, _sum((2 * a * x - 2 * y) * x) / SAMPLES),
    (-(x - y) * (a + b), (y - x) * (a + b)),
    ((2 * a + 2 * b) * (3 * x - 3 * y) ** 2, 18 * (a + b) * (y - x) ** 2),
    (sin(x) / (2 * a + 4 * b), sin(x) / (2 * (a + 2 * b))),
    ((a / 2 + b / 3) / x, (3 * a + 2 * b) / (6 * x)),
    (-_sum(exp(a * x)), _sum(-exp(a * x))),
]
_NOT_SAME = [
    ((a + b) * (x + y), (a + b) * (x - y)),
    ((a - b) * (x - y), (b - a) * (x - y)),
    ((a - b) ** 3, (b - a) ** 3),
    (a + b, a * b),
    (2 * a + b, a + 2 * b),
    (a**2 + b, a + b**2),
    (a**2 * b, a * b**2),
    (sqrt(2 * a + 2 * b), sqrt(a + b)),
    (sqrt(2 * a + 2 * b), 2 * sqrt(a + b)),
    (sin(2 * a), 2 * sin(a)),
    (1 / (2 * a + 2 * b), 2 / (a + b)),
    (_sum(x * a), _sum(y * a)),
    (_sum(x) ** 2, _sum(x**2)),
    (_sum(2 * a * x * y) + x, 2 * a * _sum(x * y) + y),
    ((1 + Rational(1, 10**9)) * a + b, a + b),
]


@pytest.mark.parametrize(("left", "right"), _SAME, ids=str)
def test_numbers_that_stand_elsewhere_are_seen(left: sympy.Expr, right: sympy.Expr) -> None:
    assert same_but_for_numbers(left, right) and same_but_for_numbers(right, left)
    assert decide_equal(left, right).status == "proved"


@pytest.mark.parametrize(("left", "right"), _NOT_SAME, ids=str)
def test_what_differs_is_not_taken_for_the_same(left: sympy.Expr, right: sympy.Expr) -> None:
    assert not same_but_for_numbers(left, right)
    assert decide_equal(left, right).status == "refuted"
