"""Factors as large as an axis: a mean taken for its sum only where the program adds up so many terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from autograd_functions import function_of_all

import diffexplore as dx

Tensor = torch.Tensor


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def cause_of(forward: Callable[..., Tensor], backward: Callable[..., Any], *inputs: Tensor) -> str:
    report = dx.gradcheck(function_of_all(forward, backward), inputs, raise_exception=False, battery="none")
    return "; ".join(row.cause.message for row in report.failed if row.cause is not None)


PLAIN: dict[str, tuple[Any, ...]] = {
    "3": (lambda x: x**3, lambda g, x: 9 * x * x * g, numbers(4, 3)),
    "1/3": (lambda x: x * x, lambda g, x: 2 * x * g / 3, numbers(3)),
    "35": (lambda x: x * x, lambda g, x: 70 * x * g, numbers(5, 7)),
    "4": (torch.tanh, lambda g, x: 4 * (1 - x.tanh() ** 2) * g, numbers(4)),
}

OF_AN_AXIS: dict[str, tuple[Any, ...]] = {
    "mean over axis 0": (lambda x, b: x + b, lambda g, x, b: (g, g.mean(0)), numbers(5, 6), numbers(6)),
    "mean over axis 0 of the output": (
        lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g / 5), numbers(5, 6), numbers(6, 4)
    ),
    "sum over axis 0": (lambda x: x.mean(0), lambda g, x: g.expand(5, 6).clone(), numbers(5, 6)),
    "sum over axes 0, 1": (lambda x: (x * x).mean(), lambda g, x: 2 * x * g, numbers(4, 3)),
}  # fmt: skip


@pytest.mark.parametrize("factor", PLAIN)
def test_a_factor_is_a_factor_where_nothing_is_added_up(factor: str) -> None:
    assert cause_of(*PLAIN[factor]) == f"it is {factor} times the gradient"


@pytest.mark.parametrize("words", OF_AN_AXIS)
def test_a_factor_of_an_axis_that_is_added_up_is_named_by_it(words: str) -> None:
    assert words in cause_of(*OF_AN_AXIS[words])


def test_a_fraction_is_named_only_where_no_other_one_explains_as_much() -> None:
    """In bfloat16, 1.05 may be 21/20, 16/15 or 17/16."""
    x = numbers(4, 3).detach().to(torch.bfloat16).requires_grad_()
    found = cause_of(lambda x: x * x, lambda g, x: 1.05 * 2 * x * g, x)
    assert found.startswith("it is 1.0") and "±" in found and "/" not in found
    assert cause_of(lambda x: x * x, lambda g, x: 3 * x * g, x) == "it is 3/2 times the gradient"
