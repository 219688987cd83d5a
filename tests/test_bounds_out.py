"""Operators that are given tensors to write into have the bounds of those that return their results."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffexplore.bounds.watch import Watch

X = torch.linspace(-1.3, 1.7, 12, dtype=torch.float32).reshape(3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, **into: torch.amax(x, dim=1, keepdim=True, **into),
        lambda x, **into: torch.exp(x, **into),
        lambda x, **into: torch.add(x, x.sin(), alpha=0.3, **into),
        lambda x, **into: torch.mm(x, x.t(), **into),
        lambda x, **into: torch.sum(x, dim=0, **into),
        lambda x, **into: torch.cat([x, x.exp()], **into),
    ],
    ids=["amax", "exp", "add", "mm", "sum", "cat"],
)
def test_radii_are_those_of_the_returned_result(function: Callable[..., Tensor]) -> None:
    with Watch() as watch:
        x = X.tanh()
        returned = function(x)
        given = torch.empty_like(returned)
        assert function(x, out=given) is given
    assert torch.equal(returned, given)
    assert torch.equal(watch.radius(given), watch.radius(returned))
    assert bool(watch.radius(given).isfinite().all())
    assert not watch.unwatched


def test_an_operand_may_be_written_into() -> None:
    with Watch() as watch:
        x = X.tanh()
        torch.exp(x, out=x)
    exact = X.double().tanh().exp()
    assert bool((watch.radius(x) > 0).all())
    assert bool(((x.double() - exact).abs() <= watch.radius(x)).all())
