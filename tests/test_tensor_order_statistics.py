"""Elements of a rank: at ties their value is known, and their derivative is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    "sort": lambda x: x.sort()[0],
    "sort, descending": lambda x: x.sort(descending=True)[0],
    "topk": lambda x: x.topk(2)[0].sum(),
    "kthvalue": lambda x: x.kthvalue(3)[0],
    "median": lambda x: x.median(),
    "median along an axis": lambda x: x.reshape(1, -1).median(1)[0],
    "nanmedian": lambda x: x.nanmedian(),
    "quantile": lambda x: x.quantile(0.5),
}


def checked(function: Callable[[Tensor], Tensor], x: Tensor) -> Any:
    return dx.gradcheck(function, (x.requires_grad_(),), raise_exception=False)


@pytest.mark.parametrize("name", STATISTICS)
def test_a_tie_has_a_value_and_no_derivative(name: str) -> None:
    statistic = STATISTICS[name]
    x = torch.tensor([1.3, 0.7, 1.3, 2.1, 0.2], dtype=torch.float64)
    constant = checked(lambda x: x * statistic(x.detach()), x)
    assert (constant.verdict, constant.summary.inconclusive) == ("pass", 0)
    assert checked(lambda x: x * statistic(x), x).summary.inconclusive > 0


def test_the_median_of_distances_each_of_which_comes_twice_is_a_constant() -> None:
    x = torch.tensor([1.3, 0.7, 1.9, 2.1, 0.2], dtype=torch.float64)
    assert checked(lambda x: x * (x[:, None] - x).detach().square().median(), x).verdict == "pass"


TIES: dict[str, Callable[[Tensor], Tensor]] = {
    "amax": lambda x: x[:3].amax() * x,
    "the largest absolute value": lambda x: x[:3].norm(torch.inf) * x,
    "maximum": lambda x: torch.maximum(x[0], x[1]) * x,
    "median": lambda x: x.median() * x,
    "relu": lambda x: (x - 1).relu() * x,
}


@pytest.mark.parametrize("name", TIES)
def test_ties_that_rounding_makes_fail_for_no_upstream_gradient(name: str) -> None:
    """Three numbers that differ by an ulp are one after a sum and a difference: autograd gives each its share."""
    x = torch.tensor([1 + 2.0**-51, 1 + 2.0**-52, 1, 0.5, 2.0], dtype=torch.float64)
    assert checked(lambda x: TIES[name]((x + 3) - 3), x).verdict != "fail"
