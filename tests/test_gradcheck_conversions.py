"""Conversions between dtypes: integers of many digits, floats of 8 bits, integers made of floats."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.watch import Watch, watched
from diffexplore.errors import CandidateError, UsageError

Tensor = torch.Tensor

#: The first integer that a dtype does not have.
BEYOND = {torch.float64: 2**53 + 1, torch.float32: 2**24 + 1, torch.bfloat16: 2**8 + 1, torch.float16: 2**11 + 1}

EIGHT_BITS = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def vector(dtype: torch.dtype) -> Tensor:
    return torch.tensor([0.5, -1.25, 3.0], dtype=dtype, requires_grad=True)


WAYS: dict[str, Callable[[Tensor, torch.dtype], Tensor]] = {
    "to": lambda n, dtype: n.to(dtype),
    "copy_": lambda n, dtype: torch.empty(n.shape, dtype=dtype).copy_(n),
    "fill_": lambda n, dtype: torch.empty(3, dtype=dtype).fill_(n[0]),
    "a Python number": lambda n, dtype: torch.full((3,), int(n[0]), dtype=dtype),
    "in a product": lambda n, dtype: n * torch.ones(3, dtype=dtype),
    "in a quotient": lambda n, dtype: n / torch.ones(3, dtype=dtype),
    "in a maximum": lambda n, dtype: torch.maximum(n, torch.zeros(3, dtype=dtype)),
    "cut off": lambda n, dtype: n.clamp(min=torch.zeros(3, dtype=dtype)),
    "cat": lambda n, dtype: torch.cat([torch.ones(1, dtype=dtype), n])[1:],
    "stack": lambda n, dtype: torch.stack([n, torch.ones(3, dtype=dtype)])[0],
    "a running sum": lambda n, dtype: torch.cumsum(n[None], 0, dtype=dtype)[0],
    "out=": lambda n, dtype: torch.add(n, 0, out=torch.empty(3, dtype=dtype)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", BEYOND)
def test_the_radius_of_a_converted_integer_holds_it(way: str, dtype: torch.dtype) -> None:
    exactly = BEYOND[dtype]
    (ball,) = watched(lambda: (WAYS[way](torch.tensor([exactly] * 3), dtype),))
    for mid, rad in zip(ball.mid.tolist(), ball.rad.expand(3).tolist(), strict=True):
        assert 0 < abs(Fraction(mid) - exactly) <= Fraction(rad)


@pytest.mark.parametrize("choose", [torch.maximum, torch.fmax, lambda x, y: -torch.minimum(-x, -y)])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_number_that_is_converted_and_chosen_keeps_what_it_lost(choose: Any, swapped: bool) -> None:
    number, others = torch.tensor(0.1, dtype=torch.float64), torch.tensor([-3.0, -0.5], dtype=torch.float16)
    operands = (others, number) if swapped else (number, others)
    (ball,) = watched(lambda: (choose(*operands),))
    assert bool(((ball.mid - number).abs() > 0).all()) and bool(((ball.mid - number).abs() <= ball.rad).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_remainder_counts_what_the_conversion_of_its_number_lost(dtype: torch.dtype, swapped: bool) -> None:
    number, x = 0.3, torch.tensor([1.0, -2.5, 0.7], dtype=dtype)
    (ball,) = watched(lambda: (number % x if swapped else x % number,))
    for mid, rad, one in zip(ball.mid.tolist(), ball.rad.tolist(), x.tolist(), strict=True):
        first, second = (Fraction(number), Fraction(one)) if swapped else (Fraction(one), Fraction(number))
        assert 0 < abs(Fraction(mid) - first % second) <= Fraction(rad)


@pytest.mark.parametrize("add", [torch.sum, torch.nansum, torch.mean, lambda x, dtype: x.cumsum(0, dtype=dtype)[-1]])
def test_terms_that_a_sum_converts_first_are_rounded_each(add: Any) -> None:
    terms = torch.tensor([0.1, 0.7, -2.3, 0.33], dtype=torch.float64)
    (ball,) = watched(lambda: (add(terms, dtype=torch.float16),))
    exactly = sum(map(Fraction, terms.tolist())) / (4 if add is torch.mean else 1)
    assert abs(Fraction(float(ball.mid)) - exactly) <= Fraction(float(ball.rad))


@pytest.mark.parametrize(
    "factor", [torch.tensor([2**53 + 1]), torch.tensor([2**62 + 2**9 + 1]), 2**53 + 1, -(2**60) - 1]
)
def test_the_truth_has_all_digits_of_an_integer(factor: Any) -> None:
    one = torch.ones(1, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: x * factor, one, jacobian=True, battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")
    truth = report.rows[0].truth
    assert truth is not None and abs(Fraction(truth.mid) - int(factor)) <= Fraction(truth.rad) < 1


@pytest.mark.parametrize(("way", "dtype"), each_value(list(WAYS), list(BEYOND), rounds=2))
def test_gradients_by_factors_that_are_integers_are_certified(way: str, dtype: torch.dtype) -> None:
    n = torch.tensor([BEYOND[dtype]] * 3)
    report = dx.gradcheck(lambda x: x * WAYS[way](n, dtype), vector(dtype), battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")


def test_integers_of_floats_are_open_only_where_rounding_may_turn_them_into_others() -> None:
    with Watch() as watch:
        third = torch.tensor([1.0, 1.0, 2.5], dtype=torch.float64) / torch.tensor([3.0, 4.0, 3.0], dtype=torch.float64)
        times = (third * torch.tensor([3.0, 3.0, 3.0], dtype=torch.float64)).long()
        back = times.to(torch.float64)
        undecided, radius = watch.undecided(times), watch.radius(back)
    assert undecided is not None and undecided.tolist() == [True, False, False]
    assert radius.isinf().tolist() == [True, False, False]


# ------------------------------------------------------------------------------------------------------ 8 bits
class Quantised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        return x.to(dtype).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g, None


@pytest.mark.parametrize(("dtype", "wide"), each_value(EIGHT_BITS, [torch.float32, torch.float64]))
def test_what_is_stored_in_8_bits_passes_and_a_sign_does_not(dtype: torch.dtype, wide: torch.dtype) -> None:
    """Rounding to 8 bits is rounding: in forward, and of the gradient, which torch converts as well."""
    assert dx.gradcheck(lambda x: x.to(dtype).to(x.dtype) * x, vector(wide)).truth == "certified"
    assert dx.gradcheck(lambda x: Quantised.apply(x, dtype) * x, vector(wide))

    class Negated(Quantised):
        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
            return -g, None

    assert not dx.gradcheck(lambda x: Negated.apply(x, dtype), vector(wide), raise_exception=False, battery="none")


@pytest.mark.parametrize("dtype", [*EIGHT_BITS, torch.float8_e8m0fnu])
def test_gradients_in_8_bits_are_refused_in_one_line(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(CandidateError, match=f"the output of the function is {name}: gradients are checked of outputs"):
        dx.gradcheck(lambda x: x.to(dtype), vector(torch.float32))
    with pytest.raises(UsageError, match=f"{name}: gradients are checked in float64"):
        dx.gradcheck(lambda x: x.float(), torch.ones(2).to(dtype).requires_grad_())
    report = dx.gradcheck(lambda x: (x * x, x.to(dtype)), vector(torch.float32), battery="none")
    assert [skip.reason for skip in report.skipped] == [f"gradients are not checked in its dtype ({name})"]
