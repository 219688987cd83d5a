"""Zeros on the way back: what is not used does not matter, and what is 0 at this point says nothing of a slope behind.

The function behind is √x, at x = 0: its slope is infinite there. Each case has its other entry at 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import diffexplore as dx

Tensor = torch.Tensor

ONE = torch.ones(2, dtype=torch.float64)
MASK = torch.tensor([0.0, 1.0], dtype=torch.float64)


def claiming_0(function: Callable[[Tensor], Tensor], *, behind: Callable[[Tensor], Tensor] = torch.sqrt) -> Any:
    """``function`` of what is ``behind`` it, with a backward pass that gives 0 where torch's gives NaN."""

    class Claiming(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return function(behind(x))

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                again = x.detach().requires_grad_()
                (found,) = torch.autograd.grad(function(behind(again)), again, g)
            return found.nan_to_num(0.0, 0.0, 0.0)

    return Claiming


def unknown_entries(function: Any, x: list[float], verdict: str = "pass") -> int:
    inputs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(function, inputs, battery="none", raise_exception=False)
    assert report.verdict == verdict
    (row,) = report.rows
    assert verdict != "pass" or (row.truth is not None and row.truth.kind == "certified")
    return int(row.entries.kinks)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda s: s**2, id="square"),
        pytest.param(lambda s: s * s, id="product"),
        pytest.param(lambda s: s**4, id="fourth power"),
        pytest.param(lambda s: s * MASK, id="mask of numbers"),
        pytest.param(lambda s: 0.0 * s + MASK * s, id="the number 0"),
        pytest.param(lambda s: torch.cosh(s), id="extremum"),
        pytest.param(lambda s: F.mse_loss(s, MASK, reduction="none"), id="squared error"),
        pytest.param(lambda s: torch.lerp(MASK, s, 0.0) + s * MASK, id="weight of 0"),
        pytest.param(lambda s: torch.addcmul(MASK * s, s, torch.zeros_like(s)), id="factor of 0"),
        pytest.param(lambda s: torch.sub(MASK * s, s, alpha=0), id="alpha of 0"),
        pytest.param(lambda s: (MASK * s).index_add(0, torch.arange(2), s, alpha=0), id="alpha of an index"),
        pytest.param(lambda s: s.reshape(1, 2) @ torch.diag(MASK), id="matrix"),
        pytest.param(lambda s: s / (1 + s) * s, id="quotient"),
        pytest.param(lambda s: torch.where(s >= 0, s**2, s), id="square that is chosen"),
    ],
)  # fmt: skip
def test_a_slope_of_0_at_this_point_does_not_hide_an_infinite_one(function: Callable[[Tensor], Tensor]) -> None:
    assert unknown_entries(claiming_0(function), [0.0, 2.0]) == 1


@pytest.mark.parametrize(
    ("behind", "x"),
    [
        pytest.param(torch.acos, [1.0, 0.75], id="acos"),
        pytest.param(torch.acosh, [1.0, 1.5], id="acosh"),
        pytest.param(lambda x: x**0.25, [0.0, 0.75], id="power"),
        pytest.param(lambda x: (x**2).sqrt(), [0.0, 0.75], id="root of a square"),
        pytest.param(lambda x: torch.stack([x, 2 * x]).norm(dim=0), [0.0, 0.75], id="norm"),
        pytest.param(lambda x: (1 - x) ** 0.5, [1.0, 0.75], id="reflected"),
    ],
)
def test_nor_that_of_another_function(behind: Callable[[Tensor], Tensor], x: list[float]) -> None:
    assert unknown_entries(claiming_0(lambda y: y**2, behind=behind), x) == 1


def test_nor_do_minors_of_a_singular_matrix() -> None:
    """The determinant of a diagonal matrix with two zeros: all of its slopes are 0."""
    assert unknown_entries(claiming_0(lambda s: torch.diag(s).det()), [0.0, 0.0, 2.0], "inconclusive") == 2


@pytest.mark.parametrize(
    "choice",
    [lambda s: s[:2].max(), lambda s: s[:2].topk(1).values, lambda s: s[:2].sort().values[1:],
     lambda s: torch.maximum(s[0], s[1])],
    ids=["max", "topk", "sort", "maximum"],
)  # fmt: skip
def test_it_hides_nothing_of_what_might_have_been_chosen(choice: Callable[[Tensor], Tensor]) -> None:
    assert unknown_entries(claiming_0(lambda s: 0.0 * choice(s) + s[2]), [0.0, 0.0, 2.0]) == 2


@pytest.mark.parametrize(
    "bounded",
    [
        pytest.param(torch.abs, id="kink"),
        pytest.param(torch.sign, id="jump"),
        pytest.param(torch.floor, id="step"),
        pytest.param(lambda x: torch.where(x > 0, x, -x), id="tie of a condition"),
        pytest.param(lambda x: torch.maximum(x, -x), id="tie of two"),
        pytest.param(lambda x: torch.stack([x, -x]).amax(0), id="tie along an axis"),
        pytest.param(lambda x: torch.stack([x, -x]).sort(0).values[0], id="tie of ranks"),
    ],
)
def test_what_is_bounded_vanishes_with_a_factor_that_does(bounded: Callable[[Tensor], Tensor]) -> None:
    """x²·f(x) has the derivative 0 at 0."""
    assert unknown_entries(claiming_0(lambda x: x**2 * bounded(x), behind=torch.clone), [0.0, 2.5]) == 0


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda s: s[1:], id="index"),
        pytest.param(lambda s: s[1:] * s[1:], id="index, twice"),
        pytest.param(lambda s: (s[1:] + s[1:].exp()).cumsum(0), id="slices, added up"),
        pytest.param(lambda s: torch.where(torch.tensor([False, True]), s, ONE), id="where"),
        pytest.param(lambda s: s.masked_fill(torch.tensor([True, False]), 3.0) ** 2, id="masked_fill"),
        pytest.param(lambda s: (s - 1).relu(), id="relu"),
        pytest.param(lambda s: F.relu6(s - 1), id="relu6"),
        pytest.param(lambda s: s.clamp(min=0.5) ** 2, id="clamp"),
        pytest.param(lambda s: F.hardshrink(s, 0.5) + F.threshold(s, 0.5, 3.0), id="shrinkage"),
        pytest.param(lambda s: torch.maximum(s, ONE), id="maximum"),
        pytest.param(lambda s: s.max(), id="max"),
        pytest.param(lambda s: s.topk(1).values, id="topk"),
        pytest.param(lambda s: s.round(), id="round"),
        pytest.param(lambda s: torch.stack([s, ONE]).tril(-1)[1:, :1] + s[1:], id="tril"),
        pytest.param(lambda s: s.reshape(1, 2).gather(1, torch.tensor([[1]])), id="gather"),
    ],
)  # fmt: skip
def test_what_is_not_used_stays_certified(function: Callable[[Tensor], Tensor]) -> None:
    assert unknown_entries(claiming_0(function), [0.0, 2.0]) == 0


def test_a_second_derivative_is_not_hidden_either() -> None:
    """√x⁴ = x², of which the second derivative is 2."""
    x = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sqrt() ** 4

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * torch.where(x > 0, 2 * x, 0.0)

    report = dx.gradgradcheck(Square, x, raise_exception=False)
    row = next(row for row in report.rows if row.input == "x")
    assert (row.entries.failed, row.entries.kinks) == (0, 1)
