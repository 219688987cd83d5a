"""The gradients of ordinary modules have bounds that hold and are small: float64 judges float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def square(n: int) -> Tensor:
    return numbers(n, n) + 3 * torch.eye(n, dtype=torch.float64)


def written(x: Tensor) -> Tensor:
    found = torch.zeros_like(x)
    found[:, 1:] += 2 * x[:, :-1]
    found[0] = x[1] * x[0]
    return found


CASES: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), (numbers(2, 3, 4, 4),)),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2), (numbers(1, 2, 4, 4, 4),)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), (numbers(2, 3, 5, 5),)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 3), (numbers(2, 3, 5, 7),)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 3), (numbers(2, 3, 5, 7),)),
    "embedding": (lambda w: F.embedding(torch.tensor([[1, 2], [1, 0]]), w), (numbers(4, 3),)),
    "index_put": (written, (numbers(3, 4),)),
    "gather": (lambda x: x.gather(1, torch.tensor([[0, 0], [1, 2], [3, 3]])), (numbers(3, 4),)),
    "scatter_add": (
        lambda x, y: x.scatter_add(0, torch.tensor([[0, 0, 1, 0]]), y) ** 2,
        (numbers(3, 4), numbers(1, 4)),
    ),
    "index_add": (lambda x, y: x.index_add(0, torch.tensor([0, 0]), y) ** 2, (numbers(3, 4), numbers(2, 4))),
    "sort": (lambda x: x.sort(-1).values.cumsum(-1), (numbers(3, 5),)),
    "topk": (lambda x: x.topk(2).values ** 2, (numbers(3, 5),)),
    "max of an axis": (lambda x: x.max(-1).values ** 2, (numbers(3, 5),)),
    "masked_select": (lambda x: x[x > 0] ** 3, (numbers(3, 5),)),
    "bilinear": (lambda x: F.interpolate(x, size=(5, 7), mode="bilinear") ** 2, (numbers(1, 2, 4, 3),)),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2) ** 2, (numbers(1, 2, 4, 3),)),
    "pad": (lambda x: F.pad(x, (1, 2), mode="replicate") ** 2, (numbers(2, 3, 4),)),
    "circular pad": (lambda x: F.pad(x, (1, 2), mode="circular") ** 2, (numbers(2, 3, 4),)),
    "unfold": (lambda x: F.unfold(x, 2) ** 2, (numbers(1, 2, 4, 4),)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2) ** 2, (numbers(1, 4, 2, 2),)),
    "prelu": (lambda x, w: F.prelu(x, w), (numbers(2, 3, 4), numbers(3))),
    "causal attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        (numbers(1, 2, 4, 8), numbers(1, 2, 4, 9)[..., :8], numbers(1, 2, 4, 8) + 1),
    ),
    "masked softmax": (
        lambda x: torch.softmax(x.masked_fill(torch.ones(4, 4, dtype=torch.bool).triu(1), -math.inf), -1),
        (numbers(4, 4),),
    ),
    "gru": (lambda x, w, v, b: torch.gru_cell(x, x, w, v, b, b), (numbers(2, 3), numbers(9, 3), numbers(9, 3), numbers(9))),
    "inverse": (torch.linalg.inv, (square(4),)),
    "solve": (torch.linalg.solve, (square(4), numbers(4, 2))),
    "det": (torch.linalg.det, (square(4),)),
    "logdet": (lambda a: torch.logdet(a @ a.mT), (square(3)[None].repeat(2, 1, 1),)),
    "cholesky": (lambda a: torch.linalg.cholesky(a @ a.mT), (square(4),)),
    "dropout": (lambda x: F.dropout(x, 0.4) ** 2, (numbers(4, 5),)),
}  # fmt: skip


def gradients(function: Callable[..., Tensor], inputs: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    leaves = [x.to(torch.float32).to(dtype).requires_grad_() for x in inputs]
    torch.manual_seed(0)
    out = function(*leaves)
    upstream = numbers(*out.shape, 1)[..., 0].to(torch.float32).to(dtype)
    return torch.autograd.grad(out, leaves, upstream)


@pytest.mark.parametrize("name", CASES)
def test_the_bound_of_a_gradient_holds_and_is_small(name: str) -> None:
    function, inputs = CASES[name]
    exact = gradients(function, inputs, torch.float64)
    with Watch() as watch:
        found = gradients(function, inputs, torch.float32)
    assert not watch.unwatched
    for value, truth in zip(found, exact, strict=True):
        radius, size = watch.radius(value), float(truth.abs().max())
        assert bool(((value.double() - truth).abs() <= radius + 2.0**-40 * size).all())
        assert float(radius.max()) <= 2.0**-8 * size


def test_a_kernel_that_strays_from_its_decomposition_has_a_bound_as_large() -> None:
    """The steps of torch's decomposition are held against what the kernel gave."""
    x = numbers(3, 4).to(torch.float32)
    with Watch() as watch:
        out = torch.ops.aten.std_mean.correction(x, [1], correction=0)
    for value, truth in zip(out, torch.std_mean(x.double(), 1, correction=0), strict=True):
        assert bool(((value.double() - truth).abs() <= watch.radius(value)).all())
        assert bool((watch.radius(value) <= 2.0**-18).all())
