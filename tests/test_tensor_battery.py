"""What breaks where a backward pass is called otherwise than by a plain test is told, and what is right is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

import diffexplore as dx

Tensor = torch.Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def product(backward: Callable[..., Any], prepare: Callable[..., None] | None = None) -> Callable[..., Tensor]:
    """x · y with another backward, of the context, the upstream gradient, x and y."""

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(x, y)
            if prepare is not None:
                prepare(ctx)
            return x * y

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            return backward(ctx, upstream, *ctx.saved_tensors)

    return Product.apply


def causes(function: Callable[..., Tensor], *inputs: Tensor, battery: str = "quick") -> dict[str, str]:
    report = dx.gradcheck(function, inputs, raise_exception=False, battery=battery)
    return {row.cause.key: row.cause.message for row in report.rows if row.verdict == "fail"}


def right(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y, g * x


def in_rows(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Takes the upstream gradient to lie in rows."""
    return g.view(-1).view(x.shape) * y, g * x


def into_upstream(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    by_y = g * x
    return g.mul_(y), by_y


def into_saved(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    found = g * y, g * x
    y.data.mul_(2)
    return found


def random(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y * (1 + torch.rand(())), g * x


def by_memory(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Reads the memory of x as if it lay in rows."""
    return g * y, g * torch.as_strided(x, x.shape, torch.empty(x.shape).stride(), 0)


def together(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return (g * y if ctx.needs_input_grad[1] else 2 * g * y), g * x


def lazily(ctx: Any) -> None:
    ctx.set_materialize_grads(False)


def unreduced(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y, g * x  # y is broadcast: autograd adds this up


FAULTS: dict[str, tuple[Callable[..., Any], Callable[..., None] | None, tuple[Tensor, ...], str]] = {
    "an upstream gradient in columns": (in_rows, None, (numbers(3, 4), numbers(3, 4)), "strided_upstream"),
    "the upstream gradient written into": (into_upstream, None, (numbers(3, 4), numbers(3, 4)), "upstream_modified"),
    "random numbers in the backward": (random, None, (numbers(3, 4), numbers(3, 4)), "not_deterministic"),
    "the memory of an input": (by_memory, None, (numbers(3, 4), numbers(3, 4)), "strided_inputs"),
    "only one input needs a gradient": (together, None, (numbers(3, 4), numbers(3, 4)), "needs_input_grad"),
    "no upstream gradient": (right, lazily, (numbers(3, 4), numbers(3, 4)), "undefined_upstream"),
    "a gradient that is not reduced": (unreduced, None, (numbers(3, 4), numbers(4)), "wrong_shape"),
    "a saved tensor written into": (into_saved, None, (numbers(3, 4), numbers(3, 4)), "inputs_modified saved_overwritten"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_in_one_line(name: str) -> None:
    backward, prepare, inputs, key = FAULTS[name]
    found = causes(product(backward, prepare), *inputs)
    assert set(key.split()) & set(found), found
    assert all("\n" not in message for message in found.values())


@pytest.mark.parametrize("battery", ["quick", "full"])
def test_a_right_backward_passes_every_trial(battery: str) -> None:
    assert causes(product(right), numbers(3, 4), numbers(3, 4), battery=battery) == {}


MODULES: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "linear": (torch.nn.Linear(3, 4, dtype=torch.float64), (numbers(2, 3),)),
    "gelu": (torch.nn.functional.gelu, (numbers(3, 4),)),
    "softmax": (lambda x: torch.softmax(x, -1), (numbers(3, 4),)),
    "a product broadcast": (lambda x, y: x * y, (numbers(3, 4), numbers(4))),
    "batch norm": (torch.nn.BatchNorm1d(4, dtype=torch.float64), (numbers(3, 4),)),
}


@pytest.mark.parametrize("name", MODULES)
def test_torch_itself_passes_the_full_battery(name: str) -> None:
    function, inputs = MODULES[name]
    assert causes(function, *inputs, battery="full") == {}


class OfTheOutput(Function):
    """The exponential; what it saved is cut off from the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.y = x.exp()
        return ctx.y.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * ctx.y


class Once(OfTheOutput):
    """The same, which says so."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * ctx.y


def test_a_backward_that_cannot_be_differentiated_again_is_told_unless_it_says_so() -> None:
    assert set(causes(OfTheOutput.apply, numbers(3), battery="full")) == {"double_backward"}
    assert causes(OfTheOutput.apply, numbers(3)) == {}
    report = dx.gradcheck(Once.apply, (numbers(3),), battery="full")
    assert any("once_differentiable" in skip.reason for skip in report.skipped)


def test_a_battery_of_none_tries_nothing() -> None:
    assert causes(product(in_rows), numbers(3, 4), numbers(3, 4), battery="none") == {}


class _LayerNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        inverse = (x.var(-1, unbiased=False, keepdim=True) + 1e-5).rsqrt()
        normal = (x - x.mean(-1, keepdim=True)) * inverse
        ctx.save_for_backward(normal, inverse, weight)
        return normal * weight

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        normal, inverse, weight = ctx.saved_tensors
        inner = upstream * weight
        mean = inner.mean(-1, keepdim=True) + normal * (inner * normal).mean(-1, keepdim=True)
        return inverse * (inner - mean), (upstream * normal).sum(0)


@pytest.mark.parametrize("seed", range(20, 26))
def test_sums_in_another_order_are_no_finding(seed: int) -> None:
    """The bound of one call in float32 is what rounding did there; another layout adds in another order."""
    generator = torch.Generator().manual_seed(seed)
    x, weight = (torch.randn(*shape, generator=generator).requires_grad_() for shape in ((64, 256), (256,)))
    report = dx.gradcheck(_LayerNorm, (x, weight), raise_exception=False, seed=seed)
    assert report.verdict == "pass", str(report)
