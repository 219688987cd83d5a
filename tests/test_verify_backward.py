"""A backward that is called again: on the same graph, and with another upstream gradient."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.torch_private.watching import current_dispatch_modes

Tensor = torch.Tensor

LOSS = dx.Loss("a*x**2", parameters="a", data="x")
DATA = {"x": [0.5, 1.25, -2.0]}
AT = {"a": 1.5}


class Right(torch.autograd.Function):
    """a x², for each sample."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.slope = x**2
        return a * x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return (upstream * ctx.slope).sum(), None


class Overwrites(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ctx.slope.mul_(upstream).sum(), None


class OverwritesSaved(Right):
    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(x**2)
        return a * x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return slope.mul_(upstream).sum(), None


class WritesIntoUpstream(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream.mul_(ctx.slope).sum(), None


class WorksOnACopy(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream.clone().mul_(ctx.slope).sum(), None


class RaisesTheSecondTime(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        slope = ctx.slope
        del ctx.slope
        return (upstream * slope).sum(), None


class Clips(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return (upstream.clamp(-1, 1) * ctx.slope).sum(), None


class ClipsLarge(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, ...]:
        return Right.backward(ctx, upstream.clamp(-10, 10))


class Ignores(Right):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ctx.slope.sum(), None


class RightMean(torch.autograd.Function):
    """The loss itself, one number."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.slope = (x**2).mean()
        return (a * x**2).mean()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream * ctx.slope, None


class IgnoresInMean(RightMean):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ctx.slope.clone(), None


def keys(report: Any) -> set[str]:
    return {row.cause.key for row in report.rows if row.verdict == "fail"}


WAYS = {
    "output": lambda f: (f, [1.0, 2.0, -0.5]),
    "ones": lambda f: (f, 1.0),
    "mean": lambda f: (lambda a, x: f.apply(a, x).mean(), None),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [Right, WorksOnACopy])
def test_a_right_backward_passes(function: Any, way: str, dtype: str) -> None:
    candidate, upstream = WAYS[way](function)
    report = dx.verify(candidate, LOSS, DATA, AT, upstream=upstream, dtype=dtype)
    assert (report.verdict, report.skipped) == ("pass", ())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (Overwrites, "saved_overwritten"),
        (OverwritesSaved, "saved_overwritten"),
        (WritesIntoUpstream, "upstream_modified"),
    ],
)
def test_a_backward_that_works_once_fails(function: Any, cause: str, way: str) -> None:
    candidate, upstream = WAYS[way](function)
    report = dx.verify(candidate, LOSS, DATA, AT, upstream=upstream)
    assert (report.verdict, keys(report)) == ("fail", {cause})
    assert all(row.parameter == "a" for row in report.rows if row.verdict == "fail")


@pytest.mark.parametrize("upstream", [[1.5, 0.75, 1.25], 1.0])
def test_what_a_narrow_dtype_hides_in_a_second_call_is_no_fault_of_proportion(upstream: Any) -> None:
    data = {"x": [1.0, -1.0, 0.5]}
    report = dx.verify(Overwrites, LOSS, data, AT, upstream=upstream, dtype="bfloat16")
    assert (report.verdict, keys(report)) == ("fail", {"saved_overwritten"})


def test_a_second_call_that_is_refused_is_skipped_with_the_reason() -> None:
    report = dx.verify(RaisesTheSecondTime, LOSS, DATA, AT, upstream=1.0)
    assert report.verdict == "pass"
    (skipped,) = report.skipped
    assert skipped.method == "RaisesTheSecondTime (second backward call)"
    assert "slope" in skipped.reason


def test_what_is_no_multiple_of_its_upstream_gradient_fails() -> None:
    report = dx.verify(Clips, LOSS, DATA, AT, upstream=1.0)
    assert (report.verdict, keys(report)) == ("fail", {"upstream_not_linear"})


def test_what_clips_large_upstream_gradients_alone_fails() -> None:
    report = dx.verify(lambda a, x: ClipsLarge.apply(a, x).mean(), LOSS, DATA, AT)
    assert (report.verdict, keys(report)) == ("fail", {"upstream_not_linear"})


def _watched(slope: Tensor) -> Tensor:
    return slope if current_dispatch_modes() else 2 * slope


CALLS = iter(range(10**6))


@pytest.mark.parametrize(
    "candidate",
    [
        lambda a, x: _watched(x.square().mean()),
        lambda a, x: x.square().mean() * (1 if next(CALLS) % 2 == 0 else 2),
        lambda a, x: x.square().mean() + (0 if current_dispatch_modes() else 1e-9),
    ],
)
def test_what_is_right_in_watched_calls_alone_fails(candidate: Any) -> None:
    report = dx.verify(candidate, LOSS, DATA, AT, kind="gradient")
    assert report.verdict == "fail"


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-9])
def test_numbers_that_come_in_past_torch_are_no_constants(factor: float) -> None:
    threads = ThreadPoolExecutor(1)

    def gradient(a: Tensor, x: Tensor) -> Tensor:
        return factor * threads.submit(lambda: x.square() / 3).result().mean() * 3

    report = dx.verify(gradient, LOSS, DATA, AT, kind="gradient")
    assert report.verdict == ("pass" if factor == 1 else "fail")


@pytest.mark.parametrize("upstream", [None, 1.0, 3.0, -0.5])
def test_a_loss_has_an_upstream_gradient(upstream: float | None) -> None:
    report = dx.verify(RightMean, LOSS, DATA, AT, upstream=upstream)
    assert report.verdict == "pass"
    row = next(row for row in report.rows if row.parameter == "a" and row.probe is None)
    mean = (0.25 + 1.5625 + 4) / 3
    assert row.value == pytest.approx((1.0 if upstream is None else upstream) * mean, rel=1e-14)
    wrong = dx.verify(IgnoresInMean, LOSS, DATA, AT, upstream=upstream)
    assert (wrong.verdict, keys(wrong)) == ("fail", {"upstream_ignored"})


def test_an_ignored_upstream_gradient_in_a_mean_is_no_factor() -> None:
    report = dx.verify(lambda a, x: Ignores.apply(a, x).mean(), LOSS, DATA, AT)
    assert (report.verdict, keys(report)) == ("fail", {"upstream_ignored"})


def test_an_upstream_gradient_of_a_loss_without_parameters() -> None:
    square = dx.Loss("x**2", parameters=(), data="x", reduction="sum")
    report = dx.verify(lambda x: x.square().sum(), square, DATA, upstream=3.0)
    assert report.verdict == "pass"
    assert [row.value for row in sorted(report.rows, key=lambda row: row.sample or 0) if row.parameter == "x"] == [
        3.0,
        7.5,
        -12.0,
    ]
    assert dx.verify(lambda x: x.square(), square, DATA, upstream=3.0).verdict == "pass"


def test_packed_arguments_and_further_modes_under_an_upstream_gradient() -> None:
    loss = dx.Loss("u**2*v", parameters="u, v")
    report = dx.verify(
        lambda w: w[0] ** 2 * w[1], loss, None, {"u": 1.5, "v": -0.75}, upstream=-2.0, pack={"w": ["u", "v"]},
        modes=("forward", "double backward"),
    )  # fmt: skip
    assert report.verdict == "pass"
    second = {(row.of, row.parameter): row.value for row in report.rows if row.of is not None and row.probe is None}
    assert second == {("u", "u"): 3.0, ("u", "v"): -6.0, ("v", "u"): -6.0, ("v", "v"): 0.0}


class Layer:
    """The loss as a pair; ``state`` is kept from forward to backward."""

    def forward(self, inputs: Any) -> Any:
        self.state = inputs.x**2
        return (inputs.a * self.state).mean()

    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        return {"a": upstream * self.state.mean()}


class IgnoringLayer(Layer):
    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        return {"a": self.state.mean()}


class OverwritingLayer(Layer):
    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        self.state *= 2 * upstream
        return {"a": self.state.mean() / 2}


@pytest.mark.parametrize("upstream", [None, 2.5])
def test_layers_are_called_again_as_well(upstream: float | None) -> None:
    assert dx.verify(Layer(), LOSS, DATA, AT, kind="layer", upstream=upstream).verdict == "pass"
    wrong = dx.verify(IgnoringLayer(), LOSS, DATA, AT, kind="layer", upstream=upstream)
    assert (wrong.verdict, keys(wrong)) == ("fail", {"upstream_ignored"})
    wrong = dx.verify(OverwritingLayer(), LOSS, DATA, AT, kind="layer", upstream=upstream)
    assert (wrong.verdict, keys(wrong)) == ("fail", {"saved_overwritten"})


MINE = """
import torch


class Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, x):
        ctx.slope = (x**2).mean()
        return (a * x**2).mean()

    @staticmethod
    def backward(ctx, upstream):
        return {}, None
"""


@pytest.mark.parametrize(("computed", "code"), [("upstream * ctx.slope", 0), ("ctx.slope.clone()", 1)])
def test_the_command_line(
    computed: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE.format(computed), encoding="utf-8")
    Path("points.csv").write_text("x\n0.5\n1.25\n-2\n", encoding="utf-8")
    command = ["verify", "mine.py:Mean", "--loss", "a*x**2", "--at", "a=1.5", "--data", "points.csv", "--quiet"]
    assert main([*command, "--upstream", "3", "--replay", "again.json"]) == code
    assert main(command) == code
    said = capsys.readouterr().out
    if code:
        assert main(["verify", "--replay", "again.json", "--quiet"]) == code
        assert capsys.readouterr().out in said
