"""Outputs that were computed of other tensors than the arguments: kept from earlier calls, or of a closure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.errors import CandidateError

Tensor = torch.Tensor


def vector() -> Tensor:
    return torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)


def values(x: Tensor) -> Any:
    return tuple(x.tolist())


def shape(x: Tensor) -> Any:
    return x.shape


def keeping(key: Callable[[Tensor], Any], rest: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    kept: dict[Any, Tensor] = {}

    def function(x: Tensor) -> Tensor:
        if key(x) not in kept:
            kept[key(x)] = x.sin()
        return rest(kept[key(x)], x)

    return function


@pytest.mark.parametrize("key", [values, shape])
@pytest.mark.parametrize("rest", [lambda y, x: y, lambda y, x: y * x], ids=["all of it", "a part"])
def test_what_an_earlier_check_computed_is_refused_in_the_next_one(key: Any, rest: Any) -> None:
    """Its gradient by the new inputs is None, as that of a constant, and so was the truth: the second check passed."""
    function = keeping(key, rest)
    for _ in range(2):
        with pytest.raises(CandidateError, match="keeps what it computed of its inputs"):
            dx.gradcheck(function, vector())


class Warmed(torch.nn.Module):
    """Keeps a function of its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        self.kept = self.weight.exp()

    def forward(self, x: Tensor) -> Tensor:
        return self.kept * x


LINEAR = torch.nn.Linear(3, 2).double()
X = vector()

PAST: dict[str, tuple[Callable[..., Tensor], Any, str]] = {
    "a module's cache": (Warmed(), vector(), "weight"),
    "a closure": (lambda a: X * X, X, "a"),
    "parameters beside their module": (lambda a, *parameters: LINEAR(a), (vector(), *LINEAR.parameters()), "input 1"),
}


@pytest.mark.parametrize("name", PAST)
def test_what_is_computed_past_the_arguments_is_refused(name: str) -> None:
    function, inputs, passed_by = PAST[name]
    with pytest.raises(CandidateError, match=f"was computed of {passed_by} itself"):
        dx.gradcheck(function, inputs)


@pytest.mark.parametrize(
    "function", [lambda a: a * X, lambda a: LINEAR(a), keeping(values, lambda y, x: y.detach() * x)]
)
def test_what_is_held_beside_the_arguments_is_no_such_thing(function: Callable[[Tensor], Tensor]) -> None:
    for _ in range(2):
        assert dx.gradcheck(function, X, battery="none")
