"""One operation whose way back is another's: a wrong axis, tensor, triangle, direction, sign or share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from autograd_functions import function_of_all

import diffexplore as dx

Tensor = torch.Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def cause(forward: Callable[..., Tensor], backward: Callable[..., Any], *inputs: Tensor) -> Any:
    function = function_of_all(forward, backward).apply
    report = dx.gradcheck(function, inputs, raise_exception=False, battery="none")
    assert report.verdict == "fail"
    return next(row.cause for row in report.rows if row.verdict == "fail")


x, w, square = numbers(4, 6), numbers(6, 3), numbers(4, 4)
MASK = torch.ones(4, 3, dtype=torch.bool).tril()


def attended(x: Tensor, w: Tensor) -> Tensor:
    return torch.softmax((x @ w).masked_fill(~MASK, -math.inf), -1).square()


def attended_back(g: Tensor, x: Tensor, w: Tensor, inner: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, None]:
    p = torch.softmax((x @ w).masked_fill(~MASK, -math.inf), -1)
    gp = 2 * p * g
    return p * inner(gp, p) @ w.t(), None


def gated(x: Tensor, w: Tensor) -> Tensor:
    return (x @ w) * torch.sigmoid(x @ w)


def gated_back(g: Tensor, x: Tensor, w: Tensor, slope: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, None]:
    h, s = x @ w, torch.sigmoid(x @ w)
    return (g * s + g * h * slope(h, s)) @ w.t(), None


def smoothed(x: Tensor) -> Tensor:
    logs = torch.log_softmax(x, 1)
    return 0.9 * logs[:, 0] + 0.1 * logs.mean(1)


def smoothed_back(g: Tensor, x: Tensor, share: float) -> Tensor:
    first = torch.eye(6, dtype=g.dtype)[0]
    return g[:, None] * (0.9 * first + share - torch.softmax(x, 1))


#: forward, backward, inputs; the key, and what the message has to say.
CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., Any], tuple[Tensor, ...], str, str]] = {
    "the sum inside softmax is taken along another axis": (
        attended, lambda g, x, w: attended_back(g, x, w, lambda gp, p: gp - (gp * p).sum(0)), (x, w.detach()),
        "reduction_axis", "its sum is taken along axis 0 and not along axis 1",
    ),
    "the sum inside softmax has no weights": (
        attended, lambda g, x, w: attended_back(g, x, w, lambda gp, p: gp - gp.sum(1, keepdim=True)), (x, w.detach()),
        "wrong_slope", "y·(g − Σ g)",
    ),
    "1 − x for 1 − s": (
        gated, lambda g, x, w: gated_back(g, x, w, lambda h, s: s * (1 - h)), (x, w.detach()), "wrong_slope",
        "counts as `torch.sigmoid(x @ w)`",
    ),
    "a cumulative sum goes forwards": (
        lambda x, w: torch.cumsum(x @ w, 0).exp(), lambda g, x, w: ((g * torch.cumsum(x @ w, 0).exp()).cumsum(0) @ w.t(), None),
        (x, w.detach()), "transposed", "taken in the other direction along axis 0",
    ),
    "rolled by two and not by one": (
        lambda x: x * torch.tanh(x).roll(1, 1),
        lambda g, x: g * torch.tanh(x).roll(1, 1) + (g * x).roll(-2, 1) * (1 - torch.tanh(x) ** 2), (x,),
        "transposed", "used shifted by 1 down along axis 1",
    ),
    "the other triangle": (
        lambda a, x: torch.tril(a) @ x, lambda g, a, x: (torch.triu(g @ x.t()), None), (square, x.detach()),
        "transposed", "`torch.tril(a)`",
    ),
    "the other triangle of a factor": (
        lambda x, a: torch.tril(a) @ x, lambda g, x, a: (torch.triu(a).t() @ g, None), (x, square.detach()),
        "wrong_operand", "with its diagonal above it, and 0 below",
    ),
    "the upstream gradient in the place of a factor": (
        lambda x, w: torch.sigmoid(x @ w) * torch.cos(x @ w),
        lambda g, x, w: (
            (g * g * torch.sigmoid(x @ w) * (1 - torch.sigmoid(x @ w)) - g * torch.sigmoid(x @ w) * torch.sin(x @ w)) @ w.t(), None
        ), (x, w.detach()), "wrong_operand", "the upstream gradient is used for `torch.cos(x @ w)`",
    ),
    "a share of smoothing, without what the normaliser has of it": (
        smoothed, lambda g, x: smoothed_back(g, x, 0.1), (x,), "scaled_path", "is counted 6 times: the sum over axis 1",
    ),
    "the mean inside a variance": (
        lambda x: x / (x.var(1, unbiased=False, keepdim=True) + 1),
        lambda g, x: (
            g / (x.var(1, unbiased=False, keepdim=True) + 1)
            - 2 * (x - x.mean(1, keepdim=True)) * (g * x).sum(1, keepdim=True) / (x.var(1, unbiased=False, keepdim=True) + 1) ** 2
        ), (x,), "scaled_path", "`x.var(1, unbiased=False, keepdim=True)`, test_tensor_diagnosis_ways.py",
    ),
    "softmax along another axis": (
        lambda x: torch.log_softmax(x, 1).square(),
        lambda g, x: (lambda gl: gl - torch.softmax(x, 0) * gl.sum(1, keepdim=True))(2 * g * torch.log_softmax(x, 1)), (x,),
        "reduction_axis", "softmax along axis 0 is used for that along axis 1",
    ),
    "the weights of the other of two": (
        lambda x: torch.logsumexp(x, 1) * torch.logsumexp(x * x, 1),
        lambda g, x: g[:, None] * (
            torch.logsumexp(x * x, 1)[:, None] * torch.softmax(x * x, 1)
            + torch.logsumexp(x, 1)[:, None] * 2 * x * torch.softmax(x * x, 1)
        ), (x,), "wrong_operand", "the softmax of `torch.logsumexp(x * x, 1)`",
    ),
    "a solution with the inverse for its transpose": (
        lambda x: torch.linalg.solve(x + 4 * torch.eye(4), x - x.t()),
        lambda g, x: (lambda y, z: y - y.t() - y @ z.t())(
            torch.linalg.inv(x + 4 * torch.eye(4)) @ g, torch.linalg.solve(x + 4 * torch.eye(4), x - x.t())
        ), (square,), "transposed", "on the way back to both operands of `torch.linalg.solve(",
    ),
    "the order of pixels": (
        lambda x: torch.pixel_shuffle(x.exp(), 2), lambda g, x: g.reshape(x.shape) * x.exp(), (numbers(1, 4, 2, 3),),
        "permuted", "in the order in which they lie there",
    ),
    "a factor in words": (
        lambda x: x.square() * x.exp(), lambda g, x: g * (2 * x + x.square()) * x.exp() * math.sqrt(2 / math.pi), (x,),
        "factor", "it is √(2/π) times the gradient",
    ),
    "a tensor of one entry": (
        lambda v: v / (v * v).sum(), lambda g, v: g / (v * v).sum() - 2 * (g * v).sum() * v / (v * v).sum(), (numbers(5),),
        "scaled_path", "that is `(v * v).sum()`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_named(name: str) -> None:
    forward, backward, inputs, key, words = CASES[name]
    found = cause(forward, backward, *inputs)
    assert found.key == key, found
    assert words in found.message, found


def test_one_mistake_is_told_of_every_input_that_it_reaches() -> None:
    """By the scale alone, one number, it might be any factor."""

    def backward(g: Tensor, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        p = torch.softmax(scale * x, 1)
        gs = p * (g - (p * g).sum(0))
        return scale * gs, (gs * x).sum()

    function = function_of_all(lambda x, scale: torch.softmax(scale * x, 1), backward).apply
    report = dx.gradcheck(function, (x, numbers()), raise_exception=False, battery="none")
    causes = [row.cause for row in report.rows]
    assert [one.key if one else None for one in causes] == ["reduction_axis"] * 2
    assert causes[0] == causes[1]


def test_errors_that_are_counts_are_explained_by_no_coincidence() -> None:
    """Of a hinge loss all entries are whole numbers of fifths: something fits them always."""
    chosen = torch.tensor([0, 2, 1, 0, 3])

    def backward(g: Tensor, x: Tensor) -> Tensor:
        on = (x - x.gather(1, chosen[:, None]) + 1 > 0).to(x.dtype)
        return g * on.scatter(1, chosen[:, None], 0.0) / len(x)

    found = cause(lambda x: torch.relu(x - x.gather(1, chosen[:, None]) + 1).sum(1).mean(), backward, numbers(5, 4))
    assert found.key in ("region", "unexplained"), found


@pytest.mark.parametrize(("off", "key"), [(0.0, "not_converged"), (1e-2, "unexplained")])
def test_the_gradient_of_a_limit_is_told_where_the_loop_stops_early(off: float, key: str) -> None:
    def forward(x: Tensor, w: Tensor) -> Tensor:
        z = torch.zeros_like(x)
        for _ in range(5):
            z = torch.tanh(z @ w + x)
        return z

    def backward(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        z = forward(x, w)
        u = g
        for _ in range(16):
            u = g + (u * (1 - z * z)) @ w.t()
        u = u * (1 - z * z)
        return u + off * torch.cos(9 * x), z.t() @ u + off * torch.cos(9 * w)

    inputs = numbers(2, 3), (numbers(3, 3).detach() * 0.05).requires_grad_()
    report = dx.gradcheck(function_of_all(forward, backward).apply, inputs, raise_exception=False, battery="none")
    assert [row.cause.key for row in report.rows if row.cause] == [key, key]


@pytest.mark.parametrize("off", [1e-3, 1e-6])
@pytest.mark.parametrize("name", ["the sum inside softmax is taken along another axis", "rolled by two and not by one"])
def test_what_is_nearly_that_mistake_is_not_it(name: str, off: float) -> None:
    """The same numbers, one of them off by a little more."""
    forward, backward, inputs, key, _ = CASES[name]

    def other(*args: Tensor) -> Any:
        found = backward(*args)
        several = list(found) if isinstance(found, tuple) else [found]
        several[0] = several[0] * (1 + off * (torch.arange(several[0].numel()) == 3).reshape(several[0].shape))
        return tuple(several)

    assert cause(forward, other, *inputs).key != key
