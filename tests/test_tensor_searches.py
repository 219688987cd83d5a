"""Forwards that search for their output: the slope of the last step is not that of what they compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from representatives import slow

import diffexplore as dx

Tensor = torch.Tensor


def root(x: Tensor, *, of_input: bool) -> Tensor:
    """y with y³ + y = x, by bisection: between constants, or between bounds that depend on x."""
    low = x - 2 if of_input else torch.full_like(x, -2.0)
    width = x.abs() + 2 if of_input else torch.full_like(x, 4.0)
    for _ in range(36):
        width = width / 2
        middle = low + width
        low = torch.where(middle**3 + middle <= x, middle, low)
    return low


def cubic(factor: float, *, of_input: bool) -> type[torch.autograd.Function]:
    """The root, with a multiple of its derivative, which is 1 / (3y² + 1)."""

    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = root(x, of_input=of_input)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (y,) = ctx.saved_tensors
            return factor * g / (3 * y**2 + 1)

    return Root


@pytest.mark.parametrize(
    ("factor", "verdict", "of_input", "dtype"),
    [
        (1.0, "pass", True, torch.float64),
        (0.9, "fail", False, torch.float32),
        slow(1.0, "pass", False, torch.float32),
        slow(0.9, "fail", True, torch.float64),
    ],
)
def test_what_a_bisection_computes_is_estimated(
    factor: float, verdict: str, of_input: bool, dtype: torch.dtype
) -> None:
    x = torch.tensor(0.7, dtype=dtype, requires_grad=True)
    report = dx.gradcheck(cubic(factor, of_input=of_input), x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == (verdict, "estimated"), str(report)
    assert "goes in tiny steps" in report.notes[0]


@pytest.mark.parametrize("levels", [4.0, 2.0**12])
def test_a_step_that_is_wider_than_rounding_stays_one(levels: float) -> None:
    """The straight-through gradient is right over many steps, and is named for what it is."""

    class Quantised(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return (x * levels).round() / levels

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    x = torch.tensor([0.3, -1.7], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Quantised, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("fail", "certified")
    assert "the forward is a step in x" in str(report)


def test_a_search_until_it_is_close_enough_is_estimated() -> None:
    """What is read from a tensor, to end the search, leaves no bound of the gradients."""

    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            low, width = torch.full_like(x, -2.0), torch.full_like(x, 4.0)
            while width.max().item() > 1e-12:
                width = width / 2
                low[low + width <= x - (low + width) ** 3] += width[0]
            ctx.save_for_backward(low)
            return low

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (y,) = ctx.saved_tensors
            return g / (3 * y**2 + 1)

    x = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Root, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated"), str(report)


def test_a_convention_of_torch_is_no_search() -> None:
    """A factorisation reads one triangle of a matrix, and its gradient is told as if it read both."""

    class Solved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
            lower = torch.linalg.cholesky(a)
            x = torch.cholesky_solve(b, lower)
            ctx.save_for_backward(lower, x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            lower, x = ctx.saved_tensors
            by_b = torch.cholesky_solve(g, lower)
            return -x @ by_b.mT, by_b

    root = torch.tensor([[2.0, 0.0], [0.5, 1.0]], dtype=torch.float64)
    a, b = (root @ root.mT).requires_grad_(), torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Solved, (a, b), raise_exception=False, battery="none")
    assert report.truth == "certified", str(report)


@pytest.mark.parametrize(
    ("until", "factor", "verdicts"),
    [slow(1e-4, 1.0, {"pass", "inconclusive"}), (1e-6, 1.0, {"pass"}), (1e-6, 0.9, {"fail"})],
)
def test_a_search_that_ends_early_goes_in_stairs_whose_slope_is_not_its_own(
    until: float, factor: float, verdicts: set[str]
) -> None:
    """All its steps are of the input: the slope within a stair is 1, and that of the root another one."""

    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            low, high = x - 2, x + 2
            while (high - low).max().item() > until:
                middle = (low + high) / 2
                below = middle**3 + middle <= x
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            ctx.save_for_backward(low)
            return low

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (y,) = ctx.saved_tensors
            return factor * g / (3 * y**2 + 1)

    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Root, x, raise_exception=False, battery="none")
    assert report.verdict in verdicts, str(report)
    assert report.truth == "estimated"
