"""Lazy modules before their first call, and shapes that nobody states: one clear line, and nothing in torch's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx


def lazy() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.LazyLinear(1), torch.nn.LazyBatchNorm1d()).double()


CALLS: dict[str, Callable[[Any], Any]] = {
    "gradcheck": lambda module: dx.gradcheck(module, torch.ones(2, 2, dtype=torch.float64, requires_grad=True)),
    "prove": dx.prove,
    "graph": dx.graph,
    "a loss": lambda module: dx.Loss.from_torch(module, parameters=["input"]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_module_without_shapes_yet_is_refused_as_it_is(call: Callable[[Any], Any]) -> None:
    module = lazy()
    with pytest.raises(dx.UsageError, match=r"^Sequential has no shape yet for 0\.weight, 0\.bias, .*: call it once"):
        call(module)
    assert torch.nn.parameter.is_lazy(module[0].weight)  # type: ignore[index]


def test_it_is_checked_after_a_call() -> None:
    module, x = lazy(), torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    module(x.detach())
    assert dx.gradcheck(module, x, battery="none").verdict == "pass"


def test_a_shape_that_is_not_stated_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """Torch would log what its operators raise at shapes that do not fit, with a stack."""
    with pytest.raises(
        dx.UsageError, match=r"\(arguments whose shapes are not stated are numbers, or one by sample\)$"
    ):
        dx.prove(torch.nn.Linear(4, 1).double())
    assert capfd.readouterr().err == ""
    assert dx.prove(torch.nn.Linear(4, 1).double(), data={"input": (4,)}).status == "proved"
