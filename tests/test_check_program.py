"""Losses that are read from torch functions: the check runs the functions themselves, whatever was read of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.cli.main import main

Tensor = torch.Tensor

POINT = {"a": 1.3, "b": 0.7}
DATA = {"x": [0.5, -1.25, 2.0, 3.5, -0.75], "y": [1.0, 0.25, -2.0, 0.5, 1.5]}


class Square(torch.autograd.Function):
    """z², with a backward that is given: ``factor`` is 2 where it is right."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(z)
        ctx.factor = factor
        return z * z

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (z,) = ctx.saved_tensors
        return upstream * ctx.factor * z, None


class EveryMode(torch.autograd.Function):
    """z² for every transform of torch.func, with a forward mode that misses the factor 2."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        return z * z

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (z,) = ctx.saved_tensors
        return upstream * 2 * z

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return z * tangent


class ThroughNumpy(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (z,) = ctx.saved_tensors
        return torch.from_numpy(upstream.numpy() * ctx.factor * z.numpy()), None


def squares(factor: float, function: Any = Square) -> Callable[..., Tensor]:
    def fit(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return function.apply(a * x + b - y, factor).mean()

    return fit


def in_every_mode(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return EveryMode.apply(a * x + b - y).mean()


def loss_of(function: Callable[..., Tensor], **declared: Any) -> dx.Loss:
    return dx.Loss.from_torch(function, **{"parameters": "a, b", "data": "x, y", **declared})


def report_of(factor: float, function: Any = Square, dtype: str = "float64") -> dx.Report:
    """The check of the squares, whose backward is right for a factor of 2."""
    return _made(factor, function, dtype)


@cache
def _made(factor: float, function: Any, dtype: str) -> dx.Report:
    options = {} if function is Square else {"methods": "symbolic, reverse"}
    return dx.check(loss_of(squares(factor, function)), DATA, POINT, dtype=dtype, **options)


def verdicts(report: dx.Report, parameter: str = "a") -> dict[str, str]:
    """The verdict of each method's reduced partial."""
    rows = (row for row in report.rows if row.parameter == parameter and row.sample is None and row.probe is None)
    return {row.method: row.verdict for row in rows}


@pytest.mark.parametrize("dtype", one_in(2, ["float64", "float32", "bfloat16"]))
def test_a_wrong_backward_fails_by_reverse_mode_alone(dtype: str) -> None:
    report = report_of(1.0, dtype=dtype)
    assert report.verdict == "fail"
    found = verdicts(report)
    assert found["reverse"] == "fail"
    assert {name for name, verdict in found.items() if verdict == "fail"} == {"reverse"}
    row = next(row for row in report.rows if row.method == "reverse" and row.parameter == "a" and row.probe is None)
    # ∂/∂a of the mean of (a·x + b − y)² is 2·mean(x·(a·x + b − y)); the program computes half of it.
    exact = 2 * sum(x * (1.3 * x + 0.7 - y) for x, y in zip(DATA["x"], DATA["y"], strict=True)) / 5
    assert float(row.truth.mid) == pytest.approx(exact, rel=0.02)
    assert row.value == pytest.approx(exact / 2, rel=0.02)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_backward_passes(dtype: str) -> None:
    report = report_of(2.0, dtype=dtype)
    assert report.verdict == "pass"
    assert verdicts(report)["reverse"] == "pass"


def test_each_mode_runs_the_rule_that_the_function_has_for_it() -> None:
    found = verdicts(dx.check(loss_of(in_every_mode), DATA, POINT, methods="reverse, vmap, forward"))
    assert (found["reverse"], found["vmap"], found["forward"]) == ("pass", "pass", "fail")


def test_what_torch_refuses_is_skipped_in_its_words() -> None:
    skipped = {skip.method: skip.reason for skip in report_of(2.0).skipped}
    assert "must implement the jvp function" in skipped["forward"]
    assert "setup_context" in skipped["vmap"]


def test_rows_say_what_steps_are_taken_of() -> None:
    report = report_of(1.0)
    found = verdicts(report)
    for method in ("forward_difference (program)", "central_difference (program)", "complex_step (formula)"):
        assert found[method] == "pass"
    assert report.to_dict()["loss"]["program"] == "fit"
    text = " ".join(str(report).split())
    assert "the formulas were read from fit, which itself was run by reverse mode, the forward difference" in text


def test_of_a_formula_nothing_is_said_of_programs() -> None:
    report = dx.check(dx.Loss("(a*x + b - y)**2", parameters="a, b", data="x, y"), DATA, POINT)
    assert report.to_dict()["loss"]["program"] is None
    assert {row.method for row in report.rows} >= {"central_difference", "complex_step"}
    assert "were read from" not in str(report)


@pytest.mark.parametrize(("factor", "verdict"), [(2.0, "pass"), (1.0, "fail")])
def test_a_backward_that_cannot_be_watched_is_held_against_more_than_the_formula_needs(
    factor: float, verdict: str
) -> None:
    report = report_of(factor, ThroughNumpy)
    assert (report.verdict, verdicts(report)["reverse"]) == (verdict, verdict)
    both = (report, report_of(2.0))
    bounds = [next(r.bound for r in one.rows if r.method == "reverse" and r.sample is None) for one in both]
    assert bounds[0] > 4 * bounds[1]


def test_a_narrow_backward_that_cannot_be_watched_is_not_decided_and_no_formula_stands_in() -> None:
    report = report_of(2.0, ThroughNumpy, "float32")
    assert (report.verdict, verdicts(report)["reverse"], verdicts(report)["symbolic"]) == (
        "inconclusive", "inconclusive", "pass",
    )  # fmt: skip
    assert any("numpy" in row.cause.message for row in report.rows if row.cause)


def test_the_formula_alone_can_be_asked_for() -> None:
    report = dx.check(loss_of(squares(1.0)), DATA, POINT, methods="symbolic,numpy")
    assert report.verdict == "pass"
    assert "which was not run itself" in str(report)


def test_the_dtype_that_a_program_computes_in_is_part_of_its_bound() -> None:
    def narrow(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).float().square().sum().double()

    report = dx.check(loss_of(narrow, parameters="a", data="x"), {"x": DATA["x"]}, {"a": 1.3}, methods="reverse")
    assert verdicts(report)["reverse"] == "pass"
    power = next(r.smallest_detectable for r in report.rows if r.method == "reverse" and r.sample is None)
    assert 2.0**-25 < power < 1e-5


def test_vectors_and_partials_by_data() -> None:
    def linear(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.mse_loss(x @ w + b, y)

    loss = loss_of(linear, parameters="w[2], b", data="x[2], y")
    columns = {"x1": DATA["x"], "x2": DATA["y"], "y": [0.5, 1.0, -1.0, 0.25, 2.0]}
    report = dx.check(loss, columns, {"w1": 1.3, "w2": -0.4, "b": 0.7}, wrt="w2, x2", methods="reverse, forward, vmap")
    assert report.verdict == "pass"
    assert {verdicts(report, "w2")[name] for name in ("reverse", "forward", "vmap")} == {"pass"}
    by_data = {row.method for row in report.rows if row.parameter == "x2" and row.sample is not None}
    assert by_data >= {"reverse", "vmap"} and "forward" not in by_data


def test_a_wrong_partial_by_data_is_found() -> None:
    report = dx.check(loss_of(squares(1.0)), DATA, POINT, wrt="x", methods="reverse")
    assert report.verdict == "fail"
    row = next(row for row in report.rows if row.verdict == "fail")
    x, y = (DATA[name][row.sample] for name in ("x", "y"))
    assert row.value == pytest.approx(1.3 * (1.3 * x + 0.7 - y), rel=1e-12)


def test_a_program_of_two_samples_or_more_is_not_run_on_one() -> None:
    def fit(a: Tensor, x: Tensor) -> Tensor:
        return ((a * x) ** 2).mean() if x.shape[0] > 1 else (a * x).sum()

    loss = loss_of(fit, parameters="a", data="x")
    several = dx.check(loss, {"x": DATA["x"]}, {"a": 1.3}, methods="reverse, vmap")
    assert several.verdict == "pass"
    assert any(skip.method == "vmap" and "single sample" in skip.reason for skip in several.skipped)
    one = dx.check(loss, {"x": [2.0]}, {"a": 1.3}, methods="reverse, symbolic")
    assert one.verdict == "inconclusive"  # nothing of the program was compared


def test_a_program_that_raises_in_this_dtype_is_one_line() -> None:
    table = torch.eye(5, dtype=torch.float64)[:2].sum(0)

    def fit(a: Tensor, x: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            raise ValueError("only in double")
        return (a * x).square().mean() * table.sum()

    with pytest.raises(dx.UsageError, match=r"^fit raises ValueError: only in double \(test_check_program\.py, line"):
        dx.check(loss_of(fit, parameters="a", data="x"), {"x": DATA["x"]}, {"a": 1.3}, dtype="float32")


def test_a_program_that_computes_something_else_here_fails_by_its_value() -> None:
    def fit(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).square().mean() * (1.0 if x.dtype == torch.float64 else 1.5)

    report = dx.check(
        loss_of(fit, parameters="a", data="x"), {"x": DATA["x"]}, {"a": 1.3}, dtype="float32", methods="reverse"
    )
    assert report.verdict == "fail"
    assert "fit does not compute the loss that was read from it: L is wrong (" in " ".join(str(report).split())


@pytest.mark.usefixtures("causes_unsought")
def test_verify_holds_the_candidate_and_not_the_program_against_the_formula() -> None:
    loss = loss_of(squares(1.0))
    right = dx.verify(lambda a, b, x, y: ((a * x + b - y) ** 2).mean(), loss, DATA, POINT)
    wrong = dx.verify(squares(1.0), loss, DATA, POINT)
    assert (right.verdict, wrong.verdict) == ("pass", "fail")


def test_losses_of_the_same_function_are_equal_and_those_of_others_are_not() -> None:
    function = squares(2.0)
    assert loss_of(function) == loss_of(function)
    assert loss_of(function) != loss_of(squares(2.0))
    assert loss_of(function) != loss_of(function).of_formula()


PROGRAM = """
import torch

class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, upstream):
        (z,) = ctx.saved_tensors
        return upstream * z

def fit(a, b, x, y):
    return Half.apply(a * x + b - y).mean()
"""


def test_report_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "half.py"
    file.write_text(PROGRAM)
    call = ["report", f"{file}:fit", "--at", "a=1.3,b=0.7", "--points", "6", "--methods", "reverse,symbolic", "--ascii"]
    assert main(call) == 1
    out = capsys.readouterr().out
    assert "reverse: dL/da is wrong (" in out.replace("dL/db", "dL/da") and "verify says" in " ".join(out.split())
    assert main([*call, "--reduction", "sum"]) == 2
    assert "fit takes the mean of its samples itself" in capsys.readouterr().err
