"""Extreme elements of computed numbers: which one they are is decided where no other is near, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import each_value
from torch import Tensor

import diffexplore as dx
from diffexplore.torch_code.leaving_torch import CandidateWatch

_INF = float("inf")
_BAGS = torch.tensor([0, 2, 1, 1])

#: Functions whose backward pass asks which of the numbers that it computed were the extreme ones.
CHOICES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "amax": (lambda x: x.exp().amax(-1), [(4, 5)]),
    "amin, kept": (lambda x: (y := x.exp()) - y.amin(0, keepdim=True), [(4, 5)]),
    "two axes": (lambda x: x.exp().amax((0, 2)), [(2, 3, 4)]),
    "all": (lambda x: x.exp().max() - x.sin().min(), [(4, 5)]),
    "amin and amax": (lambda x: torch.stack(torch.aminmax(x.exp(), dim=0)), [(4, 3)]),
    "max norm": (lambda x: torch.linalg.vector_norm(x.sin(), _INF, -1), [(4, 5)]),
    "min norm": (lambda x: torch.linalg.vector_norm(x.sin(), -_INF, 0), [(4, 5)]),
    "spectral norm": (lambda x: torch.linalg.matrix_norm(x, 2), [(4, 5)]),
    "condition": (torch.linalg.cond, [(4, 4)]),
    "one number": (lambda x: x.exp().amax() - x.sin().amin(0), [()]),
    "max norm of one number": (lambda x: torch.linalg.vector_norm(x.sin(), _INF, 0), [()]),
    "max distances": (lambda x, y: torch.cdist(x, y, p=_INF), [(4, 3), (5, 3)]),
    "values and places": (lambda x: x.exp().max(-1).values + x.exp().sort(-1).values[:, 1], [(4, 5)]),
    "mode": (lambda x: x.exp().mode(-1).values, [(4, 3)]),
    "pooled": (lambda x: torch.nn.functional.max_pool2d(x.exp(), 2), [(1, 2, 4, 4)]),
    "bags": (
        lambda x: torch.nn.functional.embedding_bag(_BAGS, x.exp(), torch.tensor([0, 2]), mode="max"),
        [(3, 4)],
    ),
}


def _checked(name: str, dtype: torch.dtype, seed: int) -> Any:
    function, shapes = CHOICES[name]
    torch.manual_seed(seed)
    inputs = tuple(torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes)
    return dx.gradcheck(function, inputs, battery="none")


@pytest.mark.parametrize(("name", "dtype"), each_value(list(CHOICES), [torch.float64, torch.float32]))
def test_which_one_is_extreme_is_decided(name: str, dtype: torch.dtype) -> None:
    report = _checked(name, dtype, seed=0)
    assert report.truth == "certified" and report.verdict == "pass"
    assert all(row.entries.inconclusive == 0 for row in report.rows)
    assert max(row.smallest_detectable_median or 0.0 for row in report.rows) < 1e6 * torch.finfo(dtype).eps


def _by_blocks(x: Tensor) -> Tensor:
    """A softmax's logarithm of sums, which goes through the columns in blocks; of some rows a mask hides a block."""
    least = -torch.finfo(torch.float32).max
    hidden = torch.ones(x.shape, dtype=torch.bool).triu(1)
    top, total = torch.full((x.shape[0], 1), least, dtype=x.dtype), torch.zeros(x.shape[0], 1, dtype=x.dtype)
    for block, mask in zip(x.split(2, -1), hidden.split(2, -1), strict=True):
        numbers = block.sin().masked_fill(mask, least)
        larger = torch.maximum(top, numbers.amax(-1, keepdim=True))
        total = total * (top - larger).exp() + (numbers - larger).exp().sum(-1, keepdim=True)
        top = larger
    return top + total.log()


def test_what_is_far_below_the_largest_leaves_no_radius_behind() -> None:
    """Half a unit of the lowest number is larger than any exponent may be off."""
    x = torch.linspace(-1, 1, 16).reshape(4, 4).requires_grad_()
    (row,) = dx.gradcheck(_by_blocks, x, battery="none").rows
    assert row.entries.passed >= 13 and (row.smallest_detectable or 0.0) < 1e-5


#: Two numbers that rounding may exchange: x, and x by another way.
NEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "thirds": lambda x: torch.stack([x / 3 * 3, x.exp().log()]),
    "roots": lambda x: torch.stack([x.sqrt().square(), x * 0.1 * 10]),
}


@pytest.mark.parametrize("name", NEAR)
def test_numbers_that_rounding_may_exchange_stay_open(name: str) -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        x = torch.rand(3, dtype=torch.float64) + 1
        with CandidateWatch(inputs=[x]) as watch:
            both = NEAR[name](x)
            largest = both == both.amax(0, keepdim=True)
            place = both.max(0).indices
        for found in (largest, place):
            undecided = watch.undecided(found)
            assert undecided is not None and bool(undecided.all())


def _compared(x: Tensor) -> dict[str, tuple[Tensor, bool]]:
    """Comparisons, and whether all of each are decided."""
    y = x.exp()
    rows, columns = y.amax(1, keepdim=True), y.amax(0, keepdim=True)
    changed = x.exp()
    of_changed = changed.amax(1, keepdim=True)
    changed.mul_(1.5).div_(1.5)
    return {
        "its own": (y == rows, True),
        "not its own": (rows != y, True),
        "of sizes": ((-y).abs() == torch.linalg.vector_norm(-y, _INF, 1, keepdim=True), False),
        "the same sizes": ((z := -y).abs() == torch.linalg.vector_norm(z, _INF, 1, keepdim=True), True),
        "along another axis": (y == columns.mT, False),
        "of others that are alike": (x.exp() == rows, False),
        "changed since": (changed == of_changed, False),
    }


@pytest.mark.parametrize(
    "name",
    [
        "its own",
        "not its own",
        "of sizes",
        "the same sizes",
        "along another axis",
        "of others that are alike",
        "changed since",
    ],
)
def test_a_comparison_is_decided_for_the_same_numbers_alone(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 4, dtype=torch.float64)
    x = x + x.mT  # so that rows and columns have the same extremes
    with CandidateWatch(inputs=[x]) as watch:
        found, decided = _compared(x)[name]
    undecided = watch.undecided(found)
    assert (undecided is None or not bool(undecided.any())) == decided


def test_which_numbers_are_infinite_is_decided_but_where_they_overflow() -> None:
    x = torch.tensor([0.7, 0.9], dtype=torch.float64)
    with CandidateWatch(inputs=[x]) as watch:
        masked = x.exp() + torch.tensor([0.0, -_INF], dtype=torch.float64) == -_INF
        overflown = (1e3 * x.exp()).exp() == _INF
    assert masked.tolist() == [False, True] and overflown.all()
    for found, open_ones in ((masked, [False, False]), (overflown, [True, True])):
        undecided = watch.undecided(found)
        assert (undecided if undecided is not None else torch.zeros(2)).bool().tolist() == open_ones


def test_numbers_that_a_causal_mask_leaves_out_hide_no_gradient() -> None:
    torch.manual_seed(0)
    given = tuple(torch.randn(2, 4, 8, dtype=torch.float64, requires_grad=True) for _ in range(3))
    attention = torch.nn.functional.scaled_dot_product_attention
    report = dx.gradcheck(lambda *qkv: attention(*qkv, is_causal=True), given, battery="none")
    assert report.verdict == "pass" and sum(row.entries.inconclusive for row in report.rows) == 0
