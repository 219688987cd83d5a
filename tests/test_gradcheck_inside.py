"""On a device where a failed assertion ends the process, functions run at no number outside of those given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx
from diffexplore.errors import UsageError
from diffexplore.tensors.diagnosis import of_zeros
from diffexplore.torch_code import nearby

Tensor = torch.Tensor


def shares(p: Tensor) -> Tensor:
    """Keeps what it is given: a kernel of CUDA ends the process at what is no probability."""
    SEEN.append(p.detach().clone())
    return p


SEEN: list[Tensor] = []


def extremes() -> tuple[float, float]:
    return min(float(one.min()) for one in SEEN), max(float(one.max()) for one in SEEN)


class OfNumPy(torch.autograd.Function):
    """Its numbers leave torch."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        ctx.save_for_backward(shares(p))
        return torch.from_numpy(np.sqrt(p.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g / 2 / ctx.saved_tensors[0].sqrt()


class StepWithGradient(torch.autograd.Function):
    """Its derivative is 0."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        return (shares(p) > 0.4).to(p.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g


class Constant(StepWithGradient):
    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        return torch.ones_like(shares(p))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        ctx.save_for_backward(shares(p))
        return p * p * 3.0

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 6.0 * g * ctx.saved_tensors[0]


P = torch.tensor([1.0, 0.75, 0.5, 1.0, 0.25], dtype=torch.float64)


def verdict(function: Any, reference: Any = None) -> str:
    SEEN.clear()
    inputs = (P.clone().requires_grad_(),)
    try:
        report = dx.gradcheck(function.apply, inputs, reference=reference, raise_exception=False, battery="none")
    except UsageError as error:
        return str(error)
    causes = [row.cause.key for row in report.rows if row.cause]
    return " ".join([report.verdict, *causes])


@pytest.mark.parametrize(
    ("function", "reference", "said"),
    [
        (OfNumPy, lambda p: p.sqrt(), "pass"),
        (StepWithGradient, None, "fail surrogate"),
        (Constant, None, "fail no_influence"),
        (Square, None, "pass"),
    ],
    ids=["NumPy", "step", "constant", "square"],
)
def test_no_number_outside_is_tried(function: Any, reference: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (nearby, of_zeros):
        monkeypatch.setattr(module, "stays_inside", lambda device: True)
    assert verdict(function, reference) == said
    least, most = extremes()
    assert least >= 0
    assert most <= 1


def test_elsewhere_it_is_tried() -> None:
    verdict(StepWithGradient)
    least, most = extremes()
    assert least < 0 or most > 1


def test_cuda_is_such_a_device() -> None:
    assert nearby.stays_inside(torch.device("cuda", 0))
    assert not nearby.stays_inside(torch.device("cpu"))
