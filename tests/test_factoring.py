"""Factors that FLINT finds are those of SymPy."""

from __future__ import annotations

import random

import pytest
import sympy
from representatives import one_in

from diffexplore.formula.factoring import factor, factors_of, irreducible

A, B, C, X = (sympy.Symbol(name, real=True) for name in "abcx")


def _random(generator: random.Random, depth: int) -> sympy.Expr:
    """A rational function of a few symbols, with common factors and rational numbers."""
    if depth == 0:
        return generator.choice([A, B, C, X, sympy.Integer(generator.randint(-4, 4)), sympy.Rational(-2, 3)])
    first, second = (_random(generator, depth - 1) for _ in range(2))
    kind = generator.randrange(5)
    if kind == 0:
        return first * second
    if kind == 1:
        return first ** generator.choice([2, 3])
    if kind == 2:
        return first / (second**2 + 1)
    return first + second if kind == 3 else first - second


@pytest.mark.parametrize("seed", one_in(2, range(40)))
def test_factors_are_those_of_sympy(seed: int) -> None:
    expr = _random(random.Random(seed), 4)
    assert factor(expr) == sympy.factor(expr)


@pytest.mark.parametrize(
    "expr",
    [
        sympy.Integer(0), sympy.Rational(-3, 4), A, -A, 2 * A + 2 * B, -A - B, A / 2 - B / 2, -(A - B) ** 3 / 4,
        (A**2 - B**2) / (A * B), A**4 - 1, A**2 + 1, (X - A) * (X + A) - 1, 1 / (A - B), sympy.sin(A) ** 2 - 1,
    ],
    ids=str,
)  # fmt: skip
def test_numbers_and_signs_are_those_of_sympy(expr: sympy.Expr) -> None:
    assert factor(expr) == sympy.factor(expr)


def test_a_sum_of_which_a_number_is_left() -> None:
    """SymPy makes no polynomial of what has no symbol once it is multiplied out."""
    assert [factor(A * (B - 2 * X) + A * (2 * X - B) + number) for number in (3, 0)] == [3, 0]


def test_several_factors_with_numbers_beyond_64_bits() -> None:
    """FLINT's factors are sorted by their coefficients in python-flint, which overflowed."""
    x, y = sympy.symbols("x y", real=True)
    expr = ((10**20 - x) * (x * y - 10**21) ** 2 / 3).expand()
    assert factors_of(expr) == (sympy.Rational(-1, 3), [(x - 10**20, 1), (x * y - 10**21, 2)])
    assert factor(expr) == sympy.factor(expr)


def test_numbers_that_are_not_rational_are_refused() -> None:
    with pytest.raises(sympy.PolynomialError):
        factors_of(A**2 - 0.5)


@pytest.mark.parametrize(
    "expr",
    [
        (A**2 - B**2) * A**3 * 2, A, sympy.Integer(3), A**2 * X - B**2 * X, sympy.sqrt(A) * (A - B), sympy.sqrt(A) + A,
        sympy.exp(2 * A) - 1, sympy.exp(A) * (A**2 - 1), -((1 - A) ** 2), A / 2 - B / 3, sympy.sin(A) ** 2 - 1,
    ],
    ids=str,
)  # fmt: skip
def test_irreducible_factors_are_those_of_sympy(expr: sympy.Expr) -> None:
    assert set(irreducible(expr)) == {one for one, _ in sympy.factor_list(expr)[1]}
