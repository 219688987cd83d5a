"""Truths that are estimated by differences: what steps go over by chance is no truth."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.tensors.call_given import candidate_of
from diffexplore.tensors.estimated import Differences
from diffexplore.tensors.own_program import run_in_float64

Tensor = torch.Tensor


def clipped(width: float, factor: float) -> type[torch.autograd.Function]:
    """3·clip(x, −width, width) + x/2 in NumPy, whose slope within the width is 7/2, times a factor."""

    class Clipped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return torch.from_numpy(3 * np.clip(x.detach().numpy(), -width, width) + x.detach().numpy() / 2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return factor * 3.5 * g

    return Clipped


@pytest.mark.parametrize(("place", "factor"), each_value([9, 12, 12.5, 13, 13.75], [1.0, 0.999]))
def test_steps_over_both_kinks_do_not_agree_with_those_between_them(place: float, factor: float) -> None:
    """Differences at the two largest of them are within a hundredth of each other, and far from the slope."""
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(clipped(2.0**-place, factor), x, raise_exception=False)
    assert (report.verdict, report.truth) == ("pass" if factor == 1.0 else "fail", "estimated"), str(report)


def test_at_the_kink_itself_nothing_is_known() -> None:
    x = torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(clipped(0.5, 1.0), x, raise_exception=False).verdict == "inconclusive"


class Turned(torch.autograd.Function):
    """Pairs of float32 as complex numbers, times i: in float64 the same bytes are other numbers, and more of them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.from_numpy((1j * x.detach().numpy().view("complex64")).view("float32"))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return torch.stack([g[..., 1], -g[..., 0]], dim=-1)


def test_a_forward_that_reads_bytes_is_estimated_in_the_dtype_that_it_takes() -> None:
    x = torch.tensor([[1.0, 2.0], [-0.5, 3.0]], requires_grad=True)
    assert dx.gradcheck(Turned, x).truth == "estimated"


class Dropped(torch.autograd.Function):
    """Dropout in NumPy, by numbers that torch draws in the dtype of its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        kept = torch.rand_like(x) > 0.5
        ctx.save_for_backward(kept)
        return torch.from_numpy(np.where(kept.numpy(), 2 * x.detach().numpy(), 0))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (kept,) = ctx.saved_tensors
        return 2 * g * kept


def test_a_forward_that_draws_other_numbers_in_float64_is_estimated_in_its_own_dtype() -> None:
    assert dx.gradcheck(Dropped, torch.linspace(1, 2, 12, requires_grad=True)).truth == "estimated"


def root_mean_square(x: Tensor) -> Tensor:
    """Adds ``finfo(dtype).eps`` by default, of float32 in 16 bits; the bytes of its input are read, for nothing."""
    return torch.nn.functional.rms_norm(x, (2,)).sigmoid() + 0 * x.detach().view(torch.uint8).sum()


def test_a_constant_that_hangs_on_the_dtype_makes_no_gradient_wrong() -> None:
    """The function of float64 inputs adds another one: its derivative is not the truth."""
    x = torch.randn(1, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x = x.to(torch.bfloat16).requires_grad_()
    report = dx.gradcheck(root_mean_square, x, raise_exception=False, battery="none")
    assert (report.truth, report.verdict) == ("estimated", "inconclusive"), str(report)


def test_a_program_in_16_bits_runs_in_float64_with_its_own_constants() -> None:
    x = torch.tensor([[0.5, -1.25]], dtype=torch.bfloat16, requires_grad=True)
    candidate = candidate_of(lambda x: torch.nn.functional.rms_norm(x, (2,)), (x,))
    found = run_in_float64(candidate, {"x": torch.tensor([[0.5, -1.3]], dtype=torch.float64)})
    assert found is not None
    exact = np.array([0.5, -1.3]) / np.sqrt((0.25 + 1.69) / 2 + 2.0**-23)
    assert np.abs(found[0].value.numpy() - exact).max() < 1e-15


class Trigamma(torch.autograd.Function):
    """Torch's trigamma, which is off by 1e-10 of itself, smoothly; the forward reads its input past torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.special.polygamma(1, x) * float(np.isfinite(x.detach().numpy()).all())

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * torch.tensor([float(mpmath.psi(2, one)) for one in x.tolist()], dtype=x.dtype)


def test_the_error_of_a_kernel_is_one_of_the_estimate() -> None:
    report = dx.gradcheck(Trigamma, torch.tensor([0.31, 2.5], dtype=torch.float64, requires_grad=True), battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated")


class InSinglePrecision(torch.autograd.Function):
    """The sine of float64 numbers in NumPy's float32: stairs that are as high as its rounding."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.sin(x.detach().numpy().astype(np.float32)).astype(np.float64))

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return cls.factor * g * x.cos()


class WrongInSinglePrecision(InSinglePrecision):
    factor = 0.99


@pytest.mark.parametrize(("function", "verdict"), [(InSinglePrecision, "pass"), (WrongInSinglePrecision, "fail")])
def test_what_is_rounded_on_the_way_is_estimated_by_large_steps(
    function: type[torch.autograd.Function], verdict: str
) -> None:
    x = torch.tensor([0.3, -1.1], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(function, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == (verdict, "estimated"), str(report)


def test_a_cache_by_value_holds_numbers_of_a_narrower_dtype_at_the_inputs_alone() -> None:
    known: dict[tuple[float, ...], Tensor] = {}

    class Kept(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            key = tuple(x.tolist())
            if key not in known:
                known[key] = x.exp()
            return known[key].clone()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * x.exp()

    report = dx.gradcheck(Kept, torch.tensor([0.3, -1.1, 2.0], requires_grad=True))
    assert (report.verdict, report.truth) == ("pass", "estimated")


def test_a_jump_here_and_there_is_no_stair() -> None:
    """Near the input the function is smooth; beyond a jump on one side it is another one."""

    class Jumps(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            numbers = x.detach().numpy()
            return torch.from_numpy(numbers + 1e-3 * (numbers > 0.501))

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    x = torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(Jumps, x, raise_exception=False, battery="none").verdict == "pass"


def test_an_infinite_entry_is_no_fault_of_the_entries_beside_it() -> None:
    """Derivatives by entry are those along directions that leave the other entries where they are."""

    class Reciprocal(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return torch.from_numpy(1 / x.detach().numpy())

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return torch.where(x < 1, torch.inf, -g / x**2)

    x = torch.tensor([1.5, 0.5], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Reciprocal, x, raise_exception=False, battery="none")
    (row,) = report.rows
    assert (row.verdict, row.entries.failed, row.entries.passed) == ("fail", 1, 1), str(report)


def of_numpy(
    scale: float = 1.0, factor: float = 1.0, *, at: float = 0.0, dtype: Any = np.float64
) -> type[torch.autograd.Function]:
    """at + sinh(x/scale) in NumPy, rounded to a dtype, with its gradient times a factor."""

    class OfNumpy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            with np.errstate(over="ignore"):
                numbers = (at + np.sinh(x.detach().numpy() / scale)).astype(dtype).astype(np.float64)
            return torch.from_numpy(numbers)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return factor * g * (ctx.saved_tensors[0] / scale).cosh() / scale

    return OfNumpy


@pytest.mark.parametrize("scale", [1e-100, 1e-9, 1e-4, 1e9])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (0.999, "fail")])
def test_inputs_may_be_in_any_units(scale: float, factor: float, verdict: str) -> None:
    x = (torch.tensor([0.3, -0.9], dtype=torch.float64) * scale).requires_grad_()
    assert dx.gradcheck(of_numpy(scale, factor), x, raise_exception=False).verdict == verdict


@pytest.mark.parametrize(
    ("x", "at", "scale"), each_value([1e-9, 0.5], [0.0, 1.0], 10.0 ** np.arange(0, 11, 2), rounds=2)
)
def test_a_rounding_out_of_sight_makes_no_slope_wrong(x: float, at: float, scale: float) -> None:
    """A slope that float32 hides is not known; at powers of two the roundings of a line would all be the same."""
    inputs = torch.tensor([x, -3 * x], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(of_numpy(scale, at=at, dtype=np.float32), inputs, raise_exception=False)
    assert report.verdict != "fail", str(report)


def test_a_step_has_no_slope() -> None:
    inputs = torch.tensor([0.3, -0.9], dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(of_numpy(dtype=np.int64), inputs, raise_exception=False).verdict == "fail"


def test_where_no_differences_can_be_taken_there_is_no_kink() -> None:
    """A forward that takes no other numbers than these."""

    class Only(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            numbers = x.detach().numpy()
            if numbers.tolist() != [0.5, 1.5]:
                raise ValueError("it is not known there")
            return torch.from_numpy(numbers**2)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    (row,) = dx.gradcheck(Only, x, raise_exception=False, battery="none").rows
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert row.cause.key == "unresolved"
    assert "no numbers at inputs close by" in row.cause.message


def test_a_program_in_16_bits_has_the_constants_of_its_call_and_no_copies_of_inputs_for_them() -> None:
    x, w = (torch.tensor([row], dtype=torch.bfloat16, requires_grad=True) for row in ([0.5, -1.25], [2.0, 0.75]))
    candidate = candidate_of(lambda x, w: torch.nn.functional.rms_norm(x * w, (2,)) * x.detach().exp(), (x, w))
    found = Differences(candidate).along(candidate.returned()[0], 0, torch.ones(1, 2), "x", np.array([[1.0, 0.0]]))
    wide = x.detach().double().requires_grad_()
    function = torch.nn.functional.rms_norm(wide * w.detach().double(), (2,), eps=torch.finfo(torch.float32).eps)
    (right,) = torch.autograd.grad((function * wide.detach().exp()).sum(), wide)
    assert found.value == pytest.approx(float(right[0, 0]), rel=1e-5)


class NumpySoftmax(torch.autograd.Function):
    """Out of torch's sight, in the dtype of its input."""

    share = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        powers = np.exp(x.detach().numpy() - x.detach().numpy().max())
        ctx.found = powers / powers.sum()
        return torch.from_numpy(ctx.found)

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Tensor:
        p, upstream = ctx.found, g.numpy()
        return torch.from_numpy(p * (upstream - np.float32(NumpySoftmax.share) * (upstream * p).sum()))


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "pass"), (1.01, "fail")])
def test_numpy_in_float32_is_estimated_in_float64(share: float, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same function there: the bound was that of differences of float32 numbers, a half of the gradient."""
    monkeypatch.setattr(NumpySoftmax, "share", share)
    x = torch.randn(5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    report = dx.gradcheck(NumpySoftmax, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == (verdict, "estimated")
    assert share != 1.0 or report.rows[0].smallest_detectable < 1e-2  # type: ignore[operator]


def test_numpy_with_a_constant_of_the_dtype_is_another_function_in_float64() -> None:
    class Smooth(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            numbers = x.detach().numpy()
            root = np.sqrt(numbers**2 + 100 * np.finfo(numbers.dtype).eps)
            ctx.slope = numbers / root
            return torch.from_numpy(root)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * torch.from_numpy(ctx.slope)

    x = torch.tensor([0.13, 0.02, -0.05], requires_grad=True)
    assert dx.gradcheck(Smooth, x, raise_exception=False, battery="none").verdict != "fail"
