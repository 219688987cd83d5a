"""Where torch's own steps are not what its kernels compute, or say nothing, the truth is that of the kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import diffexplore as dx


def _drawn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()


def _labels(x: Tensor) -> Tensor:
    return F.multilabel_margin_loss(x, torch.tensor([[2, -1, 0, 1], [-1, 0, -1, -1], [1, 3, 1, -1]]), reduction="sum")


def _resized(mode: str, *scales: float) -> Callable[[Tensor], Tensor]:
    return lambda x: F.interpolate(x, scale_factor=scales, mode=mode)


def _masked(x: Tensor) -> Tensor:
    hidden = torch.tensor([[True, True], [False, True], [False, False]])
    return torch.ops.aten._safe_softmax(x.masked_fill(hidden, -torch.inf), 1)


CASES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "labels that end at different places": (_labels, [(3, 4)]),
    "one row of labels": (lambda x: F.multilabel_margin_loss(x, torch.tensor([1, -1, -1])), [(3,)]),
    "the nearest, of an axis that keeps its length": (_resized("nearest", 1.3, 2.0), [(1, 2, 3, 2)]),
    "linear, of an axis that keeps its length": (_resized("linear", 1.3), [(1, 2, 3)]),
    "bilinear, of an axis that keeps its length": (_resized("bilinear", 0.5, 1.3), [(1, 2, 4, 3)]),
    "trilinear": (_resized("trilinear", 1.3, 2.0, 1.0), [(1, 1, 3, 2, 4)]),
    "a row that is masked as a whole": (_masked, [(3, 2)]),
    "distances of order 0 between batches": (lambda x, y: torch.cdist(x, y, 0.0) + x.sum(), [(2, 1, 3, 2), (4, 2)]),
    "the way back of a soft margin": (lambda x: F.soft_margin_loss(30 * x, torch.ones(4, dtype=x.dtype)), [(4,)]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_gradient_passes_with_all_the_power_of_its_dtype(name: str) -> None:
    function, shapes = CASES[name]
    report = dx.gradcheck(function, [_drawn(*shape) for shape in shapes], raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")
    assert all(row.entries.inconclusive == 0 and (row.smallest_detectable or 0) < 1e-11 for row in report.rows)


class _LossOfSteps(torch.autograd.Function):
    """A multilabel margin loss with the gradient of torch's own steps, in which every label counts, also after −1."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return _labels(x)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (found,) = torch.autograd.grad(_labels(leaf) + (1 - leaf[0, 0] + leaf[0, 1:]).clamp_min(0).sum(), leaf)
        return found * upstream


@pytest.mark.usefixtures("causes_unsought")
def test_the_gradient_of_what_torch_calls_its_steps_fails() -> None:
    assert dx.gradcheck(_LossOfSteps.apply, _drawn(3, 4), raise_exception=False).verdict == "fail"


def test_labels_are_proved() -> None:
    def loss(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return F.multilabel_margin_loss(torch.stack([a, b, c]), torch.tensor([2, -1, -1]))

    assert dx.prove(loss, "(max(0, 1 - c + a) + max(0, 1 - c + b))/3", parameters="a, b, c").status == "proved"


def test_a_window_in_the_padding_is_the_largest_of_nothing() -> None:
    """Torch gives its gradient to an element that it does not see."""
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=torch.float64, requires_grad=True)

    def pooled(x: Tensor) -> Tensor:
        return F.max_pool2d(x, (1, 2), (2, 1), (0, 1), (1, 3))

    assert pooled(x).tolist() == [[[[-torch.inf]]]]
    report = dx.gradcheck(pooled, x, raise_exception=False, battery="none")
    assert (report.verdict, report.rows[0].entry, float(report.rows[0].truth.mid)) == ("fail", (0, 0, 1, 0), 0)


def test_a_function_is_not_called_where_it_takes_no_numbers() -> None:
    """It cannot be read, and steps of differences would lead out of where it is defined."""

    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
            ctx.save_for_backward(x)
            if float(x.min()) < 0.9375:
                raise ValueError("too small")
            return torch.tensor([v * v for v in x.tolist()], dtype=x.dtype)

        @staticmethod
        def backward(ctx, upstream: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
            return 2 * ctx.saved_tensors[0] * upstream

    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Hidden.apply, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated")
