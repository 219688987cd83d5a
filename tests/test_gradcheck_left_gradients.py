"""Backward passes that start others, as those of reversible blocks do: these leave gradients in ``grad``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn

import diffexplore as dx

Tensor = torch.Tensor


class Reversible(torch.autograd.Function):
    """y = (a + f(b), b + g(a + f(b))) of x = (a, b), which the backward computes again from y."""

    wrong = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: nn.Module, g: nn.Module, *parameters: Tensor) -> Tensor:
        ctx.f, ctx.g, ctx.count = f, g, len(parameters)
        a, b = x.chunk(2, -1)
        first = a + f(b)
        out = torch.cat([first, b + g(first)], -1)
        ctx.out = out.detach()
        return out

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        (first, second), (of_first, of_second) = ctx.out.chunk(2, -1), upstream.chunk(2, -1)
        with torch.enable_grad():
            first = first.detach().requires_grad_()
            moved = ctx.g(first)
            torch.autograd.backward(moved, Reversible.wrong * of_second)
            of_first = of_first + first.grad
            second = (second - moved).detach().requires_grad_()
            ctx.f(second).backward(of_first)
        return torch.cat([of_first, of_second + second.grad], -1), None, None, *[None] * ctx.count


class ReversibleBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f, self.g = (nn.Sequential(nn.Linear(2, 2), nn.Tanh()) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return Reversible.apply(x, self.f, self.g)  # type: ignore[no-any-return, no-untyped-call]


def _closed_over(block: ReversibleBlock, x: Tensor) -> tuple[Any, Any]:
    def apply(x: Tensor, *parameters: Tensor) -> Any:
        return Reversible.apply(x, block.f, block.g, *parameters)  # type: ignore[no-untyped-call]

    return apply, (x, *block.parameters())


#: Ways to give a block and its parameters to a check.
CALLS: dict[str, Callable[[ReversibleBlock, Tensor], tuple[Any, Any]]] = {
    "module": lambda block, x: (block, x),
    "arguments": lambda block, x: (Reversible, (x, block.f, block.g, *block.parameters())),
    "closure": _closed_over,
}


def _block(dtype: torch.dtype = torch.float64, rows: int = 3) -> tuple[ReversibleBlock, Tensor]:
    torch.manual_seed(0)
    return ReversibleBlock().to(dtype), torch.randn(rows, 4, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "dtype"),
    [("module", torch.float64), ("arguments", torch.float32), ("closure", torch.float32)],
)
def test_gradients_that_a_backward_leaves_are_those_of_its_parameters(call: str, dtype: torch.dtype) -> None:
    function, inputs = CALLS[call](*_block(dtype))
    report = dx.gradcheck(function, inputs)
    assert (report.verdict, report.truth, len(report.rows)) == ("pass", "certified", 5)
    assert not any("no inputs" in note for note in report.notes)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("call", CALLS)
def test_left_gradients_that_are_wrong_fail(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reversible, "wrong", 1 + 2.0**-30)
    function, inputs = CALLS[call](*_block())
    report = dx.gradcheck(function, inputs, battery="none", raise_exception=False)
    assert len(report.failed) == 5  # what is wrong behind g is wrong in all that comes before


def test_gradients_that_are_returned_and_left_are_added() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, layer: nn.Module, weight: Tensor) -> Any:
            ctx.save_for_backward(x, weight)
            ctx.layer = layer
            return layer(x)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
            x, weight = ctx.saved_tensors
            with torch.enable_grad():
                ctx.layer(x.detach()).backward(upstream)
            return upstream @ weight, None, upstream.mT @ x

    layer = nn.Linear(2, 3, bias=False).double()
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Twice, (x, layer, layer.weight), raise_exception=False)
    (row,) = report.failed
    assert row.input == "weight" and row.cause is not None and row.cause.fields["factor"] == 2


def test_parameters_that_are_no_inputs_are_told_of() -> None:
    block, x = _block()
    report = dx.gradcheck(Reversible, (x, block.f, block.g))
    assert report and any("4 tensors that need a gradient and are no inputs" in note for note in report.notes)


def _raises(x: Tensor, block: ReversibleBlock) -> Tensor:
    block(x).sum().backward()
    raise ValueError("after a backward pass")


def _differentiates_in_its_forward(x: Tensor, block: ReversibleBlock) -> Tensor:
    block(x).sum().backward(retain_graph=True)
    return block(x)


@pytest.mark.parametrize(
    "check",
    [
        lambda block, x: dx.gradcheck(block, x, battery="full", raise_exception=False),
        lambda block, x: dx.gradcheck(lambda x: block(x), x, raise_exception=False),
        lambda block, x: dx.gradcheck(lambda x: (block.f(x[:, :2]), block.g(x[:, 2:])), x),
        lambda block, x: dx.gradgradcheck(block.f, x[:, :2].detach().requires_grad_()),
        lambda block, x: dx.gradgradcheck(block, x, raise_exception=False),
        lambda block, x: dx.gradcheck(_differentiates_in_its_forward, (x, block)),
        lambda block, x: dx.gradcheck(_raises, (x, block)),
        lambda block, x: dx.gradcheck(lambda x, y: block.f(x) * y, (x, x), reference=block.f),
    ],
    ids=["module", "captured", "outputs", "gradgradcheck", "twice", "in the forward", "raises", "bad reference"],
)
def test_no_check_leaves_anything_in_grad(check: Any) -> None:
    block, x = _block(rows=1)
    tensors = [x, *block.parameters()]
    for one in tensors[::2]:
        one.grad = torch.randn_like(one)
    grads = [(one.grad, None if one.grad is None else one.grad.clone()) for one in tensors]
    with suppress(dx.DiffexploreError):
        check(block, x)
    for one, (grad, numbers) in zip(tensors, grads, strict=True):
        assert one.grad is grad and (grad is None or torch.equal(grad, numbers))


class StartsThreads(torch.autograd.Function):
    """Its backward differentiates in a thread of its own, and in one that this one starts."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        return x * 2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        def accumulate(more: int) -> None:
            with torch.enable_grad():
                (ctx.weight * upstream).sum().backward()
            if more:
                _in_a_thread(lambda: accumulate(more - 1))

        _in_a_thread(lambda: accumulate(1))
        return upstream * 2, None


def _in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_what_threads_of_a_backward_leave_in_grad_is_taken_back_and_others_is_not() -> None:
    start = threading.Thread.start
    x, weight, other = (torch.ones(3, dtype=torch.float64).requires_grad_() for _ in range(3))
    weight.grad = torch.full((3,), 7.0, dtype=torch.float64)
    waits, goes_on = threading.Event(), threading.Event()

    def trains() -> None:  # a thread of somebody else, that is there before
        waits.wait()
        (2 * other).sum().backward()
        goes_on.set()

    class Waits(StartsThreads):
        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
            waits.set()
            goes_on.wait()
            return StartsThreads.backward(ctx, upstream)

    training = threading.Thread(target=trains)
    training.start()
    dx.gradcheck(lambda x: Waits.apply(x, weight), x, battery="none", raise_exception=False)
    training.join()
    assert weight.grad.tolist() == [7.0] * 3
    assert other.grad is not None and other.grad.tolist() == [2.0] * 3
    assert threading.Thread.start is start
