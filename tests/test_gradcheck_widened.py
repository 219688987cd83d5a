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


class _Activation(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return _Swish.apply(x, self.factor)


def _layers(factor: float) -> tuple[nn.Module, Tensor]:
    """Normalisations one after another: in float32 the bound of a gradient through them says nothing."""
    torch.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (nn.Linear(24, 24, bias=False), nn.LayerNorm(24))]
    return nn.Sequential(*layers, _Activation(factor)), torch.randn(3, 24, requires_grad=True)


def test_what_float32_hides_passes_in_float64() -> None:
    layer, x = _layers(1.0)
    report = dx.gradcheck(layer, x, battery="none")
    wide = [row for row in report.rows if row.dtype == "float64"]
    assert report.verdict == "pass"
    assert report.dtype == "float32"
    assert wide and len({(row.output, row.input) for row in report.rows}) == len(report.rows)
    assert all(row.smallest_detectable < 0.1 for row in wide if row.smallest_detectable is not None)
    assert "rounding in float32 hides" in str(report)


def test_a_mistake_that_float32_hides_fails_and_is_named() -> None:
    layer, x = _layers(1.0001)
    report = dx.gradcheck(layer, x, battery="none", raise_exception=False)
    assert report.verdict == "fail"
    (cause,) = {row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None}
    assert cause == "path_factor" or "counted 1.0001" in str(report)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_decided_stays_in_its_dtype(dtype: torch.dtype) -> None:
    x = torch.randn(4, 5, dtype=dtype, generator=torch.Generator().manual_seed(0)).requires_grad_()
    report = dx.gradcheck(torch.tanh, x)
    assert {row.dtype for row in report.rows} == {str(dtype).removeprefix("torch.")}
    assert not any("hides" in note for note in report.notes)
