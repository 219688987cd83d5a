"""Entries of which no derivative is known because numbers overflow: they are at no kink, and are not said to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


@pytest.mark.parametrize(
    ("function", "numbers", "operation"),
    [
        (lambda x: x * x, [1e300, 3e300], "mul"),
        (torch.exp, [1000.0, 2000.0], "exp"),
        (torch.reciprocal, [1e-310, -1e-311], "reciprocal"),
    ],
)
def test_the_operation_that_overflows_is_named(
    function: Callable[[Tensor], Tensor], numbers: list[float], operation: str
) -> None:
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    (row,) = dx.gradcheck(function, x, raise_exception=False, battery="none").rows
    assert row.verdict == "inconclusive"
    assert row.cause is not None and row.cause.key == "overflow"
    assert row.cause.message.startswith(f"{operation} overflows at [0], in ")
    assert row.entries.overflows == row.entries.kinks == 2


def test_an_overflow_in_the_arithmetic_of_the_truth_is_none_of_the_function() -> None:
    x = torch.tensor([1e300, 3e300], dtype=torch.float64, requires_grad=True)
    (row,) = dx.gradcheck(lambda x: torch.logaddexp(x, -x), x, raise_exception=False, battery="none").rows
    assert row.cause is not None
    assert (row.cause.key, "overflow in the arithmetic of the truth" in row.cause.message) == ("overflow", True)


@pytest.mark.parametrize("function", [torch.reciprocal, torch.log, lambda x: x / x.abs() ** 2])
def test_a_pole_is_no_overflow(function: Callable[[Tensor], Tensor]) -> None:
    report = dx.gradcheck(function, torch.tensor([0.0, 1.0], requires_grad=True), raise_exception=False, battery="none")
    assert report.rows[0].entries.overflows == 0
    assert "where numbers overflow" not in str(report)


def test_entries_beside_an_overflow_are_decided() -> None:
    x = torch.tensor([1e300, 2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: x * x, x, battery="none")
    assert "x: 1 entry undecided, where numbers overflow" in str(report)


def test_a_kink_beside_an_overflow_is_not_said_to_be_one() -> None:
    """Which of both leaves the derivative unknown is not told apart: the note says so."""
    x = torch.tensor([0.0, 2.0, 800.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: x.abs() + 1 / (1 + x.exp()), x, battery="none", raise_exception=False)
    note = "x: 2 entries undecided, where numbers overflow, or at a kink, a tie or a singularity"
    assert note in " ".join(str(report).split())


@pytest.mark.parametrize("function", [torch.dist, lambda x, y: (x * x + y * y).sum().sqrt()], ids=["dist", "norm"])
def test_a_forward_that_overflows_on_its_way_is_no_other_function(function: Callable[..., Tensor]) -> None:
    """Its value is infinite where the exact one is a float; the gradient of 0 that follows is rounding's, as bounds go."""
    x, y = (2.0**65 * torch.tensor(numbers) for numbers in ([1.0, 2.0, -3.0], [0.5, 1.0, 1.0]))
    inputs = x.requires_grad_(), y.requires_grad_()
    report = dx.gradcheck(function, inputs, battery="none", raise_exception=False)
    assert report.truth == "certified" and report.verdict != "fail", str(report)
    assert not any("computes other numbers" in note for note in report.notes)
