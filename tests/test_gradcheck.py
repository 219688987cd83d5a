"""Gradients of functions of tensors: right ones pass in every dtype, and planted errors are found, each where it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from autograd_functions import function_of
from representatives import each_value
from tensor_functions import PLANTED, NumPyExp, NumPyExpWrong, Product, Step, Weighted, leaves, weighted

import diffexplore as dx
from diffexplore.tensors.functions import written_form

Tensor = torch.Tensor
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
INDEX = torch.tensor([1, 0, 2, 1])


def checked(fn: Any, inputs: Any, **options: Any) -> dx.TensorReport:
    return dx.gradcheck(fn, inputs, raise_exception=False, **options)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_right_backward_passes_with_every_entry_compared(dtype: torch.dtype) -> None:
    report = checked(Weighted, leaves((4, 3), (3,), dtype=dtype))
    assert (report.verdict, report.truth, bool(report)) == ("pass", "certified", True)
    assert {row.input: row.entries.passed for row in report.rows} == {"x": 12, "w": 3}
    assert all(row.shape == ((4, 3) if row.input == "x" else (3,)) for row in report.rows)
    roundings = 2.0 ** {torch.float64: -53, torch.float32: -24, torch.bfloat16: -8}[dtype]
    assert all(0 < row.smallest_detectable < 200 * roundings for row in report.rows if row.smallest_detectable)


@pytest.mark.parametrize(("name", "dtype"), each_value(list(PLANTED), DTYPES))
def test_a_planted_error_fails_where_it_is(name: str, dtype: torch.dtype) -> None:
    backward, spoiled = PLANTED[name]
    report = checked(weighted(backward), leaves((4, 3), (3,), dtype=dtype))
    assert report.verdict == "fail" and not report
    assert {row.input for row in report.rows if row.verdict == "fail"} == spoiled
    assert all(row.cause is not None for row in report.failed)


def test_a_forgotten_transpose_is_found() -> None:
    report = checked(Product, leaves((3, 3), (3, 3)))
    assert {row.input: row.verdict for row in report.rows} == {"x": "fail", "y": "pass"}


def test_the_worst_entry_is_told_with_the_exact_derivative() -> None:
    """∂x of x² w: in the spoiled row the value is 0, and the truth is 2 x w g, within its enclosure."""
    x, w = leaves((4, 3), (3,))
    report = checked(weighted(PLANTED["zeroed row"][0]), (x, w), jacobian=True)
    (row,) = report.failed
    assert row.entry is not None and row.entry[0] == 1 and row.value == 0
    assert row.truth is not None and row.truth.kind == "certified"
    i, j = row.entry
    exact = 2 * float(x.detach()[i, j]) * float(w.detach()[j])  # the upstream gradient is 1 at one entry
    assert float(row.truth.mid) == pytest.approx(exact, rel=1e-15)
    assert row.entries.total == 12 * 12 and row.probe == f"of output entry [{i}, {j}]"


@pytest.mark.parametrize(("error", "dtype"), [(1e-9, torch.float64), (3e-5, torch.float32), (0.1, torch.bfloat16)])
def test_an_error_above_the_stated_power_fails(error: float, dtype: torch.dtype) -> None:
    inputs = leaves((4, 3), (3,), dtype=dtype)
    power = max(row.smallest_detectable or 0.0 for row in checked(Weighted, inputs).rows)
    assert power < error
    wrong = weighted(lambda x, w, g: (2 * x * w * g * (1 + error), (x * x * g).sum(0)))
    assert checked(wrong, inputs).verdict == "fail"


def _softmax(x: Tensor) -> Tensor:
    return F.softmax(x, -1)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    **{
        name: (getattr(F, name), ((3, 4),))
        for name in "relu elu celu selu leaky_relu gelu silu mish softplus tanh sigmoid hardswish logsigmoid".split()
    },
    "softmax": (_softmax, ((3, 4),)),
    "log_softmax": (lambda x: F.log_softmax(x, -1), ((3, 4),)),
    "glu": (F.glu, ((3, 4),)),
    "linear": (F.linear, ((3, 4), (2, 4), (2,))),
    "mse_loss": (F.mse_loss, ((3, 4), (3, 4))),
    "smooth_l1_loss": (F.smooth_l1_loss, ((3, 4), (3, 4))),
    "cross_entropy": (lambda x: F.cross_entropy(x, INDEX), ((4, 3),)),
    "embedding": (lambda w: F.embedding(INDEX, w), ((3, 2),)),
    "attention": (F.scaled_dot_product_attention, ((1, 2, 3, 2), (1, 2, 3, 2), (1, 2, 3, 2))),
    "einsum": (lambda a, b: torch.einsum("ij,jk->ik", a, b), ((3, 4), (4, 2))),
    "division": (lambda a, b: a / b, ((3, 4), (4,))),
    "logsumexp": (lambda x: x.logsumexp(-1), ((3, 4),)),
    "written in place": (lambda x: x.clone().mul_(x).add_(1), ((3, 4),)),
    "dropout": (F.dropout, ((3, 4),)),
}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(FUNCTIONS), DTYPES))
def test_torchs_own_gradients_raise_no_alarm(name: str, dtype: torch.dtype) -> None:
    function, shapes = FUNCTIONS[name]
    report = checked(function, leaves(*shapes, dtype=dtype))
    assert report.verdict == ("pass" if dtype != torch.bfloat16 else report.verdict) != "fail"
    assert report.summary.failed == 0


def test_entries_at_a_kink_are_left_out_counted_and_named() -> None:
    x = torch.tensor([0.0, 1.0, -1.0, 0.0], dtype=torch.float64, requires_grad=True)
    report = checked(F.relu, x)
    (row,) = report.rows
    assert (row.verdict, row.entries.passed, row.entries.inconclusive, row.entries.kinks) == ("pass", 2, 2, 2)
    assert "2 entries undecided" in str(report)


def test_where_every_entry_is_at_a_kink_nothing_is_decided() -> None:
    report = checked(torch.abs, torch.zeros(3, dtype=torch.float64, requires_grad=True))
    assert report.verdict == "inconclusive"
    assert report.rows[0].cause is not None and report.rows[0].cause.key == "kink"
    with pytest.raises(dx.GradientError, match="INCONCLUSIVE"):
        dx.gradcheck(torch.abs, torch.zeros(3, dtype=torch.float64, requires_grad=True))
    assert not dx.gradcheck(torch.abs, torch.zeros(3, dtype=torch.float64, requires_grad=True), allow_inconclusive=True)


def test_empty_tensors_are_no_pass() -> None:
    assert checked(torch.sin, torch.zeros(0, 3, requires_grad=True)).verdict == "inconclusive"


# --------------------------------------------------------------------------------------------- forwards not to be read
def test_a_forward_that_leaves_torch_is_estimated_and_says_so() -> None:
    report = checked(NumPyExp, leaves((4,)))
    assert (report.verdict, report.truth) == ("pass", "estimated")
    assert all(row.truth is not None and row.truth.kind == "estimated" for row in report.rows)
    assert "numpy (tensor_functions.py, line " in report.notes[0] and "pass reference=" in report.notes[0]
    for row in report.rows:  # what is allowed on the screen is what fails beyond it: with what the estimate may be off
        assert row.allowed is not None and row.bound is not None and row.truth is not None
        assert row.allowed >= float(row.truth.rad) > 0 and (row.error_abs or 0) <= row.allowed
    powers = [row.smallest_detectable for row in report.rows if row.smallest_detectable]
    assert powers and 1e-13 < max(powers) < 1e-6


@pytest.mark.parametrize("shape", [(4,), (5, 8)])
def test_an_estimated_truth_fails_beyond_a_hundred_times_its_error(shape: tuple[int, ...]) -> None:
    report = checked(NumPyExpWrong, leaves(shape))
    assert (report.verdict, report.truth) == ("fail", "estimated")
    assert str(report).startswith("FAIL (estimated truth)")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_reference_certifies_a_black_box(dtype: torch.dtype) -> None:
    right, wrong = (checked(fn, leaves((4,), dtype=dtype), reference=torch.exp) for fn in (NumPyExp, NumPyExpWrong))
    assert (right.verdict, right.truth, right.reference) == ("pass", "certified", "exp")
    assert (wrong.verdict, wrong.truth) == ("fail", "certified")


def test_an_estimate_knows_a_kink() -> None:
    """|x| by NumPy at 0: central differences agree on 0, and one-sided ones do not."""

    class Absolute(NumPyExp):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x.sign())
            return torch.from_numpy(abs(x.detach().numpy()))

    x = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    (row,) = checked(Absolute, x).rows
    assert row.entries.failed == 0 and row.entries.inconclusive == 1


# --------------------------------------------------------------------------------------------------------- surrogates
def test_a_step_is_named_with_what_to_pass() -> None:
    report = checked(Step, leaves((4,)))
    (row,) = report.failed
    assert row.cause is not None and row.cause.key == "surrogate"
    assert "derivative 0" in row.cause.message and "surrogate='identity'" in row.cause.message
    assert row.truth is not None and float(row.truth.mid) == 0


@pytest.mark.parametrize(
    ("surrogate", "verdict"), [("identity", "pass"), (lambda x: 1.0 * x, "pass"), (torch.sigmoid, "fail")]
)
def test_a_surrogate_is_held_against_what_it_is_meant_to_be(surrogate: Any, verdict: str) -> None:
    assert checked(Step, leaves((4,)), surrogate=surrogate).verdict == verdict


def test_a_surrogate_of_several_inputs() -> None:
    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
            ctx.scale = scale
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return -ctx.scale * g, None

    (x,) = leaves((4,))
    assert checked(Reversed, (x, 0.5)).verdict == "fail"
    assert checked(Reversed, (x, 0.5), surrogate=lambda x, scale: -scale * x).verdict == "pass"


def test_compiled_code_is_judged_by_the_python_that_it_came_from() -> None:
    compiled = torch.compile(lambda x: x * x.sigmoid(), backend="eager")
    assert written_form(compiled) is not compiled
    report = checked(compiled, leaves((4,)))
    assert (report.verdict, report.truth) == ("pass", "certified")
    assert math.isclose(float(report.rows[0].value or 0), float(report.rows[0].truth.mid), rel_tol=1e-12)  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------- numbers of other kinds
def test_complex_numbers_are_pairs_of_real_ones() -> None:
    class Square(torch.autograd.Function):
        factor = 2.0

        @staticmethod
        def forward(ctx: Any, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)
            return z * z

        @classmethod
        def backward(cls, ctx: Any, g: Tensor) -> Any:
            return ctx._forward_cls.factor * ctx.saved_tensors[0].conj() * g

    class Wrong(Square):
        factor = 2.001

    z = torch.tensor([1 + 2j, -0.5j, 3.0], dtype=torch.complex128, requires_grad=True)
    right, wrong = checked(Square, z), checked(Wrong, z)
    assert (right.verdict, right.truth, right.rows[0].entries.passed) == ("pass", "certified", 6)
    assert wrong.verdict == "fail" and wrong.failed[0].entry is not None and len(wrong.failed[0].entry) == 2
    assert checked(lambda x: torch.complex(x, x * x), leaves((3,))).verdict == "pass"


def test_what_item_reads_is_a_constant_where_autograd_has_it_so() -> None:
    assert checked(lambda x: x * x.max().item(), leaves((4,))).truth == "certified"

    class Scaled(torch.autograd.Function):
        """x · max x by a number of Python; its backward forgets that the number depends on x."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.scale = x.max().item()
            return x * ctx.scale

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g * ctx.scale

    report = checked(Scaled, leaves((4,)))
    assert (report.verdict, report.truth) == ("fail", "estimated")
    assert report.rows[0].entries.failed == 1  # that of the maximum


def test_a_forward_in_a_narrower_dtype_is_measured_by_it() -> None:
    report = checked(
        lambda x, w: torch.autocast("cpu", torch.bfloat16)(torch.mm)(x, w), leaves((4, 4), (4, 4), dtype=torch.float32)
    )
    assert (report.verdict, report.truth) == ("pass", "certified")
    assert any("computes in bfloat16" in note for note in report.notes)


WINDOWS: dict[str, Callable[[Tensor], Tensor]] = {
    "of two sizes": lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    "of one pixel": lambda x: F.adaptive_avg_pool2d(x, (9, 2)),
    "means": lambda x: F.avg_pool2d(x, 3, stride=1),
    "largest": lambda x: F.max_pool2d(x, 2),
    "beyond the edge": lambda x: F.pad(x, (2, 1, 1, 0), mode="replicate"),
}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(WINDOWS), DTYPES))
def test_windows_that_overlap_raise_no_alarm(name: str, dtype: torch.dtype) -> None:
    report = checked(WINDOWS[name], leaves((1, 2, 7, 6), dtype=dtype), battery="none")
    assert (report.truth, report.summary.failed) == ("certified", 0)


TIES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: x.max(), lambda x: x.amax(-1), lambda x: F.max_pool1d(x[None], 3), F.relu6, F.hardtanh, torch.abs,
    lambda x: x.clamp(0, 1), lambda x: torch.maximum(x, torch.ones_like(x)),
)  # fmt: skip


@pytest.mark.parametrize(("function", "number"), each_value(TIES, [0.0, 1.0, -1.0], rounds=2))
def test_ties_and_kinks_never_fail(function: Callable[[Tensor], Tensor], number: float) -> None:
    x = torch.full((3,), number, dtype=torch.float64, requires_grad=True)
    assert checked(function, x).summary.failed == 0


ZEROS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a share of one": lambda x: torch.softmax(x, -1),
    "a direction in one dimension": lambda x: F.normalize(x, dim=-1),
    "a product with two zeros": lambda x: torch.cat([x.flatten(), torch.zeros(2, dtype=x.dtype)]).prod(),
    "nothing": lambda x: torch.diff(x, dim=-1, n=2).sum(),
}


@pytest.mark.parametrize(("name", "wrong"), each_value(list(ZEROS), [0.0, 1e-9, 1.0]))
def test_a_gradient_that_is_zero_throughout_is_told_from_others(name: str, wrong: float) -> None:
    other = function_of(ZEROS[name], lambda g, x: torch.full_like(x, wrong))

    torch.manual_seed(0)
    x = torch.randn(3, 1, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(other, x, raise_exception=False)
    assert report.verdict == ("fail" if wrong else "pass")
    assert bool(dx.gradcheck(ZEROS[name], x))
