"""What random programs on tensors once found: right gradients that failed, and checks that ended in an exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from autograd_functions import function_of
from representatives import these

import diffexplore as dx

Tensor = torch.Tensor

NUMBERS = torch.tensor([0.3, -1.2, 0.7, 1.6, -0.4, 0.9], dtype=torch.float64)


def _median_of_equals(x: Tensor) -> Tensor:
    return torch.cat([x, x]).median() * x.sum()


def _read_after_kron(x: Tensor) -> Tensor:
    """Kron reads an expanded number by an operation that torch does not call a view."""
    total = x.sum().expand(2)
    torch.kron(x, total)
    return total.clone()


RIGHT: dict[str, tuple[Callable[[Tensor], Tensor], Tensor]] = {
    "kron of an expanded number": (_read_after_kron, NUMBERS),
    "antialiasing": (lambda x: F.interpolate(x.reshape(1, 1, 3, 2), (2, 3), mode="bilinear", antialias=True), NUMBERS),
    "bicubic antialiasing": (lambda x: F.interpolate(x.reshape(1, 1, 3, 2), (5, 2), mode="bicubic", antialias=True), NUMBERS),
    "volumes": (lambda x: F.grid_sample(x.reshape(1, 1, 1, 2, 3), x.reshape(1, 2, 1, 1, 3), padding_mode="border", align_corners=False), NUMBERS),
    "fractional pooling": (
        lambda x: F.fractional_max_pool2d(x.reshape(1, 2, 3), 2, (1, 2), _random_samples=torch.full((1, 1, 2), 0.4, dtype=x.dtype)), NUMBERS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", these(set(RIGHT) - {"volumes"}, RIGHT))
def test_a_right_gradient_passes_with_a_certified_truth(name: str) -> None:
    function, x = RIGHT[name]
    report = dx.gradcheck(function, x.clone().requires_grad_(), battery="none", raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "certified"), report


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", these(set(RIGHT) - {"volumes"}, RIGHT))
def test_the_same_gradient_with_a_factor_fails(name: str) -> None:
    function, x = RIGHT[name]

    def backward(upstream: Tensor, x: Tensor) -> Tensor:
        copy = x.detach().requires_grad_()
        with torch.enable_grad():
            out = function(copy)
        return 1.01 * torch.autograd.grad(out, copy, upstream)[0]

    report = dx.gradcheck(
        function_of(function, backward), x.clone().requires_grad_(), battery="none", raise_exception=False
    )
    assert (report.verdict, report.truth) == ("fail", "certified"), report


def test_which_of_equal_elements_is_the_median_is_left_open() -> None:
    report = dx.gradcheck(_median_of_equals, NUMBERS.clone().requires_grad_(), battery="none", raise_exception=False)
    assert report.verdict != "fail", report


def test_a_condition_that_a_number_holds_exactly_is_a_kink() -> None:
    x = NUMBERS[0].clone().requires_grad_()
    report = dx.gradcheck(lambda x: torch.where(x > x.clone(), x, x * 2), x, battery="none", raise_exception=False)
    assert (report.verdict, report.truth) == ("inconclusive", "certified"), report


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: F.group_norm(x, 1), (3, 4, 0)),
        (lambda x: F.nll_loss(x.reshape(1).sigmoid(), torch.tensor([0])), ()),
    ],
)
def test_what_torchs_own_steps_do_not_take_is_no_error_of_the_function(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    x = torch.full(shape, 0.7, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(function, x, battery="none", raise_exception=False)
    assert report.verdict in ("pass", "inconclusive"), report


class WrongOfTwo(torch.autograd.Function):
    """A complex and a real output; the gradient of the real one is doubled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.complex(x, x), x * 3

    @staticmethod
    def backward(ctx: Any, of_complex: Tensor, of_real: Tensor) -> Tensor:
        return of_complex.real + of_complex.imag + 6 * of_real


def test_a_wrong_gradient_beside_a_complex_output_is_named() -> None:
    report = dx.gradcheck(WrongOfTwo, NUMBERS.clone().requires_grad_(), battery="none", raise_exception=False)
    causes = {row.output: row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None}
    assert causes == {"output 1": "factor"}


def test_a_constant_factor_beside_an_empty_input_is_named() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, nothing: Tensor) -> Tensor:
            return x * 3 + nothing.sum()

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
            return 6 * upstream, torch.zeros(0, 2, dtype=torch.float64)

    inputs = NUMBERS.clone().requires_grad_(), torch.zeros(0, 2, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Doubled, inputs, battery="none", raise_exception=False)
    assert [row.cause.key for row in report.rows if row.cause is not None and row.verdict == "fail"] == ["factor"]


def _copied_within(x: Tensor) -> Tensor:
    y = x.new_empty(7)
    y[2:5] = x
    y[:2] = y[3:5]
    y[5:] = y[2:4]
    return y


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.nn.functional.pad(x[None], [2, 2], mode="circular").sum(),
        lambda x: torch.nn.functional.pad(x[None].sin(), [2, 2], mode="circular").mean(1, True),
        lambda x: _copied_within(x).sum(),
        lambda x: _copied_within(x).expand(3, 7).sum(),
    ],
    ids=["circular sum", "circular mean", "copied", "expanded"],
)
def test_a_cotangent_that_is_one_number_for_all_is_read_in_its_place(function: Callable[[Tensor], Tensor]) -> None:
    """Of a sum it is one number in memory; the elements of a slice were read beyond it."""
    x = torch.tensor([0.8586, 0.4986, -0.9959], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(function, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)
