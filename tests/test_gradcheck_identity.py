"""Functions that keep what they computed by the identity of a tensor: told of, and the same from run to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.errors import CandidateError

Tensor = torch.Tensor

#: By what a cache may tell tensors apart. A version changes where a tensor is written into.
KEYS: dict[str, Callable[[Tensor], Any]] = {
    "id": id,
    "data_ptr": lambda x: x.data_ptr(),
    "id and version": lambda x: (id(x), x._version),
}


def _cached(key: Callable[[Tensor], Any]) -> Any:
    kept: dict[Any, Tensor] = {}

    class Cached(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            if key(x) not in kept:
                kept[key(x)] = x.exp()
            ctx.exp = kept[key(x)]
            ctx.save_for_backward(w)
            return ctx.exp * w

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
            (w,) = ctx.saved_tensors
            return upstream * ctx.exp * w, upstream * ctx.exp

    return Cached


def _inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 3, dtype=dtype, requires_grad=True), torch.randn(2, 3, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("key", ["id", "data_ptr"])
def test_a_cache_by_the_identity_of_tensors_is_named(key: str, dtype: torch.dtype) -> None:
    with pytest.raises(dx.UsageError, match="keeps what it computed of a tensor by its id or its place in memory"):
        dx.gradcheck(_cached(KEYS[key]), _inputs(dtype))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_cache_that_sees_writes_is_right_in_every_run(dtype: torch.dtype) -> None:
    for battery in ("quick", "none", "quick"):
        assert dx.gradcheck(_cached(KEYS["id and version"]), _inputs(dtype), battery=battery)


def _changing(factor: Callable[[int], int]) -> Callable[[Tensor], Tensor]:
    calls: list[Tensor] = []

    def function(x: Tensor) -> Tensor:
        calls.append(x)
        return x * factor(len(calls))

    return function


def test_what_changes_from_call_to_call_is_not_called_a_cache() -> None:
    with pytest.raises(dx.UsageError, match="is not the same from call to call"):
        dx.gradcheck(_changing(lambda call: call), _inputs(torch.float64)[0])


@pytest.mark.parametrize("turns", [2, 3])
def test_what_takes_turns_is_not_called_a_cache(turns: int) -> None:
    function = _changing(lambda call: 1 + call % turns)
    with pytest.raises(CandidateError, match="is not the same from call to call"):
        dx.gradcheck(function, _inputs(torch.float64)[0], battery="none")


@pytest.mark.parametrize(
    "function",
    [
        torch.nn.LayerNorm(3).double(),
        torch.sign,
        torch.nn.Dropout(),
        lambda x: x.detach() * x,
        lambda x: x.clone().mul_(2),
    ],
    ids=["norm", "step", "dropout", "detached", "in place"],
)
def test_functions_without_a_cache_are_not_called_one(function: Any) -> None:
    dx.gradcheck(function, _inputs(torch.float64)[0], battery="none", raise_exception=False)
