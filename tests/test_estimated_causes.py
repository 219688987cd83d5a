"""Causes where the truth is estimated, and causes that a factor or an axis of another name explains."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from representatives import these
from tensor_functions import leaves, weighted

import diffexplore as dx

Tensor = torch.Tensor
Backward = Callable[[Tensor, Tensor, Tensor], Any]


def opaque(backward: Backward) -> Any:
    """x² w by NumPy, for x of shape (n, k) and w of shape (k,)."""

    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, w)
            return torch.from_numpy(np.square(x.detach().numpy()) * w.detach().numpy())

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return backward(*ctx.saved_tensors, g)

    return Opaque


def _by_w(x: Tensor, g: Tensor) -> Tensor:
    return (x * x * g).sum(0)


#: A mistake, the key of its cause, and what its message says.
MISTAKES: dict[str, tuple[Backward, str, str]] = {
    "factor": (lambda x, w, g: (x * w * g, _by_w(x, g)), "factor", "1/2 times the gradient: a factor 2 is missing"),
    "mean": (lambda x, w, g: (2 * x * w * g, (x * x * g).mean(0)), "factor", "the mean over axis 0 of the output is"),
    "sign": (lambda x, w, g: (2 * x * w * g, -_by_w(x, g)), "factor", "the sign is wrong"),
    "zero": (lambda x, w, g: (0 * x, _by_w(x, g)), "zero", "the gradient is 0"),
    "row": (lambda x, w, g: ((2 * x * w * g).index_fill(0, torch.tensor(1), 0), _by_w(x, g)), "region", "0 at [1, :]"),
    "reversed": (lambda x, w, g: ((2 * x * w * g).flip(0), _by_w(x, g)), "transposed", "reversed along axis 0"),
    "size": (lambda x, w, g: ((2 * x * w * g).abs(), _by_w(x, g)), "sign_lost", "the absolute value of the gradient"),
}

#: By entry and along directions: of all numbers, of an axis, of a region, and in another order.
EACH_TIME = [("mean", (3, 2)), ("reversed", (3, 2)), ("row", (3, 6)), ("size", (3, 6))]


@pytest.mark.parametrize(("name", "shape"), these(EACH_TIME, itertools.product(MISTAKES, [(3, 2), (3, 6)])))
def test_a_mistake_in_an_opaque_function_is_named(name: str, shape: tuple[int, int]) -> None:
    backward, key, said = MISTAKES[name]
    report = dx.gradcheck(opaque(backward), leaves(shape, shape[1:]), raise_exception=False)
    (row,) = report.failed
    assert report.truth == "estimated" and str(report).startswith("FAIL (estimated truth)")
    assert row.cause is not None and row.cause.key == key and said in row.cause.message
    assert row.entry is not None


def test_of_many_entries_a_factor_is_named_along_directions() -> None:
    report = dx.gradcheck(opaque(MISTAKES["factor"][0]), leaves((40, 20), (20,)), raise_exception=False)
    (row,) = report.failed
    assert row.entry is None and row.cause is not None and row.cause.key == "factor"
    assert dx.gradcheck(opaque(lambda x, w, g: (2 * x * w * g, _by_w(x, g))), leaves((40, 20), (20,)))


class Gated(torch.autograd.Function):
    """silu(x w) · (x v); its backward takes x w for silu(x w)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, v: Tensor) -> Tensor:
        a, b = x @ w, x @ v
        ctx.save_for_backward(x, w, v, a, b)
        return F.silu(a) * b

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, w, v, a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        by_a, by_b = g * b * (s + a * s * (1 - s)), g * a
        return by_a @ w.t() + by_b @ v.t(), x.t() @ by_a, x.t() @ by_b


class Projected(torch.autograd.Function):
    """tanh(x) @ y; its backward takes x for tanh(x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.tanh(x) @ y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, y = ctx.saved_tensors
        return (g @ y.t()) * (1 - torch.tanh(x) ** 2), x.t() @ g


@pytest.mark.parametrize(
    ("function", "shapes", "said"),
    [
        (Gated, ((4, 5), (5, 3), (5, 3)), "the value of `x @ w`, test_estimated_causes.py:"),
        (Projected, ((4, 5), (5, 3)), "the value of x is used for `torch.tanh(x)`, test_estimated_causes.py:"),
    ],
)
def test_the_operand_in_the_place_of_the_result_is_named(function: Any, shapes: Any, said: str) -> None:
    report = dx.gradcheck(function, leaves(*shapes), raise_exception=False)
    causes = {row.cause.key: row.cause.message for row in report.failed if row.cause}
    assert set(causes) == {"operand_for_result"} and said in causes["operand_for_result"]


def test_a_sum_over_a_wrong_axis_is_named() -> None:
    summed = weighted(lambda x, w, g: (2 * x * w * g, (x * x * g).sum(1)))
    (row,) = dx.gradcheck(summed, leaves((4, 4), (4,)), raise_exception=False).failed
    assert row.input == "w" and row.cause is not None and row.cause.key == "reduction_axis"
    assert "added up along a wrong axis of the output, and not along axis 0" in row.cause.message


class Centred(torch.autograd.Function):
    """Two equal rows less their mean: 0, and so is its derivative, of which rounding leaves something in the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        rows = np.stack([x.detach().numpy()] * 2)
        return torch.from_numpy(rows - rows.mean(0))

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:
        rows = upstream.numpy()
        return torch.from_numpy((rows - rows.mean(0)).sum(0))


def test_what_rounding_leaves_of_terms_that_cancel_is_no_wrong_gradient() -> None:
    x = torch.linspace(0.3, 1.7, 12, dtype=torch.float64).requires_grad_()
    report = dx.gradcheck(Centred.apply, (x,), raise_exception=False)
    assert all(row.estimated for row in report.rows)
    assert report.verdict == "pass"
