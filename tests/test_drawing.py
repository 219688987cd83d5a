"""Kernels that draw random numbers, under a watch: they draw what they would without one, and have bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import diffexplore as dx
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

DRAWING: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout in one kernel": lambda x: torch.native_dropout(x * x, 0.3, True)[0],
    "that drops nothing": lambda x: torch.native_dropout(x, 0.5, False)[0].exp(),
    "that drops all": lambda x: torch.native_dropout(x, 1.0, True)[0],
    "and others after it": lambda x: torch.native_dropout(x, 0.5, True)[0] * torch.rand_like(x),
    "dropout": lambda x: F.dropout(x, 0.3),
    "of a self-normalising net": lambda x: F.alpha_dropout(x, 0.3, True),
    "random slopes": lambda x: F.rrelu(x, training=True),
    "random slopes in place": lambda x: F.rrelu(2 * x, training=True, inplace=True),
    "mean slopes": lambda x: F.rrelu(x),
    "normal noise": lambda x: x * torch.normal(x.detach(), 1.0),
    "of a categorical distribution": lambda x: F.gumbel_softmax(x),
    "of the binomial, without a bound": lambda x: x * torch.binomial(torch.full_like(x, 5.0), torch.full_like(x, 0.5)),
}


def _points(dtype: torch.dtype) -> Tensor:
    return torch.linspace(-2, 3, 24, dtype=torch.float64).to(dtype).requires_grad_()


def _seeded(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch.manual_seed(7)
    return function(x).detach()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", DRAWING)
def test_a_watch_changes_no_number(name: str, dtype: torch.dtype) -> None:
    x = _points(dtype)
    plain = _seeded(DRAWING[name], x)
    after = torch.rand(3)
    with Watch():
        watched = _seeded(DRAWING[name], x)
    assert torch.equal(plain, watched)
    assert torch.equal(after, torch.rand(3))  # and nothing that is drawn after it


@pytest.mark.parametrize("name", DRAWING)
def test_right_gradients_pass(name: str) -> None:
    report = dx.gradcheck(DRAWING[name], _points(torch.float64), raise_exception=False)
    assert report.verdict == "pass", report
    assert report.truth == "certified", report
    assert all(row.smallest_detectable is None or row.smallest_detectable < 1e-12 for row in report.rows), report


@pytest.mark.parametrize("factor", [2.0, 1.0])
def test_a_backward_of_dropout_that_forgets_the_scale_fails(factor: float) -> None:
    class Dropped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            found, kept = torch.native_dropout(x, 0.5, True)
            ctx.save_for_backward(kept)
            return found

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return factor * upstream * ctx.saved_tensors[0]

    report = dx.gradcheck(Dropped.apply, _points(torch.float64), raise_exception=False)
    assert report.verdict == ("pass" if factor == 2 else "fail"), report
    if factor != 2:
        assert "a factor 2 is missing" in str(report)


@pytest.mark.parametrize("unwatched", [2, 3])
def test_what_a_watch_changes_is_judged_by_what_it_computes_without(unwatched: int) -> None:
    from torch.utils._python_dispatch import _get_current_dispatch_mode

    class Tripled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 3 * x

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return (3 if isinstance(_get_current_dispatch_mode(), Watch) else unwatched) * upstream

    report = dx.gradcheck(Tripled.apply, _points(torch.float64), raise_exception=False, battery="none")
    assert report.verdict == ("pass" if unwatched == 3 else "fail")
