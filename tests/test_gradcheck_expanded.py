"""Inputs that are expanded: functions that run at these alone are checked as functions of the elements in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


def of_expanded(factor: float = 1.0) -> Any:
    """sin(x) · w for an x whose rows are one row in memory; the gradient by x is multiplied by ``factor``."""

    class OfExpanded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            if x.stride(0):
                raise ValueError("the rows are not expanded")
            ctx.save_for_backward(x, w)
            return x.sin() * w

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            x, w = ctx.saved_tensors
            return factor * g * x.cos() * w, g * x.sin()

    return OfExpanded


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    row = torch.linspace(-1, 1, 5, dtype=dtype)[None]
    return row.expand(4, 5).requires_grad_(), torch.linspace(0.5, 2, 20, dtype=dtype).view(4, 5).requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("factor", [1.0, 1.125])
def test_the_elements_in_memory_are_differentiated_by(factor: float, dtype: torch.dtype) -> None:
    report = dx.gradcheck(of_expanded(factor), inputs(dtype), raise_exception=False)
    assert (report.verdict, report.truth) == ("pass" if factor == 1.0 else "fail", "certified")
    assert [(row.input, row.shape) for row in report.rows if row.entry] == [("x", (1, 5)), ("w", (4, 5))]
    assert any("does not run at a dense copy of x" in note for note in report.notes)


def test_so_they_are_against_a_reference_a_surrogate_and_twice() -> None:
    assert dx.gradcheck(of_expanded(), inputs(), reference=lambda x, w: x.sin() * w)
    assert dx.gradcheck(of_expanded(), inputs(), surrogate="sin(x)*w")
    assert dx.gradgradcheck(of_expanded(), inputs())
    assert not dx.gradcheck(of_expanded(), inputs(), surrogate="identity", raise_exception=False)


def test_an_expanded_constant_stays_expanded() -> None:
    x, w = inputs()
    report = dx.gradcheck(of_expanded(), (x.detach(), w))
    assert [row.shape for row in report.rows] == [(4, 5)] and not report.notes


def test_what_runs_at_dense_copies_has_each_entry_compared() -> None:
    report = dx.gradcheck(lambda x, w: x.sin() * w, inputs())
    assert [row.shape for row in report.rows] == [(4, 5), (4, 5)]


def test_what_runs_at_neither_is_refused() -> None:
    with pytest.raises(dx.UsageError, match="raises ValueError: the rows are not expanded"):
        dx.gradcheck(of_expanded(), tuple(one.detach().clone().requires_grad_() for one in inputs()))


def test_a_replay_keeps_that_they_are_expanded(tmp_path: Path) -> None:
    path = tmp_path / "again.json"
    dx.gradcheck(of_expanded(2.0), inputs(), raise_exception=False, replay=path)
    assert dx.gradcheck(of_expanded(), path).verdict == "pass"
    assert dx.gradcheck(of_expanded(2.0), path, raise_exception=False).verdict == "fail"


@pytest.mark.parametrize("expanded", [True, False])
def test_what_is_undecided_at_a_tie_is_undecided_for_other_upstream_gradients(expanded: bool) -> None:
    row = torch.tensor([[-1.1482, -0.9717]], dtype=torch.float64)
    x = (row.expand(2, 2) if expanded else row.repeat(2, 1)).requires_grad_()
    report = dx.gradcheck(lambda x: (1.5 * x).amax(0), x, raise_exception=False)
    assert report.verdict == "inconclusive", str(report)
