"""What autograd does not see of a forward outside of Functions is told, where the whole function has another slope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


def under_no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        scale = x.abs().amax()
    return x / scale


class Scaled(torch.autograd.Function):
    """A Function sees all that its forward computes, or the truth is estimated: nothing is severed there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.detach()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 2 * g * ctx.saved_tensors[0]


SEVERED: dict[str, Callable[..., Any]] = {
    "detach": lambda x: x * x.detach(),
    "data": lambda x: x * x.data,
    "item": lambda x: x * x.sum().item(),
    "tolist": lambda x: x * torch.tensor(x.tolist(), dtype=x.dtype),
    "float": lambda x: x * float(x[0]),
    "abs under no_grad": under_no_grad,
    "detach ": lambda x: x * torch.from_numpy(np.exp(x.detach().numpy())),
}

WHOLE: dict[str, Callable[..., Any]] = {
    "sine": torch.sin,
    "the largest is subtracted": lambda x: (x - x.max().detach()).softmax(-1),
    "only its shape": lambda x: x * torch.ones_like(x) + x.new_zeros(len(x)),
    "printed": lambda x: x * (x.sum().item() == x.sum().item()),
    "a Function": Scaled,
}


def notes(function: Callable[..., Any], dtype: torch.dtype = torch.float64) -> str:
    x = torch.tensor([0.7, -1.2, 2.1], dtype=dtype, requires_grad=True)
    report = dx.gradcheck(function, x)
    assert report.verdict == "pass" and report.truth == "certified"
    return " ".join(report.notes)


@pytest.mark.parametrize("way", SEVERED)
def test_a_path_that_autograd_does_not_see_is_told(way: str) -> None:
    said = notes(SEVERED[way])
    assert f"{way.strip()} (test_gradcheck_severed.py, line" in said and "makes a constant" in said, said


def test_the_slopes_are_those_with_and_without_the_path() -> None:
    said = notes(lambda x: (x * x.detach()).sum())
    before, _, after = said.rpartition(", and ")
    assert abs(float(before.split()[-1].replace("−", "-")) - 2 * float(after.split()[0].replace("−", "-"))) < 0.01, said


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_told_in_narrow_dtypes(dtype: torch.dtype) -> None:
    assert "detach" in notes(SEVERED["detach"], dtype)


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_told_where_no_slope_is_lost(name: str) -> None:
    assert notes(WHOLE[name]) == ""


class Exp(torch.autograd.Function):
    """exp(x) · w in NumPy, which cannot be read."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return torch.from_numpy(np.exp(x.detach().numpy()) * w.detach().numpy())

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return g * x.exp() * w, g * x.exp()


def test_a_constant_beside_an_estimated_truth_is_none_of_the_other_inputs() -> None:
    x, w = (torch.tensor(numbers, dtype=torch.float64, requires_grad=True) for numbers in ([0.5, -0.2], [3.0, 4.0]))
    report = dx.gradcheck(lambda x, w: Exp.apply(x, w) * x.detach(), (x, w))
    assert (report.verdict, report.truth) == ("pass", "estimated") and "detach (" in report.notes[-1]
