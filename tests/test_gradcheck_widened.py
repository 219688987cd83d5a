"""Where rounding in a narrow dtype hides gradients, float64 decides them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import diffexplore as dx


class _Swish(torch.autograd.Function):
    """x·σ(x); ``factor`` other than 1 is a mistake."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return upstream * (s + ctx.factor * x * s * (1 - s)), None


class _Cancelling(nn.Module):
    """(c + s)² − c² − 2c·s of the swish s: in float32 nothing of the gradient 2s·s′ is left, for c = 2²⁷."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        s, c = _Swish.apply(x, self.factor), 2.0**27
        return (c + s) ** 2 - c**2 - 2 * c * s


def _input() -> Tensor:
    return torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_what_float32_hides_passes_in_float64() -> None:
    report = dx.gradcheck(_Cancelling(1.0), _input(), battery="none")
    wide = [row for row in report.rows if row.dtype == "float64"]
    assert report.verdict == "pass"
    assert report.dtype == "float32"
    assert wide and len({(row.output, row.input) for row in report.rows}) == len(report.rows)
    assert all(row.smallest_detectable < 0.1 for row in wide if row.smallest_detectable is not None)
    assert "rounding in float32 hides" in str(report)


def test_a_mistake_that_float32_hides_fails_and_is_named() -> None:
    report = dx.gradcheck(_Cancelling(1.0001), _input(), battery="none", raise_exception=False)
    assert report.verdict == "fail"
    (cause,) = {row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None}
    assert cause == "path_factor" or "counted 1.0001" in str(report)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_decided_stays_in_its_dtype(dtype: torch.dtype) -> None:
    x = torch.randn(4, 5, dtype=dtype, generator=torch.Generator().manual_seed(0)).requires_grad_()
    report = dx.gradcheck(torch.tanh, x)
    assert {row.dtype for row in report.rows} == {str(dtype).removeprefix("torch.")}
    assert not any("hides" in note for note in report.notes)
