"""The two truths of small programs, held against each other: the closed form at 300 bits lies in the tensors' ball."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from representatives import one_in

import diffexplore as dx
from diffexplore.tensors.tape import Tape
from tests.reference import evaluate

Tensor = torch.Tensor

#: Losses of the parameters a, b and of columns x, y; each is a sum over the samples.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "gelu": lambda a, b, x, y: (F.gelu(a * x + b) - y).square().sum(),
    "silu": lambda a, b, x, y: (F.silu(a * x) * F.mish(b * y)).sum(),
    "cross entropy": lambda a, b, x, y: F.binary_cross_entropy_with_logits(a * x + b, y.sigmoid(), reduction="sum"),
    "logarithms": lambda a, b, x, y: (torch.log1p((a * x).square()) / (1 + (b * y).exp())).sum(),
    "powers": lambda a, b, x, y: ((a * x).square() + 1).pow(b).mul(y).sum(),
    "waves": lambda a, b, x, y: (torch.sin(a * x) * torch.cos(b + y) + torch.atan(a * b * x)).sum(),
    "hyperbolic": lambda a, b, x, y: (torch.tanh(a * x + b) * torch.asinh(a * y)).sum(),
    "huber": lambda a, b, x, y: F.huber_loss(a * x + b, y, reduction="sum", delta=0.75),
    "choices": lambda a, b, x, y: torch.where(x > y, (a * x).exp(), b * b * y).sum(),
}


def _exactly(number: Any) -> Fraction:
    sign, mantissa, exponent, _ = number._mpf_
    return (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** exponent


@pytest.mark.parametrize("name", one_in(4, LOSSES))
def test_the_closed_form_lies_in_the_ball(name: str) -> None:
    torch.manual_seed(0)
    loss = dx.Loss.from_torch(LOSSES[name], parameters="a b", data="x y")
    x, y = torch.randn(2, 5, dtype=torch.float64)
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.7, 1.3))
    tape = Tape([a, b])
    with tape:
        out = LOSSES[name](a, b, x, y)
    assert tape.problem is None, tape.problem
    columns = [{"a": 0.7, "b": 1.3, "x": one, "y": other} for one, other in zip(x.tolist(), y.tolist(), strict=True)]
    for symbol, ball in zip("ab", tape.gradients(out, torch.ones_like(out)), strict=True):
        exactly = sum((_exactly(evaluate(loss.gradient().raw[symbol], at, 300)) for at in columns), Fraction(0))
        middle, radius = Fraction(float(ball.high)) + Fraction(float(ball.low)), Fraction(float(ball.radius))
        assert abs(middle - exactly) <= radius <= abs(exactly) / 2**70
