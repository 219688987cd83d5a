"""Choices between numbers that are equal because they are one function, computed by two ways: there the derivative exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import diffexplore as dx
from diffexplore.tensors.sweep_rules import SweepBudget

Tensor = torch.Tensor
Loss = Callable[[Tensor], Tensor]


def _ratio(x: Tensor) -> Tensor:
    """Of new and old probabilities, by logarithms; within 0.8 and 1.2."""
    return (x - (x.detach() + 0.125 * x.detach().tanh())).exp()


def _clipped(x: Tensor) -> Tensor:
    old = x.detach() + 0.125
    return old + (x - old).clamp(-0.25, 0.25)


ADVANTAGE = torch.tensor([1.5, -0.5, 0.75, -2.0], dtype=torch.float64)
SEVERAL = torch.tensor([[1.5, -0.5, 0.75], [1.0, 2.0, -3.0], [0.5, 0.25, -1.0], [-1.0, 1.0, 2.0]], dtype=torch.float64)
TARGET = torch.tensor([0.5, 0.25, -1.0, 3.5], dtype=torch.float64)


def _of(x: Tensor, numbers: Tensor) -> Tensor:
    return numbers.to(x.dtype)


def _surrogates(x: Tensor) -> tuple[Tensor, Tensor]:
    ratio, advantage = _ratio(x), _of(x, ADVANTAGE)
    return ratio * advantage, ratio.clamp(0.8, 1.2) * advantage


def _of_each_objective(x: Tensor) -> Tensor:
    ratio, advantages = _ratio(x)[:, None], _of(x, SEVERAL)
    return -torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()


def _clipped_value(loss: Callable[..., Tensor]) -> Loss:
    def run(x: Tensor) -> Tensor:
        target = _of(x, TARGET)
        return torch.max(loss(x, target, reduction="none"), loss(_clipped(x), target, reduction="none")).mean()

    return run


ONE_FUNCTION: dict[str, Loss] = {
    "policy": lambda x: -torch.min(*_surrogates(x)).mean(),
    "policy, its negative": lambda x: torch.maximum(*(-one for one in _surrogates(x))).mean(),
    "policy, stacked": lambda x: -torch.stack(_surrogates(x)).amin(0).mean(),
    "policy, stacked with places": lambda x: -torch.stack(_surrogates(x)).min(0).values.mean(),
    "policy, several objectives": _of_each_objective,
    "policy, of weights": lambda x: -torch.min(*_surrogates(torch.eye(4, dtype=x.dtype) @ x)).mean(),
    "value": _clipped_value(F.mse_loss),
    "value, huber": _clipped_value(F.smooth_l1_loss),
    "fmax": lambda x: torch.fmax(x.tanh(), x.sinh() / x.cosh()).sum(),
    "hinge": lambda x: (torch.relu(x.exp().log() - x) + x**2).sum(),
    "absolute value": lambda x: ((x.exp() - (x / 2).exp() ** 2).abs() + x.sin()).sum(),
    "limit that varies": lambda x: x.clamp(max=x.clamp(-5, 5)).sin().sum(),
    "choice within a choice": lambda x: torch.maximum(torch.maximum(x, x.clamp(-9, 9)), x.clamp(-8, 8)).sin().sum(),
    "several at once": lambda x: torch.stack([x, x.clamp(-9, 9), x * 1, x.clamp(-8, 8)]).amax(0).sin().sum(),
    "by a condition": lambda x: torch.where(x < x.clamp(-9, 9), x, x.clamp(-9, 9)).sin().sum(),
}


def _point(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor([0.3, -1.1, 0.7, 2.0], dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("name", ONE_FUNCTION)
def test_one_function_by_two_ways_is_certified(name: str) -> None:
    report = dx.gradcheck(ONE_FUNCTION[name], (_point(),), battery="none")
    assert (report.truth, report.summary.inconclusive) == ("certified", 0)
    assert report.rows[0].smallest_detectable is not None
    assert report.rows[0].smallest_detectable < 1e-10


@pytest.mark.parametrize("name", ["policy", "value", "policy, several objectives"])
def test_so_it_is_in_a_narrower_dtype(name: str) -> None:
    report = dx.gradcheck(ONE_FUNCTION[name], (_point(torch.float32),), battery="none")
    assert (report.truth, report.summary.inconclusive) == ("certified", 0)


@pytest.mark.parametrize(
    "name", ["policy", "policy, stacked", "value", "choice within a choice", "policy, several objectives"]
)
def test_so_are_its_second_derivatives(name: str) -> None:
    report = dx.gradgradcheck(ONE_FUNCTION[name], (_point(),))
    assert (report.truth, report.summary.inconclusive) == ("certified", 0)


class _Smaller(torch.autograd.Function):
    """The smaller of two numbers."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return torch.minimum(a, b)


class _ToBoth(_Smaller):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return g * (a <= b), g * (b <= a)


class _ToNeither(_Smaller):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return g * (a < b), g * (b < a)


class _ToTheFirst(_Smaller):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return g * (a <= b), g * (b < a)


@pytest.mark.parametrize(("smaller", "verdict"), [(_ToBoth, "fail"), (_ToNeither, "fail"), (_ToTheFirst, "pass")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_backward_that_shares_a_tie_wrongly_fails(
    smaller: type[_Smaller], verdict: str, dtype: torch.dtype, causes_unsought: None
) -> None:
    def loss(x: Tensor) -> Tensor:
        return smaller.apply(*_surrogates(x)).sum()  # type: ignore[no-untyped-call,no-any-return]  # torch's own

    assert dx.gradcheck(loss, (_point(dtype),), battery="none", raise_exception=False).verdict == verdict


@pytest.mark.parametrize(
    "corner",
    [
        lambda x: torch.max(x, 3 * x - 2 * x.detach()).sum(),
        lambda x: torch.relu(x - x.detach()).sum(),
        lambda x: (x - x.detach()).abs().sum(),
        lambda x: torch.stack([x, -x + 2 * x.detach()]).amin(0).sum(),
        lambda x: (x.max(x.flip(0).flip(0) * 2 - x.detach()) - x).sum(),
    ],
)
def test_a_corner_stays_one(corner: Loss) -> None:
    """Both slopes are far apart: there is no derivative, and nothing is told of numbers between them."""
    assert dx.gradcheck(corner, (_point(),), battery="none", raise_exception=False).verdict == "inconclusive"
    assert dx.gradgradcheck(corner, (_point(),), raise_exception=False).verdict == "inconclusive"


def test_one_corner_of_many_leaves_the_gradient_of_a_sum_decided() -> None:
    """As a unit at rest in a layer: the slopes of one term in a hundred differ."""
    w = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    shift = torch.linspace(0, 3, 100, dtype=torch.float64)
    report = dx.gradcheck(lambda w: torch.relu(w - 1.5 + shift).sum(), w, battery="none", raise_exception=False)
    assert report.verdict == "pass" and 1e-3 < report.rows[0].smallest_detectable < 0.1, report


#: Ways to have each number twice, the second time with the other sign.
TWICE: dict[str, Loss] = {
    "broadcast": lambda x: x[:, None] * SIGNS,
    "expanded": lambda x: x[:, None].expand(-1, 2) * SIGNS,
    "by an index": lambda x: x[[0, 0, 1, 1, 2, 2, 3, 3]] * SIGNS.repeat(4),
    "repeated": lambda x: x.repeat(2).reshape(2, -1) * SIGNS[:, None],
    "by a product": lambda x: x[:, None] @ SIGNS[None],
    "slices": lambda x: torch.cat([x, x * -1]),
    "in memory": lambda x: torch.stack([x.view(-1), x.neg().view(2, 2).view(-1)]),
}
SIGNS = torch.tensor([1.0, -1.0], dtype=torch.float64)


@pytest.mark.parametrize("name", TWICE)
def test_corners_on_both_sides_do_not_cancel_each_other(name: str) -> None:
    """relu(d) + relu(−d) is |d|, at 0: the slopes of the two are 1 and −1 there, or both 0."""
    report = dx.gradcheck(
        lambda x: torch.relu(TWICE[name](x - x.detach())).sum(), (_point(),), battery="none", raise_exception=False
    )
    assert report.rows[0].entries.passed == 0


def test_choices_of_their_own_do_not_cancel_each_other() -> None:
    """Element i chooses between x[i] and x[i + 1] where these are equal: together the sum may have any such slope."""

    def loss(x: Tensor) -> Tensor:
        return torch.maximum(x[:-1], x[1:]).sum()

    x = torch.ones(4, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(loss, (x,), battery="none", raise_exception=False)
    assert report.rows[0].entries.passed == 0


def test_a_place_that_is_open_decides_nothing_else() -> None:
    """The place of the smallest is open: what is taken from there is not known."""

    def loss(x: Tensor) -> Tensor:
        two = torch.stack([x, x.exp().log()])
        values, places = two.min(0)
        return (values * torch.stack([x, 2 * x]).gather(0, places[None])).sum()

    assert dx.gradcheck(loss, (_point(),), battery="none", raise_exception=False).truth == "estimated"


PLACES = torch.tensor([1, 0, 1, 0])

#: The backward passes of these ask which elements equal the result, which has been rounded as these were.
COMPARED: dict[str, Loss] = {
    "scatter_reduce": lambda x: torch.full((2,), -torch.inf, dtype=x.dtype).scatter_reduce(0, PLACES, x.sin(), "amax"),
    "index_reduce": lambda x: torch.full((2,), 9.0, dtype=x.dtype).index_reduce(0, PLACES, x.sin(), "amin"),
}


@pytest.mark.parametrize("name", COMPARED)
def test_what_a_backward_compares_is_what_the_program_chose(name: str, causes_unsought: None) -> None:
    report = dx.gradcheck(COMPARED[name], (_point(),), battery="none")
    assert (report.truth, report.summary.inconclusive) == ("certified", 0)

    def off(x: Tensor) -> Tensor:
        return COMPARED[name](x) + 1e-9 * x.detach() @ (x - x.detach())

    wrong = dx.gradcheck(off, (_point(),), reference=COMPARED[name], battery="none", raise_exception=False)
    assert wrong.verdict != "pass"


def _policy(x: Tensor) -> Tensor:
    return torch.minimum(*_surrogates(x)).sum()


class _PolicyInNumPy(torch.autograd.Function):
    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _policy(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = (tensor.numpy() for tensor in ctx.saved_tensors)
        ratio = np.exp(-0.125 * np.tanh(x))
        return g * torch.from_numpy(_PolicyInNumPy.factor * ADVANTAGE.numpy() * ratio)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1 + 1e-9, "fail")])
def test_code_that_is_not_seen_is_allowed_what_torch_needs_by_its_own_choices(
    factor: float, verdict: str, causes_unsought: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_PolicyInNumPy, "factor", factor)
    report = dx.gradcheck(_PolicyInNumPy, (_point(),), reference=_policy, battery="none", raise_exception=False)
    assert report.verdict == verdict


@pytest.mark.parametrize(
    "corner",
    [lambda x: torch.maximum(x, 2 * x), lambda x: torch.minimum(3 * x, 2 * x + x**2), lambda x: F.leaky_relu(x, 0.5)],
)
def test_a_corner_with_slopes_of_one_sign_is_left_out(corner: Loss) -> None:
    x = torch.tensor([0.0, 2.0, -0.5], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(corner, (x,), battery="none")
    assert (report.verdict, report.summary.passed, report.summary.inconclusive) == ("pass", 2, 1)
    assert report.rows[0].smallest_detectable < 1e-14


def _chain_of_ties(x: Tensor) -> Tensor:
    for _ in range(16):
        x = x + torch.relu(0.5 * x)
    return x


def test_a_long_chain_of_ties_takes_a_bounded_number_of_steps(
    monkeypatch: pytest.MonkeyPatch, causes_unsought: None
) -> None:
    """Each tie is within those behind it: followed to the end, they take 8,000 steps."""
    budgets: list[SweepBudget] = []
    spend = SweepBudget.spend

    def counted(budget: SweepBudget) -> None:
        budgets.append(budget)
        spend(budget)

    monkeypatch.setattr(SweepBudget, "spend", counted)
    start = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(_chain_of_ties, start, battery="none", raise_exception=False)
    assert report.verdict == "inconclusive"
    assert 0 < max(Counter(map(id, budgets)).values()) < 2000
