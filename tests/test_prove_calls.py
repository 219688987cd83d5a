"""What a proof says of calls that were not traced: batches without samples, other layouts, other gradients requested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor


def square(asks: Callable[[Any, Tensor, Tensor], Any]) -> type[torch.autograd.Function]:
    """x², with a backward that is half as large where ``asks`` says so of the context, x and the upstream gradient."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return upstream * x * (1 if asks(ctx, x, upstream) else 2)

    return Square


ASKS: dict[str, Callable[[Any, Tensor, Tensor], Any]] = {
    "all arguments are contiguous": lambda ctx, x, upstream: not x.is_contiguous(),
    "backward is called without create_graph": lambda ctx, x, upstream: torch.is_grad_enabled(),
    "upstream gradients are not expanded": lambda ctx, x, upstream: 0 in upstream.stride(),
    "no argument is expanded": lambda ctx, x, upstream: 0 in x.stride(),
    "no argument was written into": lambda ctx, x, upstream: x._version > 0,
    "no argument is a view": lambda ctx, x, upstream: x._is_view(),
    "all arguments are leaves": lambda ctx, x, upstream: not x.is_leaf,
    "upstream gradients require no gradient": lambda ctx, x, upstream: upstream.requires_grad,
    "outputs are used once": lambda ctx, x, upstream: upstream._version > 0,
}


@pytest.mark.parametrize("condition", ASKS)
def test_a_backward_that_goes_by_how_it_is_called_is_proved_for_the_call_that_was_traced(condition: str) -> None:
    proof = dx.prove(square(ASKS[condition]), parameters="x[2]", data="")
    assert (proof.status, proof.conditions, proof.exclusions) == ("proved", (condition,), (condition,))
    assert f"where {condition}" in str(proof)
    (note,) = proof.notes
    told = "0.375, and 0.75 " if condition == "no argument is expanded" else "0.1875, and 0.375 "
    assert f"∂L/∂x is {told}" in note  # of equal entries the gradients are added up


def test_images_with_their_channels_last_are_tried() -> None:
    """An image may be contiguous in two ways."""
    last = square(lambda ctx, x, upstream: x.is_contiguous(memory_format=torch.channels_last))
    proof = dx.prove(last, parameters="x[2,2,2,2]", data="")
    assert (proof.status, proof.conditions) == ("proved", ("all arguments are contiguous",))


@pytest.mark.parametrize(
    "wide",
    [
        lambda ctx, x, upstream: x.stride()[-1] != 1,
        lambda ctx, x, upstream: x.storage_offset() > 0,
    ],
)
def test_layouts_of_matrices_and_of_samples_are_tried(wide: Callable[[Any, Tensor, Tensor], Any]) -> None:
    for parameters, data in (("x[2,3]", ""), ("", "x"), ("", "x[2]")):
        proof = dx.prove(square(wide), parameters=parameters, data=data)
        assert (proof.status, proof.conditions) == ("proved", ("all arguments are contiguous",)), (parameters, data)


def test_layouts_of_upstream_gradients_are_tried() -> None:
    """That of a matrix is transposed as its weights are."""
    turned = square(lambda ctx, x, upstream: upstream.stride()[-1] > 1)
    assert dx.prove(turned, parameters="x[2,3]", data="").conditions == (
        "all arguments are contiguous", "upstream gradients are contiguous",
    )  # fmt: skip


@pytest.mark.parametrize(
    "asks",
    [lambda ctx, x, upstream: upstream.stride()[-1] > 1, lambda ctx, x, upstream: upstream.storage_offset() > 0],
    ids=["strides", "place"],
)
def test_upstream_gradients_may_be_views(asks: Callable[[Any, Tensor, Tensor], Any]) -> None:
    proof = dx.prove(square(asks), parameters="x[2]", data="")
    assert (proof.status, proof.conditions) == ("proved", ("upstream gradients are contiguous",))


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return upstream * (y if ctx.needs_input_grad[1] else 1), upstream * (x if ctx.needs_input_grad[0] else 1)


def test_a_backward_that_goes_by_which_gradients_are_needed() -> None:
    proof = dx.prove(Product)
    assert (proof.status, proof.conditions) == ("proved", ("x and y require gradients",))


def test_a_backward_that_goes_by_two_gradients_of_three() -> None:
    class Three(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
            ctx.save_for_backward(x, y, z)
            return x * y * z

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            x, y, z = ctx.saved_tensors
            factor = 2 if ctx.needs_input_grad == (True, True, False) else 1
            return factor * upstream * y * z, upstream * x * z, upstream * x * y

    proof = dx.prove(Three)
    assert (proof.status, proof.conditions) == ("proved", ("x, y and z require gradients",))


def test_a_backward_that_goes_by_whether_data_require_a_gradient() -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return a * x

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
            (x,) = ctx.saved_tensors
            return (upstream * (1 if ctx.needs_input_grad[1] else x)).sum(), None

    proof = dx.prove(lambda a, x: Scaled.apply(a, x).sum(), parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("proved", ("x requires no gradient",))


@pytest.mark.parametrize(
    "right",
    [
        lambda x: x.mT.reshape(-1)[::2],
        lambda x: torch.logsumexp(x, 0),
        lambda x: x.view(-1).prod(),
        lambda x: x.cumsum(1),
    ],
)
def test_a_program_that_is_right_in_every_call_is_proved_without_conditions(right: Callable[[Tensor], Tensor]) -> None:
    """Also one that raises for a layout: it computes no wrong number."""
    proof = dx.prove(right, parameters="x[2,3]", data="")
    assert (proof.status, proof.exclusions, proof.notes) == ("proved", (), ())


class DividedByN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(a, x)
        return (a * x).sum()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        return upstream * x.mean() * x.shape[0], upstream * a.expand(x.shape)


def other_without_samples(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).sum() if x.shape[0] > 0 else 3 * a


def raises_without_samples(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).sum() * (x.shape[0] // x.shape[0])


@pytest.mark.parametrize(
    ("program", "loss", "why"),
    [
        (DividedByN, None, "∂L/∂a is nan, and 0 is right"),
        (other_without_samples, None, "L is 0.46875, and 0 is right"),
        (raises_without_samples, None, "it raises ZeroDivisionError"),
        (
            lambda a, x: (a * x).mean() * x.shape[0],
            dx.Loss("a*x", parameters="a", data="x", reduction="sum"),
            "L is nan",
        ),
    ],
)
def test_a_batch_without_samples_is_left_out_where_a_run_is_wrong(program: Any, loss: Any, why: str) -> None:
    proof = dx.prove(program, loss, parameters="a", data="x")
    assert (proof.status, proof.sizes, proof.conditions) == ("proved", ("N ≥ 1",), ("N ≥ 1",))
    assert "every number of samples with N ≥ 1" in str(proof)
    assert any(note.startswith(f"without samples (N = 0) {why}") for note in proof.notes)


@pytest.mark.parametrize(
    "program",
    [
        lambda a, x: (a * x).sum() + a**2 / 3,  # right without samples
        lambda a, x: (a * x).mean(),  # without a value there
        lambda a, x: (a * x).mean() * x.shape[0],
    ],
)
def test_a_batch_without_samples_needs_no_words_where_nothing_is_wrong(program: Any) -> None:
    proof = dx.prove(program, parameters="a", data="x")
    assert (proof.status, proof.conditions, proof.notes) == ("proved", (), ())


@pytest.mark.parametrize(
    "program",
    [lambda a, x: a * torch.relu(x.mean()), lambda a, x: a * torch.where(x.mean() > 1, x.sum(), 3 * x.sum())],
)
def test_what_compares_a_mean_has_no_value_without_samples(program: Any) -> None:
    proof = dx.prove(program, parameters="a", data="x")
    assert (proof.status, proof.sizes, proof.notes) == ("proved", (), ())
