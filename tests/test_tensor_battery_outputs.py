"""What breaks where some of several outputs are used, or one at a time, is told, and what is right is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import slow
from torch.autograd import Function

import diffexplore as dx

Tensor = torch.Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def causes(function: Callable[..., Tensor], *inputs: Tensor, battery: str = "quick") -> dict[str, str]:
    report = dx.gradcheck(function, inputs, raise_exception=False, battery=battery)
    return {row.cause.key: row.cause.message for row in report.rows if row.verdict == "fail"}


def pair(backward: Callable[..., Any], *, lazily: bool) -> Callable[..., tuple[Tensor, Tensor]]:
    """x · y and x + y with another backward."""

    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            ctx.save_for_backward(x, y)
            ctx.set_materialize_grads(not lazily)
            return x * y, x + y

        @staticmethod
        def backward(ctx: Any, g: Tensor, h: Tensor) -> Any:
            return backward(*ctx.saved_tensors, g, h)

    return Pair.apply


def right_pair(x: Tensor, y: Tensor, g: Tensor | None, h: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    if g is None:
        return h, None if h is None else h.clone()
    return (g * y, g * x) if h is None else (g * y + h, g * x + h)


def first_alone(x: Tensor, y: Tensor, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Takes for granted that one output is used."""
    return (g * y, g * x) if bool(g.any()) else (h, h.clone())


def never_none(x: Tensor, y: Tensor, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    return g * y + h, g * x + h


def other_for_none(x: Tensor, y: Tensor, g: Tensor | None, h: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    return right_pair(x, y, None if g is None else 2 * g if h is None else g, h)


OF_TWO_OUTPUTS: dict[str, tuple[Callable[..., Any], bool, str]] = {
    "one output at a time": (first_alone, False, "outputs_together"),
    "no None": (never_none, True, "unused_output"),
    "another gradient for None": (other_for_none, True, "unused_output"),
}


@pytest.mark.parametrize("name", OF_TWO_OUTPUTS)
def test_a_fault_of_several_outputs_is_told(name: str) -> None:
    backward, lazily, key = OF_TWO_OUTPUTS[name]
    found = causes(pair(backward, lazily=lazily), numbers(3, 4), numbers(3, 4, seed=1))
    assert key in found, found
    assert "\n" not in found[key]


@pytest.mark.parametrize("battery", ["quick", slow("full")])
def test_a_right_backward_of_two_outputs_passes_every_trial(battery: str) -> None:
    assert causes(pair(right_pair, lazily=True), numbers(3, 4), numbers(3, 4, seed=1), battery=battery) == {}


def singular(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """A determinant of rank 3: its value and gradients are what rounding leaves."""
    found = torch.linalg.det(a @ b + 1)
    return found / (1 + a * a), found.clone()


def the_larger_ones(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The same, where it is not certain which are the larger ones, and the truth is estimated."""
    rows, found = singular(a, b)
    return torch.nn.functional.max_pool2d(rows.unsqueeze(-2), (1, 2), 1), found


@pytest.mark.parametrize(
    ("function", "battery"),
    [
        (singular, "quick"),
        pytest.param(the_larger_ones, "quick", marks=pytest.mark.slow),
        pytest.param(singular, "full", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_gradients_that_are_all_rounding_fail_in_no_other_call(function: Any, battery: str) -> None:
    report = dx.gradcheck(function, (numbers(4, 2), numbers(2, 4)), raise_exception=False, battery=battery)
    assert report.verdict == "inconclusive"
    assert not report.failed


def test_a_mistake_beside_what_rounding_hides_is_told() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
            ctx.save_for_backward(a, b)
            return singular(a, b)[0] * 1e3, a * a

        @staticmethod
        def backward(ctx: Any, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            a, b = ctx.saved_tensors
            both = bool(g.any()) and bool(h.any())
            return 2 * a * h * (1 + 1e-6 * both), torch.zeros_like(b)

    found = causes(Once.apply, numbers(4, 2), numbers(2, 4))
    assert "outputs_together" in found
