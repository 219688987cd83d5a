"""What gradcheck takes: functions of every kind, inputs as torch has them, outputs of any structure; what it refuses."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import pytest
import torch
from tensor_functions import PLANTED, NumPyExp, Weighted, leaves, weighted
from torch.autograd.gradcheck import GradcheckError

import diffexplore as dx

Tensor = torch.Tensor
WRONG = weighted(PLANTED["factor"][0])


class Named(NamedTuple):
    square: Tensor
    positive: Tensor


@torch.library.custom_op("diffexplore_tests::cubed", mutates_args=())
def cubed(x: Tensor, scale: float) -> Tensor:
    return x * x * x * scale


cubed.register_autograd(
    lambda ctx, g: (3 * ctx.saved_tensors[0] ** 2 * ctx.scale * g, None),
    setup_context=lambda ctx, inputs, output: (ctx.save_for_backward(inputs[0]), setattr(ctx, "scale", inputs[1]))[0],
)


def checked(fn: Any, inputs: Any, **options: Any) -> dx.TensorReport:
    return dx.gradcheck(fn, inputs, raise_exception=False, **options)


def pairs(report: dx.TensorReport) -> set[tuple[str, str]]:
    return {(row.output, row.input) for row in report.rows}


@pytest.mark.parametrize("fn", [Weighted, Weighted.apply, lambda x, w: Weighted.apply(x, w)])
def test_an_autograd_function_in_each_form(fn: Any) -> None:
    report = dx.gradcheck(fn, leaves((4, 3), (3,)))
    assert report.verdict == "pass" and pairs(report) == {("output", "x"), ("output", "w")}


def test_a_module_with_its_parameters() -> None:
    module = torch.nn.Linear(3, 2, dtype=torch.float64)
    assert pairs(dx.gradcheck(module, leaves((4, 3)))) == {("output", name) for name in ("weight", "bias", "input")}
    module.bias.requires_grad_(False)
    assert pairs(dx.gradcheck(module, leaves((4, 3))[0])) == {("output", "weight"), ("output", "input")}
    assert module.weight.grad is None


def test_a_custom_operator() -> None:
    report = checked(cubed, (*leaves((4,)), 0.5))
    assert (report.verdict, report.truth, pairs(report)) == ("pass", "certified", {("output", "x")})
    assert checked(torch.ops.diffexplore_tests.cubed, (*leaves((4,)), 0.5)).verdict == "pass"


LIBRARY = torch.library.Library("diffexplore_tests_library", "DEF")
LIBRARY.define("squared(Tensor x) -> Tensor")
LIBRARY.define("squared_by_numpy(Tensor x) -> Tensor")
LIBRARY.impl("squared", lambda x: x * x, "CPU")
LIBRARY.impl("squared_by_numpy", lambda x: torch.from_numpy(x.detach().numpy() ** 2), "CPU")


def by_numpy(x: Tensor) -> Tensor:
    return torch.from_numpy(x.detach().numpy() ** 2)


OF_LIBRARY = {
    "custom_op": (torch.library.custom_op("diffexplore_tests::by_numpy", by_numpy, mutates_args=(), schema="(Tensor x) -> Tensor"), "estimated"),
    "Library.impl": (torch.ops.diffexplore_tests_library.squared, "certified"),
    "Library.impl with NumPy": (torch.ops.diffexplore_tests_library.squared_by_numpy, "estimated"),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_LIBRARY)
def test_an_operator_of_the_library_is_read_unless_numbers_leave_torch(name: str) -> None:
    operator, truth = OF_LIBRARY[name]
    schema = "diffexplore_tests::by_numpy" if name == "custom_op" else str(operator).replace(".", "::")
    for factor, verdict in ((2.0, "pass"), (2.01, "fail")):
        with torch.library._scoped_library(schema.partition("::")[0], "FRAGMENT") as scope:
            torch.library.register_autograd(
                schema,
                lambda ctx, g, factor=factor: factor * ctx.x * g,  # type: ignore[misc]
                setup_context=lambda ctx, inputs, output: setattr(ctx, "x", inputs[0]),
                lib=scope,
            )
            report = checked(operator, leaves((4,)))
        assert (report.verdict, report.truth) == (verdict, truth)
        assert (truth == "certified") or any("numbers leave torch by numpy" in note for note in report.notes)


@pytest.mark.parametrize(
    ("fn", "names"),
    [
        (lambda x: x * x, {"output"}),
        (lambda x: (x * x, x > 0, x.detach(), x + 1), {"output 0", "output 3"}),
        (lambda x: [x * x, x.sum()], {"output 0", "output 1"}),
        (lambda x: {"loss": x.sum(), "logits": x * 2, "hard": x.argmax()}, {"loss", "logits"}),
        (lambda x: {"parts": (x * 2, x * 3)}, {"parts 0", "parts 1"}),
        (lambda x: Named(x * x, x > 0), {"square"}),
    ],
)
def test_outputs_of_any_structure(fn: Callable[..., Any], names: set[str]) -> None:
    report = dx.gradcheck(fn, leaves((4,)))
    assert {row.output for row in report.rows} == names


def test_outputs_without_a_gradient_are_skipped_by_name() -> None:
    report = dx.gradcheck(lambda x: (x * x, x > 0), leaves((4,)))
    assert [(skip.method, skip.reason) for skip in report.skipped] == [
        ("output 1", "no gradient passes through it (bool)")
    ]


def test_inputs_as_torch_takes_them() -> None:
    x, w = leaves((4, 3), (3,))
    assert dx.gradcheck(torch.sin, x) and dx.gradcheck(torch.sin, [x])
    assert dx.gradcheck(func=torch.sin, inputs=x)
    assert pairs(dx.gradcheck(Weighted, (x, w.detach()))) == {("output", "x")}
    assert pairs(dx.gradcheck(torch.cat, ([x, x], 1))) == {("output", "input 0 0"), ("output", "input 0 1")}
    assert dx.gradcheck(lambda x, power, double: x**power * (2 if double else 1), (x, 3, True))


def test_each_keyword_of_torch_is_taken_with_one_note() -> None:
    report = dx.gradcheck(
        torch.sin, leaves((3,)), eps=1e-6, atol=1e-5, rtol=1e-3, nondet_tol=0.0, check_undefined_grad=True,
        check_grad_dtypes=False, check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False,
        check_backward_ad=True, fast_mode=False, masked=None, check_sparse_nnz=False,
    )  # fmt: skip
    (note,) = report.notes
    assert note.startswith("eps, atol, rtol") and "no effect" in note and "undefined" not in note


class _Lazy(torch.autograd.Function):
    """A product whose backward takes an upstream gradient for granted."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.set_materialize_grads(False)
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        return upstream * ctx.factor, None


class _Doubled(torch.autograd.Function):
    """A product whose derivative in forward mode is twice the right one."""

    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x * 3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: torch.Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:
        return upstream * 3

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor) -> torch.Tensor:
        return tangent * 6


def test_keywords_of_torch_choose_what_is_tried() -> None:
    def causes(function: Any, *inputs: Any, **options: Any) -> set[str]:
        report = dx.gradcheck(function, inputs, raise_exception=False, **options)
        assert not report.notes
        return {row.cause.key for row in report.rows if row.verdict == "fail"}

    assert causes(_Lazy.apply, *leaves((3,)), 2.0) == {"undefined_upstream"}
    assert not causes(_Lazy.apply, *leaves((3,)), 2.0, check_undefined_grad=False)
    assert not causes(_Doubled.apply, *leaves((3,)))
    for battery in ("none", "quick"):
        assert causes(_Doubled.apply, *leaves((3,)), check_forward_ad=True, battery=battery) == {"forward_mode"}
    report = dx.gradcheck(_Doubled.apply, leaves((3,)), check_batched_grad=True)
    assert any("vmap" in skip.method for skip in report.skipped)  # generate_vmap_rule is not set


def test_the_inputs_are_left_as_they_are() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    before = x.detach().clone()
    dx.gradcheck(lambda x: x.clone().mul_(2), x)
    assert x.grad is None and torch.equal(x.detach(), before)


def test_dtypes_are_checked_one_after_another() -> None:
    report = checked(WRONG, leaves((4, 3), (3,)), dtypes=["float32", torch.bfloat16])
    assert report.dtype == "float32, bfloat16"
    found = {(row.input, row.dtype): row.verdict for row in report.rows}
    assert found == {
        (name, dtype): "fail" if name == "x" else "pass" for name in "xw" for dtype in ("float32", "bfloat16")
    }


def test_the_seed_decides_the_upstream_gradients() -> None:
    first, same, other = (checked(WRONG, leaves((4, 3), (3,)), seed=seed) for seed in (1, 1, 2))
    assert first.rows == same.rows and first.rows != other.rows


def test_batch_norm_begins_every_call_from_the_same_sums() -> None:
    module = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    assert checked(module, leaves((4, 3))).summary.failed == 0
    assert all(torch.equal(buffer, before[name]) for name, buffer in module.named_buffers())


# ------------------------------------------------------------------------------------------------------------- errors
def test_a_wrong_gradient_raises_both_errors() -> None:
    with pytest.raises(GradcheckError) as caught:
        dx.gradcheck(WRONG, leaves((4, 3), (3,)))
    error = caught.value
    assert isinstance(error, dx.GradientError) and isinstance(error, AssertionError)
    assert error.report.verdict == "fail"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and again.report == error.report


def test_a_backward_that_raises_is_wrong() -> None:
    report = checked(weighted(lambda x, w, g: (g.T, None)), leaves((4, 3), (3,)))
    assert report.verdict == "fail" and report.rows[0].cause is not None
    assert (
        report.rows[0].cause.key == "raises" and "expected shape compatible with [4, 3]" in report.rows[0].cause.message
    )


def _random(x: Tensor) -> Tensor:
    return x * random.random()


def _raising(x: Tensor) -> Tensor:
    raise ValueError("no such thing")


def _square(x: Tensor) -> Tensor:
    return x * x


X = torch.ones(3, dtype=torch.float64, requires_grad=True)

REFUSED: list[tuple[str, Any, Any, dict[str, Any]]] = [
    (r"no input of _square requires a gradient: give x with requires_grad=True", _square, torch.ones(3), {}),
    (r"x holds integers \(int64\)", _square, torch.arange(3), {}),
    (r"no input of _square requires a gradient: give at least one tensor", _square, 3.0, {}),
    (r"x is not a leaf", _square, X * 2, {}),
    (
        r"the output of _square is a sparse tensor: return it dense",
        _square,
        torch.eye(3).to_sparse().requires_grad_(),
        {},
    ),
    (r"x is on the device meta", _square, torch.ones(3, device="meta", requires_grad=True), {}),
    (r"output without a graph", lambda x: x.detach(), X, {}),
    (r"returns no floats, but bool", lambda x: x > 0, X, {}),
    (r"_nothing returns None", None, X, {}),
    (r"_random is not the same from call to call.*output\[", _random, X, {}),
    (r"_raising raises ValueError: no such thing \(test_gradcheck_calls.py, line \d+\)", _raising, X, {}),
    (r"raises RuntimeError: .*cannot be multiplied", lambda x: torch.ones(2, 2) @ x.float()[None], X, {}),
    (r"your forward is not this reference: output\[\d\] is 2\.718", NumPyExp, X, {"reference": torch.sin}),
    (r"your forward is not this reference: output has shape", NumPyExp, X, {"reference": torch.sum}),
    (r"the surrogate does not fit: output has shape", _square, X, {"surrogate": torch.sum}),
    (r"reference= .* surrogate=.* give one", _square, X, {"surrogate": "identity", "reference": _square}),
    (r"unknown surrogate 'identiy': did you mean 'identity'", _square, X, {"surrogate": "identiy"}),
    (r"unknown battery 'fast'", _square, X, {"battery": "fast"}),
    (r"unknown dtype 'flot32'", _square, X, {"dtypes": "flot32"}),
    (r"unknown keyword of gradcheck 'epps': did you mean 'eps'", _square, X, {"epps": 1}),
    (r"Weighted takes|missing 1 required", Weighted, X, {}),
    (r"fn should be a function", 3, X, {}),
    (r"Linear is a class: give an instance", torch.nn.Linear, X, {}),
    (r"the reference \(sin\) has no parameter bias", torch.nn.Linear(3, 2).double(), X, {"reference": torch.sin}),
]


def _nothing(x: Tensor) -> None:
    x * x


@pytest.mark.parametrize(("message", "fn", "inputs", "options"), REFUSED, ids=[row[0][:30] for row in REFUSED])
def test_what_cannot_be_checked_is_refused_in_one_line(
    message: str, fn: Any, inputs: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(dx.UsageError, match=message) as caught:
        dx.gradcheck(_nothing if fn is None else fn, inputs, raise_exception=False, **options)
    assert "\n" not in str(caught.value)


def _numpy_exp_behind(first: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Any]:
    return lambda x: {"first": first(x), "exp": NumPyExp.apply(x)}


@pytest.mark.parametrize(
    "first",
    [lambda x: x.detach() * 3, lambda x: x * 1j, lambda x: (x > 0).sum()],
    ids=["a constant", "complex numbers", "an integer"],
)
def test_an_estimate_is_of_the_output_it_is_said_to_be_of(first: Callable[[Tensor], Tensor]) -> None:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    report = checked(_numpy_exp_behind(first), x, battery="none")
    assert report.truth == "estimated"
    assert {row.output for row in report.rows if row.verdict == "pass"} == {"exp"}
    unknown = [row.cause and row.cause.message for row in report.rows if row.verdict != "pass"]
    assert all("nothing is estimated of complex numbers" in str(message) for message in unknown)
    assert report.verdict == ("inconclusive" if unknown else "pass")


@pytest.mark.filterwarnings("ignore:Warning only once for all operators")
@pytest.mark.parametrize("first", range(1, 5))
def test_another_algorithm_in_another_call_is_no_other_function(first: int) -> None:
    """A library may choose any in each call, as cuDNN does: after the first few, this one computes as in TF32."""
    library, calls = torch.library.Library("aten", "IMPL"), count()

    def convolution(x, weight, bias, *rest):
        if x.dtype == torch.float64 or next(calls) < first:
            return torch.ops.aten._convolution(x, weight, bias, *rest, False, False, False, False)
        return (convolution(x.double(), weight.double(), bias, *rest) * (1 + 2.0**-11)).float()

    library.impl("convolution", convolution, "CPU")
    x, weight = torch.randn(1, 4, 6, 6, requires_grad=True), torch.randn(3, 4, 3, 3, requires_grad=True)
    try:
        report = dx.gradcheck(torch.nn.functional.conv2d, (x, weight), raise_exception=False, battery="none")
    finally:
        library._destroy()
    assert report.verdict == "pass"
