"""Sums that are not linear, sums in sums, and sums whose summands have denominators."""

from __future__ import annotations

import pytest
import sympy
from representatives import one_in, slow
from sympy import Abs, Eq, Piecewise, exp, sqrt, tanh

from benchmarks.proof_pairs import a, real, x, y
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, batch_sum
from diffexplore.formula.functions_sympy import sigmoid

N = SAMPLES
(z,) = real("z")


def _sum(summand: sympy.Expr) -> sympy.Expr:
    return batch_sum(summand, (x, y))


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


@pytest.mark.parametrize("unit", one_in(2, [exp(a * x), tanh(a * x), sigmoid(a * x) ** 2, 1 / (1 + (a * x) ** 2)]))
def test_the_deviation_of_a_function_of_the_data(unit: sympy.Expr) -> None:
    centred = unit - _sum(unit) / N
    deviation = sqrt(_sum(centred**2) / (N - 1))
    slope = sympy.diff(unit, a)
    assert decide_gradient(deviation, _sum(centred * slope) / ((N - 1) * deviation), a, data=(x, y)).status == "proved"
    assert decide_gradient(deviation, _sum(unit * slope) / ((N - 1) * deviation), a, data=(x, y)).status == "refuted"


@pytest.mark.parametrize("symbol", [a, slow(x)], ids=str)
def test_a_deviation_that_is_compared_with_zero(symbol: sympy.Symbol) -> None:
    """What is known of the sum in the region, that it is not negative, has the sum itself in it."""
    unit = exp(a * x)
    centred = unit - _sum(unit) / N
    deviation = sqrt(_sum(centred**2) / (N - 1))
    inverse = Piecewise((0, Eq(deviation, 0)), (1 / deviation, True))
    claimed = {a: _sum(centred * x * unit), x: a * centred * unit}[symbol] * inverse / (N - 1)
    decision = decide_gradient(deviation, claimed, symbol, data=(x, y))
    assert (decision.status, decision.conditions) == ("proved", ("Σ((exp(a·x) − Σ(exp(a·x))/N)²) ≠ 0",))


def test_a_correlation() -> None:
    unit = tanh(a * y)
    centred, spread = x - _sum(x) / N, sqrt(_sum((x - _sum(x) / N) ** 2) * _sum((y - _sum(y) / N) ** 2)) / (N - 1)
    correlation = _sum(centred * (unit - _sum(unit) / N)) / spread
    slope = y * (1 - unit**2)
    shifted = _sum(slope) * _sum(centred) / (N * spread)  # Σ(x − mean) is 0, and with tanh² = … that must be seen
    assert decide_gradient(correlation, _sum(slope * centred) / spread - shifted, a, data=(x, y)).status == "proved"
    wrong = decide_gradient(correlation, _sum(slope * x) / spread, a, data=(x, y))
    assert wrong.status == "refuted"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (_sum(sigmoid(x)) * _sum(y), (N - _sum(sigmoid(-x))) * _sum(y)),
        (_sum(1 / (1 + x**2)) ** 2, (N - _sum(x**2 / (1 + x**2))) ** 2),
        (_sum(y / ((1 + x**2) * (4 + x**2))) * _sum(x),
         (_sum(y / (1 + x**2)) - _sum(y / (4 + x**2))) * _sum(x) / 3),
        (_sum(y * tanh(x) ** 2) * _sum(x), (_sum(y) - _sum(y * (1 - tanh(x) ** 2))) * _sum(x)),
        (_sum(Abs(x) / (1 + Abs(x))) * _sum(x), (N - _sum(1 / (1 + Abs(x)))) * _sum(x)),
        (_sum(1 / (1 + a * exp(x))) * _sum(y), (N - a * _sum(exp(x) / (1 + a * exp(x)))) * _sum(y)),
        (_sum(x / sqrt(1 + x**2) ** 3) * _sum(y),
         (_sum(x / sqrt(1 + x**2)) - _sum(x**3 / sqrt(1 + x**2) ** 3)) * _sum(y)),
    ],
)  # fmt: skip
def test_sums_are_brought_over_one_denominator(left: sympy.Expr, right: sympy.Expr) -> None:
    assert decide_equal(left, right).status == "proved"
    assert decide_equal(left, right + _sum(y) / 10**9).status == "refuted"


def test_a_data_symbol_has_one_meaning_in_all_sums() -> None:
    of_each, of_one = BatchSum(x * y, (x, y)), BatchSum(x * y, (x,))
    decision = decide_equal(of_each, of_one)
    assert decision.status == "unknown"
    assert any("y is that of each sample in one sum" in text for text in decision.tried)


def test_the_number_of_samples_alone() -> None:
    assert decide_equal(z / (N - 1), z * (N + 1) / (N**2 - 1)).status == "proved"
    decision = decide_equal(z * N, z)
    assert decision.status == "refuted" and decision.counterexample is not None
    assert decision.counterexample.point["N"] > 1
    assert decide_equal(Abs(z - N) + z, sympy.Max(N, 2 * z - N)).status == "proved"
    assert decide_equal(Abs(z - N) + z, sympy.Max(N, 2 * z)).status == "refuted"


_SUM, _OTHER = batch_sum(x, (x, y)), batch_sum(y, (x, y))


@pytest.mark.parametrize(
    "condition",
    [
        sympy.Eq(_SUM / SAMPLES, 0), sympy.Eq(_SUM / SAMPLES**2, 0), sympy.Eq(_SUM / _OTHER, 0), sympy.Eq(_SUM**2, 0),
        sympy.Eq((_SUM - _OTHER) / SAMPLES, 0), sympy.Eq(sympy.Abs(_SUM) / SAMPLES, 0),
        sympy.And(sympy.Eq(_SUM / SAMPLES, 0), sympy.Eq(_OTHER / SAMPLES, 0)),
    ],
    ids=str,
)  # fmt: skip
def test_a_rule_that_is_wrong_for_batches_of_which_a_sum_is_0_is_not_proved(condition: sympy.Basic) -> None:
    """A sum has no free symbols of its own, and is no number all the same."""
    claimed = Piecewise((0, condition), (2 * a, True))
    assert decide_gradient(a**2, claimed, a, data=[x, y]).status == "refuted"
