"""Entries that count as 0 beside others: a report says how many there are, and what could hide in them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


def scaled(scales: list[float], factor: float) -> type[torch.autograd.Function]:
    """Numbers times their scales; the gradient by the first is off by a factor."""

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * torch.tensor(scales, dtype=x.dtype)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * torch.tensor([factor * scales[0], *scales[1:]], dtype=g.dtype)

    return Scaled


X = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("jacobian", [False, True])
def test_a_wrong_entry_that_counts_as_0_is_no_more_than_it_is_said_to_be(jacobian: bool) -> None:
    report = dx.gradcheck(scaled([1e-300, 1e12, 1.0], 1.5), X, battery="none", jacobian=jacobian)
    (row,) = report.rows
    assert row.entries.zeros == 1
    assert row.smallest_detectable is not None and row.smallest_detectable < 1e-15
    assert row.smallest_detectable_abs is not None and 5e-301 < row.smallest_detectable_abs < 1e-250
    assert "1 entry counts as 0: an error of" in " ".join(str(report).split())


@pytest.mark.parametrize("smallest", [1e-250, 1e-30, 1e-6])
def test_a_wrong_entry_that_does_not_count_as_0_fails(smallest: float) -> None:
    report = dx.gradcheck(scaled([smallest, 1e12, 1.0], 1 + 1e-12), X, battery="none", raise_exception=False)
    assert (report.verdict, report.rows[0].entries.failed) == ("fail", 1)


def test_a_zero_in_which_nothing_hides_is_not_counted() -> None:
    report = dx.gradcheck(scaled([0.0, 1e12, 1.0], 1.0), X, battery="none")
    assert (report.rows[0].entries.zeros, report.rows[0].smallest_detectable_abs) == (0, None)
