"""Integers, truth values and undefined numbers in traced programs: read as torch computes them, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
import torch.nn.functional as F
from representatives import one_in
from test_tracing import assert_agrees

from benchmarks.torch_programs import TorchProgram
from diffexplore import UsageError
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.torch_ops.readers.certain import has_value, whole_range
from diffexplore.tracing.trace import trace

Tensor = torch.Tensor
constant = torch.tensor
i8, u8, i32, i64, boolean = torch.int8, torch.uint8, torch.int32, torch.int64, torch.bool


def _put_where(w: Tensor, x: Tensor) -> Tensor:
    mask = torch.zeros_like(x, dtype=boolean)
    mask[x > 0] = True
    return w * x * mask


def _put_at(w: Tensor, x: Tensor) -> Tensor:
    mask = torch.zeros(3, dtype=boolean)
    mask[constant([0, 2])] = True
    return w * x * mask


def _copied_into_truths(w: Tensor, x: Tensor) -> Tensor:
    mask = torch.zeros_like(x, dtype=boolean)
    mask[:] = 3 * x.clamp(min=0)
    return w * x * mask


READ = {
    "or_by_plus": lambda w, x: w * ((x > 0) + (w > x)), "or_in_place": lambda w, x: w * (x > 0).clone().add_(x > -1),
    "or_of_constants": lambda w, x: w * x * (constant(True) + constant(True)), "or_alpha": lambda w, x: w * torch.add(x > 0, x > -1, alpha=False),
    "or_by_sum": lambda w, x: w * (x > 0).sum(1, keepdim=True, dtype=boolean), "and_by_times": lambda w, x: w * ((x > 0) * (w > x)),
    "and_by_prod": lambda w, x: w * (x > 0).prod(1, keepdim=True, dtype=boolean), "maximum_of_truths": lambda w, x: w * (x > 0).amax(1, keepdim=True),
    "xor": lambda w, x: w * ((x > 0) ^ (w > x)), "not": lambda w, x: w * ~(x > 0), "counted": lambda w, x: w * (x > 0).sum(1, keepdim=True),
    "counted_in_batch": lambda w, x: w * (x > 0).sum() / x.shape[0], "running_count": lambda w, x: w * (x > 0).cumsum(1),
    "bits_not": lambda w, x: w * x * ~constant(5), "bits_and": lambda w, x: w * x * (constant(6) & constant(3)),
    "bits_or_xor": lambda w, x: w * x * ((constant(6) ^ constant(3)) | 8), "fill_truths": lambda w, x: w * x * torch.full_like(x, 2, dtype=boolean),
    "copied_into_truths": _copied_into_truths, "put_where": _put_where, "put_at": _put_at,
    "truths_gathered": lambda w, x: w * (x > 0).gather(1, x.argmax(1, keepdim=True)),
    "truths_scattered": lambda w, x: w * x * torch.zeros_like(x, dtype=boolean).scatter(1, x.argmax(1, keepdim=True), True),
    "mask_of_eye": lambda w, x: w * x.masked_fill(~torch.eye(3, dtype=boolean)[0], 2.0), "mask_as_int8": lambda w, x: w * ((x > 0).to(i8) - 1),
    "filled_integers": lambda w, x: w * torch.zeros_like(x, dtype=i64).masked_fill(x > 0, 2), "signs": lambda w, x: w * x.sign().long(),
    "cut_constant": lambda w, x: w * x * constant([2.7, -2.7, 3.0]).long(), "arithmetic": lambda w, x: w * x * ((constant([1, 2, 3]) * 2 + 1) // 2),
    "power_of_truths": lambda w, x: w * x * constant(3) ** (x > 0).int(), "rounded_half": lambda w, x: w * x * torch.round(constant([2.5, 3.5, -2.5])),
    "floor_divided": lambda w, x: w * x * torch.div(constant(7.0), constant([2.0, -2.0, 3.0]), rounding_mode="floor"),
    "sizes": lambda w, x: w * x * torch.full((), x.shape[0], dtype=i64) / x.shape[0], "joined": lambda w, x: torch.cat([x > 0, w * x], 1),
    "nan_to_num": lambda w, x: torch.nan_to_num(torch.log(1 + x**2) / (1 + torch.exp(-w * x))), "nansum": lambda w, x: torch.nansum(w * x, 1),
    "isfinite": lambda w, x: torch.where(torch.isfinite(w * x) & ~torch.isnan(x) & ~torch.isinf(x), w * x, x), "fmin": lambda w, x: torch.fmin(w * x, x.exp()),
    "infinite_mask": lambda w, x: torch.softmax((w * x).masked_fill(constant([True, False, False]), -torch.inf), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(10, READ))
def test_integers_and_truth_values_agree_with_torch(name: str) -> None:
    operator = READ[name]

    def loss(w: Tensor, x: Tensor) -> Tensor:
        return torch.sin(1.5 * operator(w, x) + 0 * w.sum()).mean()

    torch.set_default_dtype(torch.float64)
    try:
        traced = trace(loss, parameters="w[3]", data="x[3]")
        assert_agrees(TorchProgram(loss, "w[3]", "x[3]"), traced)
    finally:
        torch.set_default_dtype(torch.float32)
    assert traced.samples is None


def _into_integers(w: Tensor, x: Tensor) -> Tensor:
    whole = torch.zeros_like(x, dtype=i64)
    whole[:] = 3 * x
    return w * whole


WHOLE, RANGE = r"int64 result is rounded to whole numbers", r"result may be out of range, where torch wraps around"
CUT, BITS = r"rounding to whole numbers makes steps", r"bits of integers depend on the values"
UNREAL, NAN = r"constant without a real value", r"may be undefined or infinite"

REFUSED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "long": (lambda w, x: w * x.long(), "_to_copy", CUT), "long_of_sum": (lambda w, x: w * (x + 1).long(), "_to_copy", CUT),
    "long_of_relu": (lambda w, x: w * F.relu(x).long(), "_to_copy", CUT), "int32": (lambda w, x: x * (w * 3).to(i32), "_to_copy", CUT),
    "long_of_infinity": (lambda w, x: w * x * constant(torch.inf).long(), "_to_copy", CUT),
    "copy": (lambda w, x: w * torch.zeros_like(x, dtype=i64).copy_(3 * x), "copy_", WHOLE), "slice": (_into_integers, "copy_", WHOLE),
    "full": (lambda w, x: w * torch.full_like(x, 2.7, dtype=i64), "full_like", WHOLE),
    "arange": (lambda w, x: w * x * torch.arange(0.5, 3.5, dtype=i64), "arange", WHOLE),
    "sum": (lambda w, x: w * x * constant([2.7, 2.3]).sum(dtype=i64), "sum", WHOLE),
    "prod": (lambda w, x: w * x * constant([2.5, 2.0]).prod(dtype=i64), "prod", WHOLE),
    "running": (lambda w, x: w * x * constant([0.5, 0.5, 1.0]).cumsum(0, dtype=i64), "cumsum", WHOLE),
    "overflow": (lambda w, x: w * x * (constant(200, dtype=u8) * 2), "mul", f"uint8 {RANGE}"),
    "narrow": (lambda w, x: w * x * constant(300).to(i8), "_to_copy", f"int8 {RANGE}"),
    "below_zero": (lambda w, x: w * ((x > 0).to(u8) - 1), "sub", f"uint8 {RANGE}"),
    "not_unsigned": (lambda w, x: w * x * ~constant(5, dtype=u8), "bitwise_not", f"uint8 {RANGE}"),
    "count_of_samples": (lambda w, x: w * (x > 0).sum().to(i8), "_to_copy", f"int8 {RANGE}"),
    "not_of_mask": (lambda w, x: w * ~(x > 0).int(), "bitwise_not", BITS), "and_of_mask": (lambda w, x: w * ((x > 0).int() & 2), "bitwise_and", BITS),
    "reduce": (
        lambda w, x: w * x * torch.ones(3, dtype=torch.float64).scatter(0, constant([0, 2]), w[:2].detach(), reduce="multiply"),
        "scatter", "its argument reduce is not read",
    ),
    "bits_as_integer": (lambda w, x: w * x * constant(2.0, dtype=torch.float64).view(i64), "view", "reads the bits of numbers"),
    "correction": (lambda w, x: (w * x).var(1, correction=3), "var", "elements minus the correction"),
    "round_infinity": (lambda w, x: w * x * torch.round(constant(torch.inf)), "round", "of an infinite number"),
    "log": (lambda w, x: w * x * torch.log(constant(-1.0)) ** 2, "log", UNREAL), "acosh": (lambda w, x: w * x * torch.acosh(constant(0.5)) ** 2, "acosh", UNREAL),
    "where_log": (lambda w, x: w * torch.where(torch.log(constant(-2.0)) < 0, x, -x), "log", UNREAL),
    "clamped_root": (lambda w, x: w * x * torch.sqrt(constant(-2.0)).clamp(min=0), "sqrt", UNREAL),
    "root_of_minus_square": (lambda w, x: w * torch.sqrt(-(x**2)) * torch.sqrt(-(x**2)), "sqrt", UNREAL),
    "cube_root": (lambda w, x: w * x * constant(-8.0) ** (1 / 3), "pow", UNREAL), "asin": (lambda w, x: w * x * 0 * torch.asin(constant(2.0)), "asin", UNREAL),
    "erfinv": (lambda w, x: w * x * torch.erfinv(constant(2.0)), "erfinv", UNREAL), "by_zero": (lambda w, x: w * x * torch.tanh(constant(1.0) / 0), "div", UNREAL),
    "compared_with_nan": (lambda w, x: w * x * (x < torch.nan), "lt", UNREAL), "nan": (lambda w, x: w * x * (constant(torch.nan) < 3), "lift_fresh_copy", UNREAL),
    "nan_to_num_of_log": (lambda w, x: w * torch.nan_to_num(torch.log(x), nan=0.0), "nan_to_num", NAN),
    "nan_to_num_cancelled": (lambda w, x: w * torch.nan_to_num(F.relu(x) / F.relu(x), nan=3.0) * x, "nan_to_num", NAN),
    "nan_to_num_cancelled_in_place": (lambda w, x: w * torch.nan_to_num(x.detach().abs().log_().exp_()), "nan_to_num", NAN),
    "nan_to_num_cancelled_later": (lambda w, x: w * torch.nan_to_num(torch.exp(torch.log(x))), "nan_to_num", NAN),
    "isinf": (lambda w, x: torch.where(torch.isinf(1 / F.relu(x)), x, w * x**2), "isinf", NAN),
    "isnan": (lambda w, x: torch.where(torch.isnan(torch.sqrt(x)), x, w * x**2), "isnan", NAN),
    "isfinite": (lambda w, x: torch.where(torch.isfinite(torch.log(x)), x, w * x**2), "ne", NAN),
    "equal_itself": (lambda w, x: torch.where(torch.sqrt(x) == torch.sqrt(x), x, w), "eq", NAN),
    "not_less_than_itself": (lambda w, x: torch.where(torch.sqrt(x) >= torch.sqrt(x), x, w), "ge", NAN),
    "below_infinity": (lambda w, x: torch.where(torch.log(x) < torch.inf, x, w), "lt", NAN),
    "nan_to_num_of_infinity": (lambda w, x: w * x * torch.nan_to_num(constant(torch.inf)), "nan_to_num", NAN),
    "fmax": (lambda w, x: w * torch.fmax(torch.log(x), x), "fmax", NAN),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(6, REFUSED, first=1))
def test_what_formulas_do_not_say_is_refused_by_name(name: str) -> None:
    function, operator, message = REFUSED[name]
    with pytest.raises(
        UsageError, match=rf"^{operator} at test_tracing_dtypes\.py:\d+ cannot be read: .*{message}"
    ) as raised:
        trace(lambda w, x: function(w, x).sum(), parameters="w[3]", data="x[3]")
    assert "\n" not in str(raised.value)


def test_a_condition_on_the_number_of_samples_is_traced_for_a_few() -> None:
    traced = trace(lambda a, x: (x.shape[0] > 3) * (a * x).sum(), parameters="a", data="x")
    assert traced.samples == 4
    assert traced.mixing is not None and "of the number of samples" in traced.mixing


def test_programs_without_such_questions_may_hold_what_is_undefined_somewhere() -> None:
    traced = trace(lambda a, x: (a * torch.log(x) + F.relu(x) / x).sum(), parameters="a", data="x")
    assert traced.output.has(sympy.log)


# --------------------------------------------------------------------------------------------------- expressions

x, y = sympy.symbols("x y", real=True)
_MASK = sympy.Piecewise((1, x > 0), (0, True))
_SIGNED = sympy.Piecewise((3, x > 0), (-2, True))


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        (sympy.Integer(5), (5, 5)), (_MASK - 1, (-1, 0)), (_SIGNED * _SIGNED.subs(x, y), (-6, 9)), (sympy.Pow(_SIGNED, 2, evaluate=False), (0, 9)),
        (sympy.Pow(_SIGNED, 3, evaluate=False), (-8, 27)), ((-2) ** sympy.Piecewise((3, x > 0), (0, True)), (-8, 4)), (sympy.Abs(_SIGNED), (0, 3)),
        (sympy.sign(x) + 1, (0, 2)), (BatchSum(_MASK, [x]), (0, 2**31 - 1)), (sympy.Max(_MASK, _MASK.subs(x, y)), (0, 1)),
        (SAMPLES, (1, 2**31 - 1)), (SAMPLES / 2, None), (x, None), (_MASK / 2, None), (_MASK + x, None), (_SIGNED**-1, None),
        (sympy.Rational(5, 2), None), (sympy.Piecewise((1, x > 0), (x, True)), None), (sympy.exp(x), None), (sympy.pi, None),
    ],
)  # fmt: skip
def test_ranges_of_whole_numbers(expr: Any, found: tuple[int, int] | None) -> None:
    """The range holds every value: it may be wider, as that of a square, but never narrower."""
    assert whole_range(sympy.sympify(expr)) == found or (found is not None and _holds(whole_range(expr), found))


def _holds(wide: tuple[int, int] | None, narrow: tuple[int, int]) -> bool:
    return wide is not None and wide[0] <= narrow[0] and narrow[1] <= wide[1] and wide[1] - wide[0] < 40


@pytest.mark.parametrize(
    ("expr", "finite"),
    [
        (x**2 - 3 * x * y, True), (1 / (1 + x**2), True), (sympy.log(sympy.exp(x) + 1), True), (sympy.sqrt(sympy.Abs(x)), True),
        (sympy.Max(x, 1) ** y, True), (BatchSum(x, [x]) / SAMPLES, True), (2**x, True), (_MASK * y, True),
        (1 / x, False), (1 / (x**2 - 1), False), (sympy.log(x), False), (sympy.log(sympy.Abs(x)), False), (sympy.sqrt(x), False),
        (x**y, False), (sympy.tan(x), False), (sympy.asin(x), False), (sympy.oo, False), (sympy.oo * x, False), (1 / (SAMPLES - 1), False),
        (sympy.Piecewise((1, sympy.log(x) > 0), (0, True)), False), (BatchSum(1 / x, [x]), False), (1 / (x**2 + y), False),
    ],
)  # fmt: skip
def test_what_has_a_finite_value_everywhere(expr: Any, finite: bool) -> None:
    assert has_value(expr) is finite
