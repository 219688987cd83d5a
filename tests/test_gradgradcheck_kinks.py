"""At a kink, a tie or a jump no second derivative is certified, and none of torch's is failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

import diffexplore as dx

Tensor = torch.Tensor

#: All inputs are this number: what is compared with it is a tie, and so are all entries.
AT = 1.25

#: Functions that bend or jump where their argument is 1.25; many of their squares, minus the value there, are smooth once.
BENT: dict[str, Callable[[Tensor], Tensor]] = {
    "where": lambda x: torch.where(x > AT, x - AT, torch.zeros_like(x)),
    "where, twice smooth": lambda x: torch.where(x > AT, (x - AT) ** 3, 0 * x),
    "masked_fill": lambda x: (x - AT).masked_fill(x <= AT, 0.0),
    "clamp": lambda x: x.clamp(max=AT),
    "clamp, squared": lambda x: (x.clamp(max=AT) - AT) ** 2,
    "clamp, times": lambda x: x.clamp(min=AT) * x,
    "hardtanh": lambda x: (F.hardtanh(x, -AT, AT) - AT) ** 2,
    "relu": lambda x: F.relu(x - AT) ** 2,
    "relu6": lambda x: F.relu6(x - AT) ** 2,
    "leaky_relu": lambda x: F.leaky_relu(x - AT) ** 2,
    "prelu": lambda x: F.prelu(x - AT, torch.tensor([0.25], dtype=torch.float64)) ** 2,
    "hardswish": lambda x: F.hardswish(x - AT - 3) ** 2,
    "softshrink": lambda x: F.softshrink(x, AT) ** 2,
    "hardshrink": lambda x: F.hardshrink(x, AT),
    "threshold": lambda x: (F.threshold(x, AT, AT) - AT) ** 2,
    "max": lambda x: x.max(),
    "max, squared": lambda x: (x.max() - AT) ** 2,
    "amax": lambda x: x.amax(),
    "median": lambda x: (x.median() - AT) ** 2,
    "kthvalue": lambda x: x.kthvalue(1).values,
    "sort": lambda x: x.sort().values * torch.arange(3),
    "topk": lambda x: x.topk(2).values,
    "cummax": lambda x: x.cummax(0).values,
    "max_pool": lambda x: F.max_pool1d(x[None, None], 2)[0, 0] ** 2,
    "max_pool, of windows that overlap": lambda x: F.max_pool1d(x[None, None], 2, 1)[0, 0],
    "remainder": lambda x: torch.remainder(x, AT) ** 2,
    "fmod": lambda x: torch.fmod(x, AT) * (x - AT),
    "frac": lambda x: torch.frac(x / AT) * x,
    "floor": lambda x: torch.floor(x / AT) * (x - AT),
    "sign": lambda x: torch.sign(x - AT) * (x - AT) ** 2,
}


@pytest.mark.parametrize("name", BENT)
def test_no_second_derivative_is_claimed(name: str) -> None:
    x = torch.full((3,), AT, dtype=torch.float64, requires_grad=True)
    report = dx.gradgradcheck(BENT[name], x, raise_exception=False)
    assert report.verdict == "inconclusive", report


#: Operators that jump where an argument is 0, or divides another; the entries of both at which they do.
JUMPS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], tuple[list[int], list[int]]]] = {
    "remainder": (torch.remainder, ([0, 1, 3], [0, 1, 3])),
    "fmod": (torch.fmod, ([1, 3], [1, 3])),
    "frac": (lambda x, y: torch.frac(x) * y, ([1, 3], [1, 3])),
    "angle": (lambda x, y: torch.angle(x) * y, ([0], [0])),
    "copysign": (lambda x, y: torch.copysign(y, x), ([0], [0])),
    "remainder, as a factor": (lambda x, y: torch.remainder(x, y) * (x - 1), ([0, 1, 3], [0, 3])),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_has_no_derivative(name: str) -> None:
    """Times what is 0 at the jump, the derivative by what moves the jump alone is 0."""
    function, places = JUMPS[name]
    inputs = [torch.tensor(n, dtype=torch.float64) for n in ([0.0, 1.0, 1.5, -2.0, 3.7], [1.0, 0.5, 0.7, 2.0, -1.0])]
    report = dx.gradcheck(function, [one.requires_grad_() for one in inputs], raise_exception=False, battery="none")
    assert report.verdict == "pass", report
    assert [row.entries.kinks for row in report.rows] == [len(there) for there in places]


def test_sinc_has_derivatives_at_0() -> None:
    x = torch.tensor([0.0, 0.3, -2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(torch.sinc, x, raise_exception=False, battery="none")
    assert report.verdict == "pass" and report.rows[0].entries.passed == 3, report


def test_torch_has_no_second_derivative_of_sinc_at_0() -> None:
    """−π²/3 times its weights; torch divides 0 by 0."""
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    report = dx.gradgradcheck(torch.sinc, x, raise_exception=False)
    assert report.verdict == "fail" and report.rows[0].cause.key == "nan", report
