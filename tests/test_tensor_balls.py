"""Sums and scatters of tensors of balls enclose the exact ones; what they leave alone stays as it is."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from diffexplore.arithmetic import tensor_balls
from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import DualBall, tangent_of
from diffexplore.arithmetic.out_of_range import certainly_above
from diffexplore.arithmetic.tensor_balls import infinite, quotient, scattered, summed, summed_to, times
from diffexplore.torch_ops.tensor_rules.arithmetic import plus, product
from diffexplore.torch_ops.tensor_rules.between import chosen_between
from diffexplore.torch_ops.tensor_rules.operands import Operand
from diffexplore.torch_ops.tensor_rules.reductions import running_sum
from diffexplore.torch_ops.tensor_rules.windows import put_back, seen_by, sliding

NUMBERS = st.floats(-(2.0**300), 2.0**300).filter(lambda x: x == 0 or abs(x) > 2.0**-300)
TENSORS = arrays.arrays(np.float64, arrays.array_shapes(max_dims=3, max_side=4), elements=NUMBERS)


def _holds(ball: DoubleBall, place: tuple[int, ...], exactly: Fraction) -> bool:
    middle = Fraction(float(ball.high[place])) + Fraction(float(ball.low[place]))
    return abs(middle - exactly) <= Fraction(float(ball.radius[place]))


@settings(max_examples=50, deadline=None)
@given(TENSORS, st.integers(0, 2))
def test_sums_over_an_axis(x: np.ndarray, axis: int) -> None:
    axis %= x.ndim
    found = summed(exact(x), [axis])
    for place in np.ndindex(*found.high.shape):
        line = np.moveaxis(x, axis, -1)[place]
        assert _holds(found, place, sum(map(Fraction, line.tolist()), Fraction(0)))


@settings(max_examples=50, deadline=None)
@given(TENSORS, st.integers(0, 2))
def test_running_sums(x: np.ndarray, axis: int) -> None:
    axis %= x.ndim
    found = running_sum(exact(x), axis)
    for place in np.ndindex(*x.shape):
        line = np.moveaxis(x, axis, -1)[tuple(np.delete(place, axis))][: place[axis] + 1]
        assert _holds(found, place, sum(map(Fraction, line.tolist()), Fraction(0)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), NUMBERS), max_size=20))
def test_scatters_add_up_what_has_one_index(pairs: list[tuple[int, float]]) -> None:
    index = np.array([place for place, _ in pairs], np.int64)
    found = scattered(exact(np.array([value for _, value in pairs])), index, 5)
    for place in range(5):
        assert _holds(found, (place,), sum((Fraction(v) for p, v in pairs if p == place), Fraction(0)))


@settings(max_examples=50, deadline=None)
@given(NUMBERS, NUMBERS.filter(bool))
def test_quotients(x: float, y: float) -> None:
    found = quotient(exact(np.array([x])), exact(np.array([y])))
    assert not np.isfinite(found.radius[0]) or _holds(found, (0,), Fraction(x) / Fraction(y))


def test_a_cotangent_of_what_was_broadcast_is_summed() -> None:
    found = summed_to(exact(np.arange(24.0).reshape(2, 3, 4)), (3, 1))
    assert np.array_equal(found.high, np.arange(24.0).reshape(2, 3, 4).sum((0, 2))[:, None])


def test_a_cotangent_of_nothing_hides_an_unknown_slope() -> None:
    with np.errstate(invalid="ignore"):
        found = times(exact(np.array([0.0, 1.0])), DoubleBall(np.zeros(2), np.zeros(2), np.full(2, np.inf)))
    assert found.exactly_zero.tolist() == [True, False]


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1.5e308, 5e-324, 1.0])
def test_what_data_may_hold(number: float) -> None:
    ball = tensor_balls.given(np.array([number]))
    assert np.isfinite(ball.radius[0])
    assert bool(infinite(ball)[0]) == np.isinf(number)
    assert np.isinf(number) or _holds(ball, (0,), Fraction(number))


#: Numbers of every size, and the ends of what balls, products and doubles hold.
EXTREMES = [0.0, -0.0, 5e-324, 2.0**-1022, 2.0**-960, 1e-300, 1.0, -3.0, 1e300, 2.0**990, 2.0**997, -1e308,
            np.finfo(float).max, np.finfo(float).min]  # fmt: skip


@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
def test_numbers_out_of_range(shape: tuple[int, ...]) -> None:
    """Whatever is claimed of them holds, as of others; a mask beside ordinary numbers is known."""
    with np.errstate(all="ignore"):
        for a, b in itertools.product(EXTREMES, repeat=2):
            x, y = (tensor_balls.given(np.full(shape, one)) for one in (a, b))
            exactly = Fraction(a), Fraction(b)
            for found, expected in [
                (plus(x, y), sum(exactly)),
                (product(x, y), math.prod(exactly)),
                *([(quotient(x, y), exactly[0] / exactly[1])] if b else []),
            ]:
                where = (0,) * len(shape)
                fields = DoubleBall(*(np.broadcast_to(field, shape) for field in found))
                assert not np.isfinite(fields.radius[where]) or _holds(fields, where, expected), (a, b)
            above = certainly_above(x, y)
            assert not np.any(above) or exactly[0] > exactly[1]
            assert np.all(above) or exactly[0] <= exactly[1] or max(map(abs, exactly)) < 2.0**-900
            for found, expected in [(plus(x, y), sum(exactly)), (product(x, y), math.prod(exactly))]:
                assert np.all(np.isfinite(found.radius)) or abs(expected) > np.finfo(float).max
            assert a or np.all(product(x, y).exactly_zero)


def test_what_a_tensor_holds_is_copied() -> None:
    values = np.array([1.0, 2.0])
    ball = tensor_balls.given(values)
    values[0] = 5.0
    assert ball.high.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("settings_", [((5,), (3,), (2,), (1,), (1,)), ((4, 3), (2, 2), (1, 2), (0, 1), (2, 1))])
def test_windows_are_put_back_where_they_come_from(settings_: tuple[tuple[int, ...], ...]) -> None:
    index, size = sliding(*settings_), int(np.prod(settings_[0]))
    x = exact(np.arange(1.0, size + 1)[None, :])
    windows = seen_by(x, index)
    assert np.array_equal(windows.high[0] != 0, index >= 0)
    counts = np.bincount(index[index >= 0], minlength=size)
    assert np.array_equal(put_back(windows, index, size).high[0], counts * np.arange(1.0, size + 1))


@pytest.mark.parametrize("signs", list(itertools.product([1.0, -1.0], repeat=2)))
def test_what_several_open_choices_change_is_added_up_without_signs(signs: tuple[float, float]) -> None:
    """Of an operand that is broadcast, both the differences and their tangents: each choice may be made otherwise."""
    half = np.full(2, 0.5)
    operand = Operand(torch.zeros((), dtype=torch.float64), exact(np.zeros(())), varies=True)
    choices = chosen_between(exact(np.zeros(2)), [operand], [half], [half]).open_choices
    assert choices is not None
    cotangent = DualBall.of(exact(np.array([1.0, signs[0]])), exact(np.array([3.0, signs[1]])))
    ((difference,),) = choices.differences([cotangent])
    assert difference is not None
    assert (float(difference.ball.high), float(tangent_of(difference.ball).high)) == (1.0, 2.0)
