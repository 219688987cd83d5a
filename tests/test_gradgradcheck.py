"""Second derivatives of functions of tensors: right ones pass, and errors in a double backward are found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from documents import check_document
from representatives import one_in, slow
from tensor_functions import NumPyExp, Step, Weighted, leaves, weighted
from torch.autograd.function import once_differentiable
from torch.autograd.gradcheck import GradcheckError

import diffexplore as dx

Tensor = torch.Tensor


def checked(fn: Any, inputs: Any, grad_outputs: Any = None, **options: Any) -> dx.TensorReport:
    return dx.gradgradcheck(fn, inputs, grad_outputs, raise_exception=False, **options)


def by_pair(report: dx.TensorReport) -> dict[tuple[str, str], Any]:
    return {(row.output.removeprefix("gradient by "), row.input): row for row in report.rows}


def test_every_second_derivative_of_a_cube_is_the_one_by_hand() -> None:
    """g = 3x²u, so ∂g/∂x = 6xu and ∂g/∂u = 3x², at x = 1.5 and u = 2."""
    x, u = torch.tensor(1.5, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    report = checked(lambda x: x**3, x, u, jacobian=True)
    truths = {pair: float(row.truth.mid) for pair, row in by_pair(report).items()}
    assert (report.verdict, report.order, report.truth) == ("pass", 2, "certified")
    assert truths == {("input 0", "input 0"): 18.0, ("input 0", "grad_outputs"): 6.75} or truths == {
        ("x", "x"): 18.0,
        ("x", "grad_outputs"): 6.75,
    }
    check_document("tensor_report", report.to_json())


def test_each_pair_of_inputs_and_each_grad_output_has_a_row() -> None:
    report = checked(Weighted, leaves((4, 3), (3,)))
    assert report.verdict == "pass" and not report.skipped
    assert set(by_pair(report)) == {(a, b) for a in "xw" for b in ("x", "w", "grad_outputs")}
    assert by_pair(report)["x", "w"].entries.passed == 3 and by_pair(report)["w", "grad_outputs"].entries.passed == 12
    assert "second derivatives by (x, x)" in str(report)


def test_grad_outputs_that_need_no_gradient_are_constants() -> None:
    report = checked(Weighted, leaves((4, 3), (3,)), torch.ones(4, 3, dtype=torch.float64))
    assert {pair[1] for pair in by_pair(report)} == {"x", "w"}


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT / 2).softmax(-1) @ v


#: Functions of torch's, whose double backwards are right.
RIGHT: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "tanh": (torch.tanh, ((3, 4),)),
    "quotient": (torch.div, ((3, 4), (4,))),
    "matmul": (torch.matmul, ((3, 4), (4, 2))),
    "softmax": (lambda x: x.softmax(-1), ((3, 4),)),
    "layer_norm": (lambda x: F.layer_norm(x, (4,)), ((3, 4),)),
    "conv2d": (lambda x, w: F.conv2d(x, w, padding=1), ((1, 2, 4, 4), (3, 2, 3, 3))),
    "cross_entropy": (lambda x: F.cross_entropy(x, torch.tensor([1, 0, 3])), ((3, 4),)),
    "gelu": (F.gelu, ((5,),)),
    "max_pool": (lambda x: F.max_pool2d(x, 2) ** 2, ((1, 1, 4, 4),)),
    "attention": (_attention, ((2, 3, 4), (2, 3, 4), (2, 3, 4))),
    "cumsum": (lambda x: x.cumsum(0).exp()[1:], ((3, 2),)),
    "std": (lambda x: x.std(-1), ((3, 4),)),
    "two outputs": (lambda x, y: (x * y, torch.cat([x, y]).sin()), ((3,), (3,))),
    "eigenvalues": (lambda x: torch.linalg.eigvalsh(x @ x.mT), ((3, 3),)),
    "inverse": (torch.linalg.inv, ((3, 3),)),
    "log of the determinant": (lambda x: torch.linalg.slogdet(x).logabsdet, ((3, 3),)),
}


@pytest.mark.parametrize("name", one_in(2, RIGHT))
def test_right_double_backwards_pass(name: str) -> None:
    function, shapes = RIGHT[name]
    report = checked(function, leaves(*shapes))
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)


@pytest.mark.parametrize("name", ["tanh", "softmax", "conv2d"])
def test_right_double_backwards_pass_in_float32(name: str) -> None:
    function, shapes = RIGHT[name]
    assert checked(function, leaves(*shapes, dtype=torch.float32)).verdict == "pass"


@pytest.mark.parametrize(
    "function",
    [lambda z: (z * z).exp().abs(), slow(lambda z: (z * z).conj()), slow(lambda z: torch.fft.ifft(z * z * z).conj())],
)
def test_complex_numbers(function: Callable[[Tensor], Tensor]) -> None:
    report = checked(function, torch.randn(3, dtype=torch.complex128, requires_grad=True))
    assert (report.verdict, report.truth) == ("pass", "certified")


def test_a_module_is_differentiated_twice_by_its_parameters() -> None:
    report = checked(torch.nn.RNNCell(3, 2).double(), leaves((2, 3)))
    assert report.verdict == "pass" and ("weight_hh", "weight_ih") in by_pair(report)


def double_backward(second: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> Any:
    """x² w, elementwise, whose double backward is ``second`` of x, w, the upstream gradient and the cotangent of ∂x."""

    class ByX(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor, g: Tensor) -> Tensor:
            ctx.save_for_backward(x, w, g)
            return 2 * x * w * g

        @staticmethod
        def backward(ctx: Any, v: Tensor) -> Any:
            return second(*ctx.saved_tensors, v)

    return weighted(lambda x, w, g: (ByX.apply(x, w, g), x * x * g))  # type: ignore[no-untyped-call]


def _first_row_zeroed(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(x[:1]), x[1:]])


#: What the double backward gives for ∂x of x² w; the pairs that are wrong, and the key of the cause.
DOUBLE: dict[str, tuple[Callable[..., Any], set[tuple[str, str]], str]] = {
    "factor": (lambda x, w, g, v: (w * g * v, 2 * x * g * v, 2 * x * w * v), {("x", "x")}, "factor"),
    "sign": (lambda x, w, g, v: (2 * w * g * v, -2 * x * g * v, 2 * x * w * v), {("x", "w")}, "factor"),
    "none": (lambda x, w, g, v: (None, 2 * x * g * v, 2 * x * w * v), {("x", "x")}, "zero"),
    "swapped": (lambda x, w, g, v: (2 * x * g * v, 2 * w * g * v, 2 * x * w * v), {("x", "x"), ("x", "w")}, "swapped"),
    "upstream": (
        lambda x, w, g, v: (2 * w * g * v, 2 * x * g * v, 2 * x * w * v.abs()), {("x", "grad_outputs")},
        "upstream_not_linear",
    ),
    "row": (
        lambda x, w, g, v: (_first_row_zeroed(2 * w * g * v), 2 * x * g * v, 2 * x * w * v), {("x", "x")}, "region",
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", one_in(2, [torch.float64, torch.float32]))
@pytest.mark.parametrize("name", DOUBLE)
def test_planted_errors_in_a_double_backward_are_caught_and_named(name: str, dtype: torch.dtype) -> None:
    second, wrong, key = DOUBLE[name]
    inputs = leaves((4, 3), (4, 3), dtype=dtype)
    right = double_backward(lambda x, w, g, v: (2 * w * g * v, 2 * x * g * v, 2 * x * w * v))
    assert checked(right, inputs).verdict == "pass"
    report = checked(double_backward(second), inputs)
    assert {pair for pair, row in by_pair(report).items() if row.verdict == "fail"} == wrong
    assert {row.cause.key for row in report.failed if row.cause} == {key}, str(report)


class Saved(torch.autograd.Function):
    """A gradient that is right, made of what the forward computed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        ctx.save_for_backward(x, y)
        return 2 * y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        _, y = ctx.saved_tensors
        return 2 * g * (1 - y * y)


class Unlinked(Saved):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        with torch.no_grad():
            return Saved.backward(ctx, g)


class Once(Saved):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Any:
        return Saved.backward(ctx, g)


def test_what_the_forward_computed_and_saved_is_no_constant() -> None:
    report = checked(Saved, leaves((2, 3)))
    rows = by_pair(report)
    assert (rows["x", "x"].verdict, rows["x", "grad_outputs"].verdict) == ("fail", "pass")
    cause = rows["x", "x"].cause
    assert cause.key == "saved_constant" and cause.fields["saved"] == ["saved tensor 2 of Saved, of shape [2, 3],"]
    assert dx.gradcheck(Saved, leaves((2, 3)))


def test_a_gradient_without_a_graph_is_named() -> None:
    report = checked(Unlinked, leaves((2, 3)))
    assert {row.verdict for row in report.rows} == {"fail"}
    assert {row.cause.key for row in report.rows if row.cause} == {"no_graph"}
    assert "the gradient by x has no graph" in str(report)


@pytest.mark.parametrize("wrapped", [Once, lambda x: 3 * Once.apply(x.exp())])  # type: ignore[no-untyped-call]
def test_once_differentiable_is_said(wrapped: Any) -> None:
    with pytest.raises(dx.UsageError, match="has no second derivatives: its backward is marked with @once_diff"):
        checked(wrapped, leaves((2, 3)))


def test_what_torch_has_no_second_derivative_of_is_said() -> None:
    with pytest.raises(dx.UsageError, match=r"has no second derivatives: .* is not implemented"):
        checked(F.hardsigmoid, leaves((3,)))


def test_wrong_gradients_are_told_first() -> None:
    class Doubled(Saved):
        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return 2 * Saved.backward(ctx, g)

    report = checked(Doubled, leaves((2, 3)))
    assert (report.verdict, report.order) == ("fail", 1)
    assert "the gradients themselves are wrong: their derivatives were not looked at" in report.notes


def test_it_raises_as_torch_does() -> None:
    with pytest.raises(GradcheckError) as caught:
        dx.gradgradcheck(Saved, leaves((2, 3)))
    assert isinstance(caught.value, dx.GradientError) and "the second derivative by (x, x) is wrong" in str(
        caught.value
    )
    assert len(str(caught.value).splitlines()) <= 25


def test_torchs_keywords_are_taken_with_one_note() -> None:
    report = dx.gradgradcheck(
        func=torch.tanh, inputs=leaves((3,)), eps=1e-6, check_batched_grad=True, check_fwd_over_rev=False
    )
    assert [note.partition(":")[0] for note in report.notes] == ["eps has no effect", "check_batched_grad is not tried"]
    with pytest.raises(dx.UsageError, match="did you mean 'fast_mode'"):
        dx.gradgradcheck(torch.tanh, leaves((3,)), fast_mod=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.ones(3, dtype=torch.float64), r"that for output is float64\[3\], and output is float64\[2, 3\]"),
        (torch.ones(2, 3), r"that for output is float32\[2, 3\], and"),
        ([torch.ones(2, 3), torch.ones(2, 3)], "takes 1 tensor, that for output"),
        (7, "takes 1 tensor, that for output"),
    ],
)
def test_other_grad_outputs_are_refused(given: Any, said: str) -> None:
    with pytest.raises(dx.UsageError, match=said):
        checked(torch.tanh, leaves((2, 3)), given)


def test_a_reference_and_a_surrogate_stand_for_the_truth() -> None:
    x = leaves((3,))
    report = checked(NumPyExp, x)
    assert (report.verdict, report.truth) == ("pass", "estimated")
    report = checked(NumPyExp, x, reference=torch.exp)
    assert (report.verdict, report.truth, report.reference) == ("pass", "certified", "exp")
    smooth = checked(Step, x, surrogate=torch.sigmoid)
    assert smooth.reference == "sigmoid"


def test_at_a_kink_nothing_is_known_of_the_second_derivative() -> None:
    report = checked(torch.relu, torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64, requires_grad=True))
    row = by_pair(report)["input", "input"] if ("input", "input") in by_pair(report) else report.rows[0]
    assert (row.entries.passed, row.entries.kinks) == (2, 1)


def test_a_backward_that_chooses_another_algorithm_under_a_watch_is_judged_without_it() -> None:
    """torch differentiates the gradient of det by singular values where it sees a mode: NaN for orthogonal matrices."""

    def oriented(matrix: Tensor) -> Tensor:
        u, sizes, _ = torch.linalg.svd(matrix)
        return (torch.linalg.det(u).sign() * sizes).sum()

    matrix = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradgradcheck(oriented, (matrix,))
    assert dx.gradgradcheck(oriented, (matrix,))


CENTRE = torch.tensor([1.5, 0.7, -0.2], dtype=torch.float64)

#: At the centre the squares are 0, and so are their slopes; their second derivatives are not.
AT_A_MINIMUM: dict[str, Callable[[Tensor], Tensor]] = {
    "quadratic": lambda x: (x - CENTRE) ** 2 / 2,
    "divisor": lambda x: x / ((x - CENTRE) ** 2 + 4),
    "dividend": lambda x: (x - CENTRE) ** 2 / (x * x + 1),
    "over its own root": lambda x: ((x - CENTRE) ** 2 + 4) / ((x - CENTRE) ** 2 + 4).sqrt(),
    "kernel matrix": lambda x: torch.linalg.cholesky(torch.exp(-((x[:, None] - x) ** 2)) + torch.eye(3).double()).sum(),
    "normalised": lambda x: (x / x.std(0)) ** 2,
}


@pytest.mark.parametrize("name", AT_A_MINIMUM)
def test_second_derivatives_are_known_where_first_ones_vanish(name: str) -> None:
    assert dx.gradgradcheck(AT_A_MINIMUM[name], (CENTRE.clone().requires_grad_(),)).truth == "certified"
