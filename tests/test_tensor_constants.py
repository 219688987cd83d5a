"""Where a derivative passes on a tape, and where autograd lets none pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.errors import CandidateError
from diffexplore.tensors.tape import Tape

Tensor = torch.Tensor


class _Product(torch.autograd.Function):
    """x · s, with a backward pass that knows s as a constant."""

    @staticmethod
    def forward(ctx, x, s):  # torch calls it
        ctx.save_for_backward(s)
        return x.t() * s.t()

    @staticmethod
    def backward(ctx, upstream):  # torch calls it
        (s,) = ctx.saved_tensors
        return upstream.t() * s, None


def _without_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        s = x.exp()
    return x * s


def _function_of_a_constant(x: Tensor) -> Tensor:
    with torch.no_grad():
        s = x.exp()
    return _Product.apply(x, s)


def _straight_through(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


@pytest.mark.parametrize(
    "function",
    [
        _without_grad,
        _function_of_a_constant,
        _straight_through,
        lambda x: _Product.apply(x, x.detach()),
        lambda x: x * x.data.exp(),
        lambda x: x.detach().requires_grad_() * 2 + x.sin(),
    ],
    ids=["no_grad", "constant of a Function", "straight through", "detached memory", "data", "a new leaf"],
)
def test_constants_are_those_of_autograd(function: Callable[[Tensor], Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 3, dtype=torch.float64, generator=generator).requires_grad_()
    upstream = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    tape = Tape([x])
    with tape:
        output = function(x)
    (found,) = tape.gradients(output, upstream)
    (expected,) = torch.autograd.grad(function(x), x, upstream)
    assert tape.problem is None
    assert np.all(np.abs(found.high - expected.numpy()) <= 1e-14)


def test_results_that_share_memory_are_written_one_after_another() -> None:
    x = torch.randn(2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    upstream = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def function(x: Tensor) -> Tensor:
        first, second, third = x.sin().unsafe_chunk(3, 1)
        return first * second.sigmoid_() + third.tanh_()

    tape = Tape([x])
    with tape:
        output = function(x)
    (found,) = tape.gradients(output, upstream)
    (expected,) = torch.autograd.grad(function(x), x, upstream)
    assert np.all(np.abs(found.high - expected.numpy()) <= 1e-14)


@pytest.mark.parametrize("step", [torch.floor, torch.ceil, torch.trunc, torch.round])
def test_a_step_on_its_jump_has_no_known_derivative_as_a_factor_of_zero(step: Callable[[Tensor], Tensor]) -> None:
    jump = 0.5 if step is torch.round else 1.0
    x = torch.tensor([jump, 0.3], dtype=torch.float64, requires_grad=True)
    tape = Tape([x])
    with tape:
        output = step(x) * (x - jump)
    (found,) = tape.gradients(output, torch.ones(2, dtype=torch.float64))
    assert tape.problem is None
    sides = [float(step(torch.tensor(jump + side, dtype=torch.float64))) for side in (-1e-9, 1e-9)]
    assert found.radius[1] < 1e-20
    assert all(abs(found.high[0] - slope) <= found.radius[0] for slope in sides)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("given", ["an input without gradient", "a captured tensor", "a Function's argument"])
def test_what_is_computed_of_constants_is_exact(dtype: torch.dtype, given: str) -> None:
    """Its rounding is part of the bound, and the truth does not follow one way to round."""
    x = torch.tensor([0.3, -1.7, 0.9], dtype=dtype, requires_grad=True)
    c = torch.tensor([0.7, 1.3, 2.9], dtype=dtype)
    tape = Tape([x])
    with tape:
        y = x * (c.exp() + 0.1) if given != "a Function's argument" else _Product.apply(x, c.exp() + 0.1)
    (gradient,) = tape.gradients(y, torch.ones_like(y))
    exact = c.double().exp() + 0.1
    assert bool((torch.from_numpy(gradient.high) - exact).abs().max() < 1e-15)
    assert float((exact - (c.exp() + 0.1).double()).abs().max()) > 1e-9, "in its dtype it is another number"


@pytest.mark.parametrize("number", one_in(2, range(20)))
def test_a_right_backward_that_computes_its_constants_otherwise_passes(number: int) -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, c):  # torch calls it
            ctx.save_for_backward(c)
            return x * torch.sigmoid(c + 0.5)

        @staticmethod
        def backward(ctx, upstream):  # torch calls it
            (c,) = ctx.saved_tensors
            return upstream / (1 + torch.exp(-c - 0.5)), None

    generator = torch.Generator().manual_seed(number)
    x, c = (torch.randn(4, generator=generator).to(torch.bfloat16) for _ in range(2))
    assert dx.gradcheck(Scaled, (x.requires_grad_(), c), battery="none", raise_exception=False).verdict != "fail"


@pytest.mark.parametrize(
    "number",
    [
        lambda x: torch.special.airy_ai(x),
        lambda x: torch.histc(x, 3),
        lambda x: torch.unique(x, return_inverse=True)[1],
    ],
    ids=["airy_ai", "histc", "unique"],
)
def test_an_operator_without_a_rule_makes_constants_of_what_is_detached(number: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64, requires_grad=True)
    for function, constant in ((lambda x: x * number(x.detach()), True), (lambda x: x * number(x), False)):
        tape = Tape([x])
        with tape:
            function(x)
        assert (tape.problem is None) is constant, tape.problem


def test_memory_that_varies_is_not_written_by_an_operator_without_a_rule() -> None:
    x = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64, requires_grad=True)
    tape = Tape([x])
    with tape:
        y = x * 2
        torch.special.airy_ai(y.detach(), out=y.data)
    assert "it writes into memory" in str(tape.problem)


def test_a_function_that_keeps_what_it_computed_of_its_inputs() -> None:
    """Another call at the same values gets it from the one before: no derivative comes to its own inputs."""
    kept: dict[tuple[float, ...], Tensor] = {}

    def remembered(x: Tensor) -> Tensor:
        values = tuple(x.tolist())
        if values not in kept:
            kept[values] = x.exp()
        return kept[values] * x

    with pytest.raises(CandidateError, match="remembered keeps what it computed of its inputs"):
        dx.gradcheck(remembered, torch.linspace(0, 1, 3, dtype=torch.float64).requires_grad_())


def past_autograd(write: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """(2x)², with something written into 2x before it is squared."""

    def program(x: Tensor) -> Tensor:
        y = 2 * x
        write(y)
        return y**2

    return program


def checked_past_autograd(write: Callable[[Tensor], Any]) -> Any:
    x = torch.tensor([1.2, 0.3, -0.7], dtype=torch.float64, requires_grad=True)
    return dx.gradcheck(past_autograd(write), x, raise_exception=False, battery="none")


@pytest.mark.parametrize(
    "write",
    [
        lambda y: y.data.clamp_(-10, 10),
        lambda y: y.detach().mul_(1.0),
        lambda y: y.data[:2].add_(0.0),
        lambda y: y.data.masked_fill_(y > 10, 10.0),
        lambda y: y.data.relu_() if bool((y > 0).all()) else y.data.clamp_(min=-5),
    ],
)
def test_a_write_past_autograd_that_changes_nothing_around_is_none(write: Callable[[Tensor], Any]) -> None:
    report = checked_past_autograd(write)
    assert (report.verdict, report.truth) == ("pass", "certified")


@pytest.mark.parametrize("write", [lambda y: y.data[0].copy_(y.data[0]), lambda y: y.data.copy_(y.data.clone())])
def test_equal_numbers_written_past_autograd_certify_nothing(write: Callable[[Tensor], Any]) -> None:
    report = checked_past_autograd(write)
    assert (report.verdict, report.truth) == ("pass", "estimated")


@pytest.mark.parametrize(
    ("write", "factor"),
    [
        (lambda y: y.data.mul_(3.0), 3.0),
        (lambda y: y.data.clamp_(max=1.0), None),
        (lambda y: y.data.copy_(y.data.round()), None),
    ],
)
def test_one_that_changes_numbers_is_a_mistake(write: Callable[[Tensor], Any], factor: float | None) -> None:
    report = checked_past_autograd(write)
    assert (report.verdict, report.truth) == ("fail", "certified")
    (row,) = report.rows
    truth = float(row.truth.mid) if row.truth is not None else None
    assert truth == (0.0 if factor is None else pytest.approx(factor * row.value))


def test_so_is_a_parameter_that_is_kept_within_its_range() -> None:
    def clipped(w: Tensor) -> Tensor:
        w.data.clamp_(-1, 1)
        return w.exp()

    w = torch.tensor([0.5, -0.25], dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(clipped, w, battery="none").truth == "certified"
