"""Masks of −inf that are added to products of matrices: nothing moves what they hide."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

CAUSAL = torch.ones(3, 3, dtype=torch.bool).triu(1)


def mask(x: Tensor) -> Tensor:
    return torch.zeros(3, 3, dtype=x.dtype).masked_fill(CAUSAL, -torch.inf)


SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "addmm": lambda x: torch.addmm(mask(x), x, x.T, beta=0.5, alpha=2),
    "addmv": lambda x: torch.addmv(mask(x)[0], x, x[0]),
    "baddbmm": lambda x: torch.baddbmm(mask(x), x[None], x.T[None]),
    "addbmm": lambda x: torch.addbmm(mask(x), x[None], x.T[None]),
    "addr": lambda x: torch.addr(mask(x), x[0], x[1]),
    "linear": lambda x: torch.nn.functional.linear(x, x, mask(x)[1]),
    "index_add": lambda x: x.index_add(0, torch.arange(3), mask(x), alpha=2),
    "a mask that beta takes out": lambda x: torch.addmm(mask(x) * torch.nan, x, x.T, beta=0),
}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(SCORES), [torch.float64, torch.float32]))
def test_what_a_mask_hides_is_certified(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([[0.3, -1.1, 0.7], [1.3, 0.2, -0.4], [-0.6, 0.9, 1.7]], dtype=dtype, requires_grad=True)
    report = dx.gradcheck(lambda x: SCORES[name](x).softmax(-1), x, battery="none", raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)


def test_causal_attention_with_its_weights_is_certified() -> None:
    module = torch.nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(
        lambda x: module(x, x, x, attn_mask=CAUSAL, key_padding_mask=CAUSAL[1:2]), x, battery="none",
        raise_exception=False,
    )  # fmt: skip
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_products_that_overflow_beside_a_mask_are_no_numbers_of_radius_0(dtype: torch.dtype) -> None:
    """The exact sum is −inf; the kernel's own product is +inf, so that it makes NaN."""
    large = torch.full((1, 1, 2), torch.finfo(dtype).max, dtype=dtype)
    watch = Watch()
    with watch:
        out = torch.baddbmm(torch.full((1, 1, 1), -torch.inf, dtype=dtype), large, large.mT)
    assert out.isinf() or watch.radius(out) == torch.inf
