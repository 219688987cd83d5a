"""Products of matrices of balls enclose the exact rational products, whatever the exponents."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.double_balls import DoubleBall, exact

#: Where no product of two entries leaves the range of doubles.
WIDE = st.floats(-(2.0**480), 2.0**480).filter(lambda x: x == 0 or abs(x) > 2.0**-480)
NEAR = st.floats(-8.0, 8.0).filter(lambda x: x == 0 or abs(x) > 2.0**-40)


def _exactly(high: float, low: float) -> Fraction:
    return Fraction(float(high)) + Fraction(float(low))


def _encloses(a: DoubleBall, b: DoubleBall) -> bool:
    """Whether the product's balls hold every product of numbers in the operands' balls."""
    found = matmul(a, b)
    for i, j in np.ndindex(*found.high.shape):
        if not np.isfinite(found.radius[i, j]):
            continue
        exactly, spread = Fraction(0), Fraction(0)
        for k in range(a.high.shape[1]):
            x, y = _exactly(a.high[i, k], a.low[i, k]), _exactly(b.high[k, j], b.low[k, j])
            r, s = Fraction(float(a.radius[i, k])), Fraction(float(b.radius[k, j]))
            exactly += x * y
            spread += abs(x) * s + abs(y) * r + r * s
        if abs(_exactly(found.high[i, j], found.low[i, j]) - exactly) + spread > Fraction(float(found.radius[i, j])):
            return False
    return True


def _matrices(numbers: st.SearchStrategy[float], inner: int) -> st.SearchStrategy[tuple[DoubleBall, DoubleBall]]:
    def matrix(rows: int, columns: int) -> st.SearchStrategy[DoubleBall]:
        count = rows * columns

        def ball(high: list[float], low: list[float], radius: list[float]) -> DoubleBall:
            fields = (np.array(field).reshape(rows, columns) for field in (high, low, radius))
            first, second, third = fields
            total = first + first * second * 2.0**-54
            return DoubleBall(total, (first - total) + first * second * 2.0**-54, np.abs(first) * third * 2.0**-100)

        fractions = st.lists(st.floats(-1, 1), min_size=count, max_size=count)
        sizes = st.lists(st.sampled_from([0.0, 0.0, 1.0]), min_size=count, max_size=count)
        return st.builds(ball, st.lists(numbers, min_size=count, max_size=count), fractions, sizes)

    return st.tuples(matrix(2, inner), matrix(inner, 2))


@settings(max_examples=25, deadline=None)
@given(_matrices(WIDE, 3))
def test_it_encloses_products_of_any_exponents(pair: tuple[DoubleBall, DoubleBall]) -> None:
    assert _encloses(*pair)


@settings(max_examples=25, deadline=None)
@given(_matrices(NEAR, 5))
def test_it_encloses_products_that_cancel(pair: tuple[DoubleBall, DoubleBall]) -> None:
    assert _encloses(*pair)


@pytest.mark.parametrize("inner", [1, 2, 3, 64, 65, 1000])
def test_a_product_of_doubles_is_tight(inner: int) -> None:
    random = np.random.default_rng(inner)
    a, b = random.standard_normal((3, inner)), random.standard_normal((inner, 2))
    found = matmul(exact(a), exact(b))
    assert np.all(found.radius <= 2.0**-70 * inner * np.abs(a).max() * np.abs(b).max())
    exactly = [
        [sum(Fraction(x) * Fraction(y) for x, y in zip(a[i], b[:, j], strict=True)) for j in range(2)] for i in range(3)
    ]
    for i, j in np.ndindex(3, 2):
        assert abs(_exactly(found.high[i, j], found.low[i, j]) - exactly[i][j]) <= Fraction(float(found.radius[i, j]))


def test_integers_below_the_slices_are_multiplied_exactly() -> None:
    random = np.random.default_rng(0)
    a, b = random.integers(-(2**20), 2**20, (4, 512)), random.integers(-(2**20), 2**20, (512, 3))
    found = matmul(exact(a.astype(float)), exact(b.astype(float)))
    assert np.array_equal(found.high, (a @ b).astype(float))


@pytest.mark.parametrize("power", [-900, -500, 500, 900])
def test_rows_are_scaled(power: int) -> None:
    a, b = np.array([[3.0, 5.0], [2.0, 7.0]]), np.array([[1.5], [0.25]])
    rows = np.array([[2.0**power], [1.0]])
    found = matmul(exact(a * rows), exact(b))
    assert np.array_equal(found.high, a @ b * rows)
    assert np.all(found.radius <= 2.0**-60 * np.abs(found.high))


def test_what_is_not_known_spoils_its_row_alone() -> None:
    a = exact(np.array([[np.nan, 1.0], [2.0, 3.0]]))
    with np.errstate(invalid="ignore"):
        found = matmul(a, exact(np.ones((2, 2))))
    assert np.all(np.isinf(found.radius[0])) and np.all(np.isfinite(found.radius[1]))


@pytest.mark.parametrize("shapes", [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 1, 2, 3), (4, 3, 1))])
def test_empty_and_broadcast_matrices(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    first, second = (np.arange(float(np.prod(shape))).reshape(shape) for shape in shapes)
    found = matmul(exact(first), exact(second))
    assert np.array_equal(found.high, first @ second)
    assert found.radius.shape == (first @ second).shape
