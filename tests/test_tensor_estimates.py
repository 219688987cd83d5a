"""Truths that are estimated by differences: what steps go over by chance is no truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


def clipped(width: float, factor: float) -> type[torch.autograd.Function]:
    """3·clip(x, −width, width) + x/2 in NumPy, whose slope within the width is 7/2, times a factor."""

    class Clipped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return torch.from_numpy(3 * np.clip(x.detach().numpy(), -width, width) + x.detach().numpy() / 2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return factor * 3.5 * g

    return Clipped


@pytest.mark.parametrize("place", [9, 12, 12.5, 13, 13.75])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (0.999, "fail")])
def test_steps_over_both_kinks_do_not_agree_with_those_between_them(place: float, factor: float, verdict: str) -> None:
    """Differences at the two largest of them are within a hundredth of each other, and far from the slope."""
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(clipped(2.0**-place, factor), x, raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "estimated"), str(report)


def test_at_the_kink_itself_nothing_is_known() -> None:
    x = torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(clipped(0.5, 1.0), x, raise_exception=False).verdict == "inconclusive"
