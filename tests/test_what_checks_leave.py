"""A check leaves generators and every ``.grad`` as they were, whatever the code under test does to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

LOSS = dx.Loss("(a*x + b - y)**2", parameters="a, b", data="x, y")
DATA = {"x": np.array([1.0, 2.0, 3.0]), "y": np.array([1.0, 0.0, 2.0])}
AT = {"a": 1.3, "b": 0.7}


def meddling(held: Tensor) -> Callable[..., Tensor]:
    """The loss, by code that draws from every generator, and starts a backward pass into a tensor that it holds."""

    class Meddling(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(a, b, x, y)
            return ((a * x + b - y) ** 2).mean()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
            a, b, x, y = ctx.saved_tensors
            random.seed(1), np.random.seed(1), torch.default_generator.manual_seed(1)
            with torch.enable_grad():
                (held * held).backward()
            residuals = 2 * (a * x + b - y) / len(x)
            return g * (residuals * x).sum(), g * residuals.sum(), None, None

    def loss(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return Meddling.apply(a, b, x, y)

    return loss


def tensors() -> tuple[Tensor, ...]:
    parameters = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in AT.values())
    return *parameters, *map(torch.from_numpy, DATA.values())


@pytest.mark.parametrize(
    "check",
    [
        lambda loss: dx.verify(loss, LOSS, DATA, AT),
        lambda loss: dx.assert_gradient(loss, LOSS, DATA, AT),
        lambda loss: dx.prove(loss, LOSS),
        lambda loss: dx.gradcheck(loss, tensors(), battery="none"),
    ],
    ids=["verify", "assert_gradient", "prove", "gradcheck"],
)
def test_generators_and_gradients_are_as_they_were(check: Callable[[Callable[..., Tensor]], Any]) -> None:
    held = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    held.grad = before = torch.tensor(7.0, dtype=torch.float64)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    check(meddling(held))
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])
    assert held.grad is before
    assert before == 7


@pytest.mark.parametrize("is_cut_off", [True, False], ids=["forked from one that uses devices", "of two devices"])
@pytest.mark.filterwarnings("error")
def test_generators_of_devices_are_kept_where_there_are_any(is_cut_off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process that was forked from one that uses a device, torch raises for its generators."""
    given_back: list[int] = []

    def state(device: int) -> int:
        if is_cut_off:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")
        return device

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *args, **kwargs: torch.device("cuda"))
    monkeypatch.setattr(torch.random, "_fork_rng_warned_already", False)
    for name, function in {
        "device_count": lambda: 2, "_is_in_bad_fork": lambda: is_cut_off, "get_rng_state": state,
        "set_rng_state": lambda state, device: given_back.append(device),
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, function)
    assert dx.verify(lambda a, b, x, y: ((a * x + b - y) ** 2).mean(), LOSS, DATA, AT).verdict == "pass"
    assert set(given_back) == (set() if is_cut_off else {0, 1})
