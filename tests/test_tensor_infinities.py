"""Forwards that start from minus infinity, as the forward algorithm of CTC does, and gradients that are 0 beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import each_value, slow

import diffexplore as dx

Tensor = torch.Tensor

_NEVER = float("-inf")
LOWEST = torch.finfo(torch.float64).min
HIDDEN = torch.tensor([False, True, False])


def _moved(row: Tensor, by: int, allowed: Tensor) -> Tensor:
    """The states that lead to each state, ``by`` of them earlier."""
    return torch.cat([row.new_full((by,), _NEVER), row[:-by]]).masked_fill(~allowed, _NEVER)


class Ctc(torch.autograd.Function):
    """Minus the logarithm of the probability of a text, by forward and backward variables."""

    adds = True

    @staticmethod
    def forward(ctx: Any, scores: Tensor, text: Tensor) -> Tensor:
        states = torch.zeros(2 * len(text) + 1, dtype=torch.long)
        states[1::2] = text
        every = torch.ones(len(states), dtype=torch.bool)
        skips = every.clone()
        skips[2:] = (states[2:] != 0) & (states[2:] != states[:-2])

        def run(scores: Tensor, states: Tensor, skips: Tensor) -> Tensor:
            row = torch.cat([scores[0, states[:2]], scores.new_full((len(states) - 2,), _NEVER)])
            rows = [row]
            for now in scores[1:]:
                row = torch.stack([row, _moved(row, 1, every), _moved(row, 2, skips)]).logsumexp(0) + now[states]
                rows.append(row)
            return torch.stack(rows)

        ahead = run(scores, states, skips)
        back = skips.flip(0).roll(2)
        behind = run(scores.flip(0), states.flip(0), back).flip(0, 1) - scores[:, states]
        ctx.save_for_backward(scores, ahead + behind, states)
        return -ahead[-1, -2:].logsumexp(0)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        scores, both, states = ctx.saved_tensors
        share, found = both.softmax(1), torch.zeros_like(scores)
        if Ctc.adds:
            found.index_add_(1, states, share)
        else:
            found[:, states] = share
        return -upstream * found, None


def _inputs(dtype: torch.dtype, times: int = 5) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(times, 4, dtype=dtype).log_softmax(1).requires_grad_(), torch.tensor([1, 2])


@pytest.mark.parametrize("dtype", [slow(torch.float64), torch.float32], ids=str)
def test_the_forward_algorithm_is_certified(dtype: torch.dtype) -> None:
    report = dx.gradcheck(Ctc, _inputs(dtype), battery="none")
    (row,) = report.rows
    assert (report.truth, row.entries.passed) == ("certified", 20)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_zeros_do_not_hide_what_the_forward_algorithm_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ctc, "adds", False)
    assert dx.gradcheck(Ctc, _inputs(torch.float32, times=3), raise_exception=False, battery="none").verdict == "fail"


def test_the_logarithm_of_nothing_hides_no_derivative() -> None:
    # log(exp(log x) + exp(log y)) is log(x + y), whose exponential has a slope of 1 at 0, where autograd has none.
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: x.log().logsumexp(0).exp(), x, raise_exception=False, battery="none")
    assert report.verdict != "pass"


class Picked(torch.autograd.Function):
    """A sample of an image, in which most pixels have no part."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, place: Tensor) -> Tensor:
        column = place.floor().long()
        share = place - column
        ctx.save_for_backward(image, column, share)
        return image[:, column] * (1 - share) + image[:, column + 1] * share

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        image, column, share = ctx.saved_tensors
        found = torch.zeros_like(image)
        rows = torch.arange(len(image))[:, None]
        for offset, weight in ((0, 1 - share), (1, share)):
            found.index_put_((rows, (column + offset)[None]), upstream * weight, accumulate=True)
        return found, (upstream * (image[:, column + 1] - image[:, column])).sum(0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_pixels_that_no_sample_takes_pass(dtype: torch.dtype) -> None:
    image = torch.randn(2, 8, dtype=dtype, requires_grad=True)
    report = dx.gradcheck(Picked, (image, torch.tensor([0.25, 1.5, 4.75], dtype=dtype, requires_grad=True)))
    assert report and all(row.entries.inconclusive == 0 for row in report.rows)


@pytest.mark.parametrize(("dtype", "lowest"), each_value([torch.float64, torch.bfloat16], [None, -torch.inf]))
def test_attention_is_certified_whatever_its_mask_holds(dtype: torch.dtype, lowest: float | None) -> None:
    torch.manual_seed(0)
    mask = torch.zeros(3, 3, dtype=dtype).masked_fill(
        torch.ones(3, 3, dtype=torch.bool).triu(1), torch.finfo(dtype).min if lowest is None else lowest
    )

    def attention(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        scores = query @ key.mT + mask
        return scores.softmax(-1) @ value, torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask
        )

    report = dx.gradcheck(attention, tuple(torch.randn(1, 3, 2, dtype=dtype, requires_grad=True) for _ in range(3)))
    assert report.truth == "certified"
    assert all(row.entries.inconclusive == 0 for row in report.rows)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.maximum(torch.full_like(x, LOWEST)), lambda x: x.minimum(torch.full_like(x, LOWEST)),
        lambda x: x.clamp(LOWEST, -LOWEST), lambda x: x.masked_fill(HIDDEN, LOWEST).amax(0),
        lambda x: torch.cat([x, x.new_tensor([LOWEST, -LOWEST])]).sort()[0][1:-1],
        lambda x: (x + HIDDEN.double() * LOWEST).log_softmax(0), lambda x: (x + HIDDEN.double() * LOWEST).logsumexp(0),
        lambda x: torch.where(x + LOWEST < LOWEST / 2, x * x, x), lambda x: torch.where(HIDDEN, LOWEST, x * x),
    ],
)  # fmt: skip
def test_the_lowest_number_is_a_number(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(function, x, battery="none")
    assert report.truth == "certified" and report.rows[0].entries.inconclusive == 0


@pytest.mark.parametrize("factor", [0.5, 0.999])
def test_a_wrong_gradient_beside_the_lowest_number_fails(factor: float) -> None:
    class Halved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = (x + HIDDEN.double() * LOWEST).softmax(0)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            (y,) = ctx.saved_tensors
            return factor * y * (upstream - (y * upstream).sum())

    x = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(Halved, x, raise_exception=False, battery="none").verdict == "fail"


@pytest.mark.parametrize(
    "function",
    [
        lambda x, c: c * x.reciprocal(),
        lambda x, c: c @ torch.diag(x.reciprocal()),
        lambda x, c: torch.einsum("i,ij->j", c, torch.diag(x.rsqrt())),
        lambda x, c: (c * x).log() * c,
    ],
    ids=["product", "matrix product", "einsum", "logarithm"],
)
def test_a_factor_of_zero_hides_no_missing_value(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """0 · (1/x) has no value at 0, and no derivative there: what torch gives for it is not wrong."""
    x = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: function(x, x.new_tensor([0.0, 3.0])), x, battery="none", raise_exception=False)
    assert report.verdict != "fail", str(report)
    assert not report.rows[0].entries.failed and report.rows[0].entries.inconclusive >= 1


def test_a_choice_hides_what_has_no_value() -> None:
    x = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([False, True])
    report = dx.gradcheck(lambda x: torch.where(mask, x, x.new_tensor([1.0, 1.0])).reciprocal(), x)
    assert report.rows[0].entries.inconclusive == 0


@pytest.mark.parametrize(
    ("function", "numbers", "known"),
    [
        (torch.special.entr, [0.5, 0.0, -1.0], 1),
        (torch.logit, [0.5, 0.25, 0.0, 1.0, -0.5, -3.0, 2.5], 2),
        (lambda x: torch.logit(x, 0.125), [0.5, 0.0, 2.5, 0.125], 3),
    ],
    ids=["entropy", "logit", "logit of what is clamped"],
)
def test_there_is_no_derivative_outside_of_a_domain(
    function: Callable[[Tensor], Tensor], numbers: list[float], known: int
) -> None:
    """Torch says that the entropy of a negative number is −∞, and gives NaN for its gradient."""
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    (row,) = dx.gradcheck(function, x, battery="none", raise_exception=False).rows
    assert (row.verdict, row.entries.passed, row.entries.failed) == ("pass", known, 0)
