"""What autograd does not see of a forward outside of Functions is told, where the whole function has another slope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx
from diffexplore.cli.main import main

Tensor = torch.Tensor


def under_no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        scale = x.abs().amax()
    return x / scale


def transposed_under_no_grad(x: Tensor) -> Tensor:
    row = x[None]
    with torch.no_grad():
        column = row.T
    return x * column[:, 0]


def viewed_under_no_grad(x: Tensor) -> Tensor:
    """A view there is a leaf of its own, and what is a view of that afterwards leads there, and not to x."""
    with torch.no_grad():
        column = x.view(-1, 1)
    return x * column.reshape(-1)


class Scaled(torch.autograd.Function):
    """A Function sees all that its forward computes, or the truth is estimated: nothing is severed there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.detach()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 2 * g * ctx.saved_tensors[0]


CONSTANT = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)


def counted(calls: list[int]) -> Callable[..., Any]:
    def stable(*inputs: Tensor) -> Tensor:
        calls.append(1)
        x = torch.stack(inputs).sum(0)
        return (x - x.max().detach()).softmax(-1)

    return stable


SEVERED: dict[str, Callable[..., Any]] = {
    "detach": lambda x: x * x.detach(),
    "data": lambda x: x * x.data,
    "item": lambda x: x * x.sum().item(),
    "tolist": lambda x: x * torch.tensor(x.tolist(), dtype=x.dtype),
    "float": lambda x: x * float(x[0]),
    "abs under no_grad": under_no_grad,
    "T under no_grad": transposed_under_no_grad,
    "view under no_grad": viewed_under_no_grad,
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


#: Each takes the shape or the dtype of x, and no number of it.
OF_NO_NUMBERS: dict[str, Callable[..., Any]] = {
    "to": lambda x: CONSTANT.float().to(x),
    "type_as": lambda x: CONSTANT.float().type_as(x),
    "expand_as": lambda x: CONSTANT[:1].expand_as(x),
    "view_as": lambda x: CONSTANT[None].view_as(x),
    "broadcast_tensors": lambda x: torch.broadcast_tensors(x, CONSTANT)[1],
    "meshgrid": lambda x: torch.meshgrid(CONSTANT, x, indexing="ij")[0][:, 0],
}


@pytest.mark.parametrize("name", OF_NO_NUMBERS)
def test_what_takes_no_numbers_makes_no_constant(name: str) -> None:
    """Also at an input beside which no slope is known, where a constant could be told of alone."""
    x = torch.tensor([0.5, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: x.abs() * OF_NO_NUMBERS[name](x), x, allow_inconclusive=True)
    assert not any("makes a constant" in note for note in report.notes), report.notes


@pytest.mark.parametrize("inputs", [1, 6])
def test_few_calls_tell_that_no_slope_is_lost(inputs: int) -> None:
    """Slopes by differences take hundreds of calls for each input."""
    calls: list[int] = []
    tensors = torch.randn(inputs, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).unbind()
    report = dx.gradcheck(counted(calls), [one.clone().requires_grad_() for one in tensors])
    assert report.verdict == "pass" and report.notes == () and len(calls) < 60 + 12 * inputs, len(calls)


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


def test_a_view_under_no_grad_is_a_constant_beside_an_estimated_truth() -> None:
    x = torch.tensor([0.5, -0.2], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: Exp.apply(x, torch.ones_like(x)) * viewed_under_no_grad(x), x)
    assert (report.verdict, report.truth) == ("pass", "estimated")


FILE = """
import torch

class Unprojected(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / x.norm(dim=-1, keepdim=True)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / x.norm(dim=-1, keepdim=True)

def scaled(x):
    return x / x.max().item()

def sample_inputs():
    x = torch.tensor([[0.5, -1.25, 2.0]], dtype=torch.float64, requires_grad=True)
    return {"Unprojected": (x,), "scaled": (x,)}
"""


def test_a_line_for_a_function_of_a_file_says_that_there_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the code that a cause names is written as the user wrote it."""
    path = tmp_path / "layers.py"
    path.write_text(FILE)
    assert main(["verify", str(path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "(1 note, which its own report has)" in printed
    assert "`x.norm(dim=-1, keepdim=True)`, layers.py:8 is missing" in printed
