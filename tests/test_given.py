"""What stands for a loss is the same everywhere: a Loss, a name, a formula, an expression, a torch function."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sympy
import torch
from representatives import one_in, slow

import diffexplore as dx
from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]
Tensor = torch.Tensor

DATA = {"x": [0.5, 2.0, -1.0], "y": [1.0, -1.0, 0.25]}
AT = {"a": 1.5}

A, X, Y = sympy.symbols("a x y")


def squared(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y) ** 2).mean()


class Squared(torch.nn.Module):
    def forward(self, a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y) ** 2).mean()


LOSSES: dict[str, Any] = {
    "Loss": dx.Loss("(a*x - y)**2", parameters="a", data="x, y"),
    "formula": "(a*x - y)**2",
    "formula with its reduction": "mean((a*x - y)**2)",
    "expression": (A * X - Y) ** 2,
    "function": squared,
    "module": Squared(),
}


@pytest.mark.parametrize("loss", one_in(3, LOSSES.values(), first=2), ids=LOSSES)
def test_everything_takes_the_same_losses(loss: Any) -> None:
    # d/da mean((a x − y)²) = mean(2 x (a x − y)) = (2·0.5·(−0.25) + 2·2·4 + 2·(−1)·(−1.75))/3
    exact = (-0.25 + 16 + 3.5) / 3
    report = dx.check(loss, DATA, AT, methods="reverse")
    assert report.verdict == "pass"
    (row,) = [row for row in report.rows if row.parameter == "a" and row.sample is None and row.probe is None]
    assert row.value == pytest.approx(exact, rel=1e-14)
    assert (report.loss.parameters, report.loss.data, report.loss.reduction) == (("a",), ("x", "y"), "mean")
    assert dx.verify(squared, loss, DATA, AT).verdict == "pass"
    assert dx.prove(squared, loss, wrt="a").status == "proved"
    assert dx.fit(loss, DATA, AT, steps=1).loss.parameters == ("a",)
    assert dx.assert_gradient(squared, loss, DATA, AT).verdict == "pass"


def test_arguments_of_a_proof_may_be_declared_for_a_formula() -> None:
    assert dx.prove(squared, "(a*x - y)**2", parameters=["a"], data=["x", "y"]).status == "proved"
    assert dx.prove(squared, "(a*x - y)**2", data=["x", "y"]).status == "proved"
    assert dx.prove(squared, squared, parameters=["a"]).status == "proved"


def test_the_names_of_several_points_are_parameters() -> None:
    assert dx.check("a*b*x", {"x": [1.0]}, [{"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 0.5}]).loss.parameters == ("a", "b")


def test_without_a_point_wrt_names_data_to_differentiate_by() -> None:
    report = dx.check("x**2 + y", DATA, wrt="x", methods="reverse")
    assert (report.verdict, report.loss.parameters) == ("pass", ())


class Half(torch.autograd.Function):
    """x² with half of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ctx.saved_tensors[0] * upstream


def test_without_a_loss_the_own_forward_pass_is_the_loss() -> None:
    assert dx.verify(squared, None, DATA, AT).verdict == "pass"
    assert dx.verify(squared, data=DATA, at=AT).verdict == "pass"
    report = dx.verify(lambda a, x: Half.apply(a * x).mean(), None, {"x": DATA["x"]}, AT)
    assert report.verdict == "fail"
    assert {row.cause.fields["factor"] for row in report.rows if row.cause is not None} == {0.5}
    by_sample = dx.verify(Half, None, {"x": DATA["x"]}, wrt="x", upstream=1)
    assert by_sample.verdict == "fail"


@pytest.mark.parametrize(
    "output",
    [
        slow(lambda a, x: (a * x)[:, None]),
        lambda a, x: (a * x).reshape(1, -1, 1),
        slow(lambda a, x: a * x),
        slow(lambda a, x: (a * x).sum().reshape(1)),
        lambda a, x: torch.stack([(a * x).sum() / 2, (a * x).sum() / 2]),
    ],
    ids=["(N, 1)", "(1, N, 1)", "(N)", "(1)", "(2)"],
)
@pytest.mark.parametrize("upstream", one_in(2, [1, -2.5]))
@pytest.mark.usefixtures("causes_unsought")
def test_a_number_is_an_upstream_gradient_of_any_output(output: Callable[..., Tensor], upstream: float) -> None:
    data = {"x": DATA["x"]}
    loss = dx.Loss("a*x", parameters="a", data="x", reduction="sum")
    report = dx.verify(output, loss, data, AT, upstream=upstream)
    assert report.verdict == "pass"
    (row,) = [row for row in report.rows if row.parameter == "a" and row.probe is None]
    assert row.value == pytest.approx(upstream * 1.5, rel=1e-14)  # u · Σx
    spoiled = dx.verify(lambda a, x: 2 * output(a, x), loss, data, AT, upstream=upstream)
    assert spoiled.verdict == "fail"
    assert dx.verify(output, None, data, AT, upstream=upstream).verdict == "pass"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: dx.check(3),
            "the loss should be a dx.Loss, a name of the catalogue, a formula, a SymPy expression or a",
        ),
        (lambda: dx.verify(squared, 3), "the loss should be a dx.Loss, a name"),
        (lambda: dx.fit([]), "the loss should be a dx.Loss, a name"),
        (lambda: dx.prove(squared, 3), "the loss should be a dx.Loss, a name"),
        (lambda: dx.check("mine.py:loss", DATA, AT), "'mine.py:loss' names a function in a file: import it"),
        (lambda: dx.check("a*x", None, AT), "no value for x: name parameters in at={'x': …}, and give data with data="),
        (lambda: dx.check("a*x", {"y": [1.0]}, AT), "x is not a column of data: give at={'a': …, 'x': …} (the columns"),
        (lambda: dx.check("a*x", DATA), "a is not a column of data: give at={'a': …} (the columns are x, y)"),
        (lambda: dx.check("a*x", DATA, {"b": 1.0}), "unknown symbol 'b'"),
        (lambda: dx.check("a*x", DATA, 3), "a point should map each parameter to a number"),
        (lambda: dx.check(squared, DATA), "which arguments are parameters? Those of squared are a, x, y; give a point"),
        (lambda: dx.verify(squared), "which arguments are parameters? Those of squared are a, x, y; give a point"),
        (
            lambda: dx.verify(Half, None, {"x": [1.0]}, wrt="x"),
            "Half returns an output of shape (N), and a loss is one",
        ),
        (
            lambda: dx.verify((len, len)),
            "give the loss whose gradient it should be: only a torch function has a forward",
        ),
        (lambda: dx.prove(squared, squared), "which arguments are parameters? Those of squared are a, x, y; name them"),
    ],
)
def test_what_is_missing_is_said_in_the_words_of_python(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(dx.UsageError) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_a_narrower_grad_says_the_dtype_to_verify_it_in() -> None:
    a = torch.tensor(1.5, requires_grad=True)
    x = torch.tensor(DATA["x"])
    (a * x).mean().backward()
    with pytest.raises(dx.UsageError, match='say dtype="float32" to verify it in that dtype'):
        dx.verify({"a": a}, "a*x", {"x": x})
    assert dx.verify({"a": a}, "a*x", {"x": x}, dtype="float32").verdict == "pass"


CANDIDATES = """
import torch

def loss(a, b, x, y):
    return ((a*x - y + b)**2).mean()

def gradient(a, b, x, y):
    return (2*(a*x - y + b)*x).mean(), (2*(a*x - y + b)).mean()

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, upstream):
        return 2 * ctx.saved_tensors[0] * upstream
"""


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CANDIDATES, encoding="utf-8")


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize(
    ("arguments", "questions"),
    [
        (["mine.py:Square"], ["which of x are parameters", "values for x", "of an output of shape (N)"]),
        (["mine.py:Square", "--wrt", "x"], ["values for x", "of an output of shape (N)"]),
        (["mine.py:Square", "--loss", "x^2"], ["which of x are", "values for x", "of an output of shape (N)"]),
        (["mine.py:loss"], ["which of a, b, x, y are parameters", "values for x, y"]),
        (["mine.py:loss", "--at", "a=1,b=2", "--dtype", "float32"], ["values for x, y"]),
        (
            ["mine.py:gradient", "--kind", "gradient", "--loss", "(a*x + b - y)**2"],
            ["which of a, x, b, y are parameters", "values for x, y"],
        ),
    ],
)
def test_verify_asks_everything_at_once_and_its_command_runs(
    arguments: list[str], questions: list[str], capsys: Output
) -> None:
    assert main(["verify", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(question in captured.err for question in questions)
    assert captured.err.count(" and ") == len(questions) - 1
    program, *command = shlex.split(captured.err.partition("such as: ")[2])
    assert program == "diffexplore"
    assert set(arguments) <= set(command)
    assert main(command) == 0


@pytest.mark.usefixtures("_folder")
def test_data_from_standard_input_with_other_names(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    given = b"body height;weight;name\n0.5;1;a\n2;-1;b\n"
    for options in (["(a*x - y)**2", "--columns", "x=body height, y=weight"], ["(a*body_height - weight)**2"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert main(["report", *options, "--at", "a=pi/2", "--data", "-", "--methods", "reverse", "--quiet"]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(["report", "a*x", "--at", "a=1", "--data", "-", "--columns", "x=hight"]) == 2
    assert "standard input: no column 'hight'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "x=height"], "--columns says how the columns of a file are called: give --data FILE too"),
        (["--data", "p.csv", "--columns", "height"], "--columns takes symbol=column, such as x=height,y=weight"),
        (["--data", "p.csv", "--columns", "x=h,x=w"], "--columns names 'x' twice"),
        (["--data", "p.csv", "--columns", "a=h"], "unknown data symbol in --columns: 'a'"),
        (["--data", "p.csv", "--columns", "x=w"], "p.csv: no column 'w'"),
        (["--data", "p.csv", "--samples", "3"], "give either --data or --samples, not both"),
    ],
)
def test_unusable_columns(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("h,x\n1,2\n")
    assert main(["report", "a*x", "--at", "a=1", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_graph_of_whatever_stands_for_a_loss(loss: Any) -> None:
    graph = dx.graph(loss, AT, DATA)
    exact = (0.25**2 + 4**2 + 1.75**2) / 3
    assert graph.output.value is not None
    assert float(graph.output.value.text) == pytest.approx(exact, rel=1e-4)
    assert {node.name for node in graph.nodes if node.kind in ("parameter", "data")} == {"a", "x", "y"}
    assert dx.graph(loss, wrt="a").point is None


def test_a_graph_shows_a_point_at_which_nothing_vanishes() -> None:
    assert dx.graph("perpendicular").point == {"a": 2.5, "b": 1.0}
    assert dx.graph("squared_error").point == {"a": 0.5, "b": -0.25}
    one = dx.Loss("a*b*x", parameters="a, b", data="x", default_data=lambda: {"x": [1.0]},
                  default_points=[{"a": 0.0, "b": 1.0}, {"a": -2.0, "b": 2.0}])  # fmt: skip
    assert dx.graph(one).point == {"a": 0.0, "b": 1.0}


def test_records_show_themselves_in_one_line() -> None:
    report = dx.check("(a*x - y)**2", DATA, AT, methods="reverse")
    assert repr(report) == (
        f"<Report of (a*x - y)**2: pass ({report.summary.passed} comparisons pass, 0 fail, 0 inconclusive), n = 3, float64>"
    )
    (row,) = [row for row in report.rows if row.parameter == "a" and row.sample is None and row.probe is None]
    assert repr(row).startswith("<Row a by reverse at a = 1.5: pass, 6.41667 with an error of ")
    assert (
        repr(dx.prove(squared, "(a*x - y)**2", wrt="a")) == "<Proof of squared against the loss (a*x - y)**2: proved>"
    )
    assert repr(dx.graph("(a*x)**2", {"a": 1.5}, {"x": [1.0]})).startswith("<Graph of ")
    assert repr(dx.verify(lambda a, x: 2 * a * x.mean(), "a*x", {"x": [1.0]}, AT)).startswith(
        "<Report of candidate for a*x: fail"
    )
    long = dx.Loss(" + ".join(["a*x"] * 90), parameters="a", data="x")
    every = [report, row, long, dx.graph(long, AT, {"x": [1.0]}), dx.fit("a**2*x", {"x": [1.0]}, AT, steps=1)]
    assert all("\n" not in repr(one) and len(repr(one)) < 200 for one in every)
