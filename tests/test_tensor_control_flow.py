"""Operators of control flow in a forward, which torch compiles where they are called: cond, while_loop, scan, map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from autograd_functions import function_of
from torch._higher_order_ops.map import map as mapped
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop

import diffexplore as dx

Tensor = torch.Tensor


def branch(x: Tensor) -> Tensor:
    return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))  # type: ignore[no-any-return]


def loop(x: Tensor) -> Tensor:
    return while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * y.sin()), (torch.tensor(0), x))[1]  # type: ignore[no-any-return]


def products(x: Tensor) -> Tensor:
    return scan(lambda carry, one: (carry * one, carry + one), torch.ones((), dtype=x.dtype), x)[1]  # type: ignore[no-any-return]


def squares(x: Tensor) -> Tensor:
    return mapped(lambda one: one * one, x)  # type: ignore[no-any-return]


X = torch.tensor([0.5, -1.25, 2.0, 0.75], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    "function", [branch, *(pytest.param(one, marks=pytest.mark.slow) for one in (loop, products, squares))]
)
def test_their_gradients_have_a_certified_truth(function: Callable[[Tensor], Tensor]) -> None:
    assert dx.gradcheck(function, X, battery="none").truth == "certified"


def test_within_a_function_a_wrong_gradient_fails_and_torch_is_left_as_it_was() -> None:
    sine = function_of(branch, lambda g, x: 1.001 * g * x.cos())

    report = dx.gradcheck(sine, X, raise_exception=False)
    assert (report.verdict, report.truth) == ("fail", "certified")
    assert torch.equal(branch(X), X.sin())  # under a mode it would fail from then on
