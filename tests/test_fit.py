"""Fits from end to end: arguments, optimizers, bad input, documents and pictures."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.figures.records import Axis, Figure, Series
from diffexplore.figures.terminal import draw
from diffexplore.fitting import optimizers
from diffexplore.render.displays import to_text

Output = pytest.CaptureFixture[str]
DATA = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.1, 2.9, 5.2, 6.9]}
START = {"a": 0.0, "b": 0.0}


def line(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((a * x + b - y) ** 2).mean()


def by_hand(rate: float, steps: int) -> float:
    """The mean squared error of the line after some steps from (0, 0), in NumPy."""
    x, y = (np.array(DATA[name]) for name in ("x", "y"))
    a = b = 0.0
    for _ in range(steps):
        r = a * x + b - y
        a, b = a - rate * 2 * np.mean(r * x), b - rate * 2 * np.mean(r)
    return float(np.mean((a * x + b - y) ** 2))


# ------------------------------------------------------------------------------------------------------- what is fitted
@pytest.mark.parametrize(
    "loss",
    [
        "squared_error",
        "(a*x + b - y)**2",
        dx.losses.get("squared_error"),
        sympy.sympify("(a*x + b - y)**2"),
        line,
    ],
    ids=["name", "text", "loss", "expression", "function"],
)
def test_the_same_things_stand_for_a_loss_as_elsewhere(loss: Any) -> None:
    fit = dx.fit(loss, DATA, START, lr=0.1, steps=3)
    assert fit.optimum is not None
    assert fit.optimum.point == pytest.approx({"a": 1.97, "b": 1.07})  # by the normal equations
    assert fit.run.last.loss == pytest.approx(by_hand(0.1, 3))


OPTIMIZERS = [(name, "float64") for name in optimizers.names()] + [("gd", "float32"), ("newton", "float32")]


@pytest.mark.parametrize(("optimizer", "dtype"), OPTIMIZERS)
def test_every_optimizer_goes_down_to_the_minimum(optimizer: str, dtype: str) -> None:
    fit = dx.fit("squared_error", DATA, START, optimizer=optimizer, lr=0.1, steps=400, dtype=dtype, methods="reverse")
    assert fit.lr == (0.1 if optimizer in ("gd", "momentum", "adam") else None)
    for run in fit.runs:
        assert run.dtype == dtype and run.best is not None
        assert run.best.point == pytest.approx({"a": 1.97, "b": 1.07}, abs=5e-3)
        assert [place.step for place in run.path] == sorted({place.step for place in run.path})
    assert "arrived" in fit.explanation[0].sentence


@pytest.mark.parametrize(("optimizer", "made"), [
    ("gd", lambda p: torch.optim.SGD(p, lr=0.05)),
    ("momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    ("adam", lambda p: torch.optim.Adam(p, lr=0.05)),
])  # fmt: skip
def test_the_steps_are_those_of_torch(optimizer: str, made: Any) -> None:
    fit = dx.fit("squared_error", DATA, START, optimizer=optimizer, lr=0.05, steps=20, methods="reverse")
    columns = [torch.tensor(DATA[name], dtype=torch.float64) for name in ("x", "y")]
    a, b = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    stepper = made([a, b])
    for _ in range(20):
        stepper.zero_grad()
        line(a, b, *columns).backward()
        stepper.step()
    assert fit.run.last.point == pytest.approx({"a": a.item(), "b": b.item()}, rel=1e-12)


def test_exact_methods_of_every_kind_descend_alike() -> None:
    methods = ("symbolic", "symbolic_raw", "reverse", "forward", "vmap", "numpy")
    fit = dx.fit("logistic", lr=1.0, steps=5, methods=methods)
    assert [run.method for run in fit.runs] == list(methods)
    assert len({round(run.last.loss or math.nan, 12) for run in fit.runs}) == 1
    assert [drift.methods for drift in fit.drifts] == [("symbolic", other) for other in methods[1:]]


def test_a_sum_is_reduced_as_one() -> None:
    loss = dx.Loss("(a*x + b - y)**2", parameters="a, b", data="x, y", reduction="sum")
    fit = dx.fit(loss, DATA, START, lr=0.025, steps=3)
    assert fit.run.last.loss == pytest.approx(4 * by_hand(0.1, 3))
    assert fit.optimum is not None and fit.optimum.value == pytest.approx(0.063)  # 0.03² + 0.14² + 0.19² + 0.08²


# ----------------------------------------------------------------------------------------------------- long and diverging
def test_a_long_path_is_thinned() -> None:
    fit = dx.fit("a**2", at={"a": 1.0}, lr=1e-3, steps=2_100, methods="reverse")
    steps = [place.step for place in fit.path]
    assert len(steps) <= 2_003 and steps[0] == 0 and steps[-1] == 2_100
    assert fit.run.last.loss == pytest.approx(0.998**4_200, rel=1e-9)


@pytest.mark.parametrize("rate", [1.0, 1e30])
def test_a_descent_that_diverges_says_when_and_why(rate: float) -> None:
    fit = dx.fit("squared_error", DATA, START, lr=rate, steps=2000, dtype="float32")
    first = fit.explanation[0].sentence
    assert first.startswith(f"diverged: after {fit.run.steps:,} step") and "is kept" in first
    assert fit.run.ended is not None and fit.run.steps < 100
    assert fit.best is not None and fit.best.step == 0
    why = next(one for one in fit.explanation if one.key == "diverged")
    assert why.values["largest_times_rate"] > 2 and "from the start" in why.sentence
    json.loads(fit.to_json())


def test_a_step_over_the_valley_is_named() -> None:
    fit = dx.fit("perpendicular", lr=0.01, steps=5, methods="reverse")
    over = next(one for one in fit.explanation if one.key == "overshoots")
    assert over.values["step"] == 1 and over.values["length"] > 2 * over.values["distance"]


def test_no_steps_at_all() -> None:
    fit = dx.fit("squared_error", DATA, START, steps=0)
    assert fit.run.steps == 0 and len(fit.path) == 1 and fit.optimum is not None
    assert fit.explanation[0].sentence == "took no step: the loss is 21.1, and the minimum 0.01575"
    assert {one.key for one in fit.explanation}.isdisjoint({"stable", "rises", "slow_direction", "too_slow"})


# ------------------------------------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(("change", "message"), [
    ({"lr": 0}, "learning rate"), ({"lr": -1e-3}, "learning rate"), ({"lr": math.nan}, "learning rate"),
    ({"lr": math.inf}, "learning rate"), ({"lr": "fast"}, "learning rate"),
    ({"steps": -1}, "number of steps"), ({"steps": 1.5}, "number of steps"), ({"steps": 2 * 10**9}, "number of steps"),
    ({"optimizer": "sgd"}, "did you mean 'gd'?"), ({"methods": "revers"}, "did you mean 'reverse'?"),
    ({"methods": "central_difference"}, "has an error of its own"), ({"methods": ()}, "no method"),
    ({"dtype": "float23"}, "unknown dtype"), ({"dtype": ()}, "no dtype"),
    ({"at": {"a": 1}}, "no value for b"), ({"at": {"a": 1, "c": 2}}, "unknown parameter 'c'"),
    ({"at": {"a": 1, "b": math.nan}}, "not a finite number"), ({"data": {"x": [1.0]}}, "no column 'y'"),
    ({"data": {"x": [1.0], "y": [math.inf]}}, "not finite"), ({"data": {"x": [1e300], "y": [1]}, "dtype": "float32"}, "range of float32"),
    ({"at": {"a": 1e200, "b": 0}}, "the loss is inf at the start"),
])  # fmt: skip
def test_input_that_cannot_be_used_is_said_in_one_line(change: dict[str, Any], message: str) -> None:
    given = {"data": DATA, "at": START, "steps": 2} | change
    with pytest.raises(UsageError) as raised:
        dx.fit("squared_error", **given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("loss", "at", "message"), [
    ("cauchy", {"a": 0, "b": 0, "s": -1}, "outside the domain of the loss: s > 0"),
    ("line_distance", {"A": 0, "B": 0, "C": 1}, "outside the domain of the loss"),
    ("log(a)", {"a": -1}, "the loss is nan at the start"),
    ("graph_sum", None, "no parameters"),
    ("log(a)", None, "no value for a: name parameters in at="),
    ("log(a)", {"b": 1}, "unknown symbol 'b'"),
    ("a*x", {"a": 1}, "no value for x"),
    (3, None, "the loss should be a dx.Loss"),
])  # fmt: skip
def test_losses_and_starts_that_cannot_be_used(loss: Any, at: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dx.fit(loss, at=at)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--lr", "0"], "learning rate"), (["--lr", "nan"], "learning rate"), (["--lr", "-1"], "learning rate"),
    (["--steps", "-1"], "number of steps"), (["--optimizer", "adm"], "did you mean 'adam'?"),
    (["--data", "missing.csv"], "missing.csv"), (["--at", "a=1,b=1", "--at", "a=1,b=1"], "--at once"),
    (["--json", "-", "--markdown", "-"], "both take standard output"), (["--json", "/no/folder/f.json"], "cannot write"),
])  # fmt: skip
def test_the_command_line_refuses_with_exit_code_2(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(["fit", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and message in printed.err and printed.err.count("\n") == 1


# ----------------------------------------------------------------------------------------------------------- what is shown
def test_the_page_fits_eighty_columns_in_ascii(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["fit", "squared_error", "--steps", "20", "--lr", "0.1", "--ascii"]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) <= 50
    assert lines[0].startswith("FIT  ")
    assert any(line.split()[:2] == ["minimum,", "proved"] for line in lines)
    assert any("+----" in line for line in lines) and any("symbolic float32" in line for line in lines)


def test_quiet_prints_how_it_ended(capsys: Output) -> None:
    assert main(["fit", "squared_error", "--steps", "2", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("FIT  stopped 180 % above the minimum") and len(out.splitlines()) <= 2


def test_the_document(capsys: Output, tmp_path: Path) -> None:
    page = tmp_path / "fit.md"
    arguments = ["fit", "logistic", "--lr", "1", "--steps", "20", "--dtype", "float64", "--markdown", str(page)]
    assert main([*arguments, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert document["steps"] == 20 and document["optimizer"] == "gd" and document["lr"] == 1.0
    assert [run["method"] for run in document["runs"]] == ["symbolic", "reverse"]
    path = document["runs"][0]["path"]
    assert path["step"] == list(range(21)) and len(path["loss"]) == len(path["point"]["a"]) == 21
    assert document["terrain"]["status"] == "local minimum" and document["terrain"]["optimum"]["kind"] == "minimum"
    assert set(document["terrain"]["optimum"]["box"]["a"]) == {"mid", "rad"}
    assert document["explanation"][0]["key"] == "ended"
    markdown = page.read_text(encoding="utf-8")
    assert markdown.startswith("# Fit: logistic\n") and "```text" in markdown and "∂L/∂a" in markdown


def test_a_fit_prints_itself() -> None:
    fit = dx.fit("squared_error", DATA, START, steps=2)
    assert str(fit).startswith("FIT  stopped") and repr(fit).startswith("<Fit of squared_error: stopped")
    assert to_text(fit, width=80, ascii=True).isascii()


def test_a_table_of_ones_own(capsys: Output, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("x,y\n0,1.1\n1,2.9\n2,5.2\n3,6.9\n", encoding="utf-8")
    arguments = ["fit", "(a*x + b - y)**2", "--at", "a=0,b=0", "--data", str(table), "--lr", "0.1", "--steps", "3"]
    assert main([*arguments, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["data"] == str(table) and document["n"] == 4
    assert float(document["terrain"]["optimum"]["box"]["a"]["mid"]) == pytest.approx(1.97)


# --------------------------------------------------------------------------------------------------------------- figures
def test_the_loss_curve_is_data() -> None:
    fit = dx.fit("squared_error", DATA, START, lr=0.1, steps=20)
    figure = fit.figure()
    (series,) = figure.layers  # both methods: no plot could tell them apart
    assert isinstance(series, Series) and series.name == "symbolic float64 = reverse float64"
    assert series.x == tuple(map(float, range(21))) and series.y == tuple(place.loss for place in fit.path)
    assert (figure.x.label, figure.y.label, figure.y.scale) == ("step", "loss", "log")
    assert figure.to_dict()["layers"][0]["kind"] == "series" and figure.to_dict()["layers"][0]["joined"] is True


def test_matplotlib_draws_it_and_its_absence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = dx.fit("squared_error", DATA, START, lr=0.1, steps=5)
    axes = fit.plot().axes[0]
    assert axes.get_yscale() == "log" and list(axes.lines[0].get_xdata()) == list(map(float, range(6)))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="python -m pip install"):
        fit.plot()


@pytest.mark.parametrize("y", [
    (1.0,), (1.0, 1.0), (0.0, -3.0, 2.0), (1e-300, 1e300), (1.21361, 1.21359, 1.21358), (5e-324, 1.0),
])  # fmt: skip
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_shows_any_numbers(y: tuple[float, ...], width: int) -> None:
    scale = "log" if min(y) > 0 else "linear"
    series = Series("one", tuple(map(float, range(len(y)))), y)
    lines = draw(Figure("Title", "", Axis("step"), Axis("loss", scale=scale), (series, series)), width)  # type: ignore[arg-type]
    assert all(len(line) <= max(30, width) for line in lines)
    assert sum("one" in line for line in lines) == 2
    assert any("┤" in line for line in lines)


def test_numbers_beyond_doubles_are_null_in_the_document() -> None:
    fit = dx.fit("squared_error", lr=1e300, steps=3)
    document = json.loads(fit.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert document["runs"][0]["last"]["loss"] is None and document["explanation"][0]["sentence"].startswith("diverged")


def test_a_gradient_that_is_not_finite_ends_a_run() -> None:
    fit = dx.fit("sqrt(a)", at={"a": 0.0}, steps=5, methods="reverse")
    assert fit.run.steps == 0 and fit.run.ended == "the gradient is not finite"
    assert fit.explanation[0].sentence.startswith("stopped: after 0 steps the gradient is not finite")


def test_scipy_may_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does with an error where a step leads beyond all numbers."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise ValueError("array must not contain infs or NaNs")

    monkeypatch.setattr("scipy.optimize.minimize", refuse)
    fit = dx.fit("log_cosh", optimizer="lbfgs", steps=5, methods="reverse")
    assert fit.run.steps == 0 and fit.run.ended == "SciPy gave up: array must not contain infs or NaNs"
    assert fit.terrain.status in ("unknown", "local minimum")


@pytest.mark.parametrize(
    ("formula", "start", "expected"),
    [
        ("a**4 - a**2", 0.0, "stopped 0.25 above the lowest minimum, −0.25"),  # a maximum, where the loss is 0
        ("(a - 1)*(a - 2)", 1.0, "stopped 0.25 above the minimum, −0.25"),  # a root of the loss
        ("(a - 1)**2", 1.0, "arrived at the minimum"),
    ],
)
def test_a_loss_of_0_is_held_against_the_minimum_as_any_other(formula: str, start: float, expected: str) -> None:
    assert expected in str(dx.fit(formula, at={"a": start}, lr=1e-9, steps=3))


def test_a_step_out_of_the_domain_is_no_divergence() -> None:
    """From 1 at the rate ½, √a goes to 0.75, 0.4613 and 0.0932, and then below 0."""
    fit = dx.fit("sqrt(a)", at={"a": 1.0}, lr=0.5)
    assert fit.run.steps == 4 and fit.run.ended == "the loss is not a number"
    said = fit.explanation[0].sentence
    assert said.startswith("stopped: step 4 ends at a = -0.7254, where the loss is not a number")
    assert said.endswith("; the lowest loss was 0.305, after 3 steps, and is kept")
    assert "(eigenvalue −0.25)" in str(fit)


def test_a_start_beyond_the_dtype_names_the_dtype() -> None:
    """exp(exp(5)) = 2.85e64 is a double and no single."""
    with pytest.raises(UsageError, match="the loss is inf at the start, a = 5, in float32: start"):
        dx.fit("exp(exp(a))", at={"a": 5.0}, dtype=["float32", "float64"])


def test_values_of_five_parameters_have_room() -> None:
    names = "abcdf"
    fit = dx.fit(" + ".join(f"{name}**2" for name in names), at=dict.fromkeys(names, 1.0), lr=1e-3, steps=100)
    page = to_text(fit, width=80).splitlines()
    start = next(i for i, line in enumerate(page) if line.startswith("  start"))
    assert [line.split()[0] for line in page[start : start + 3]] == ["start", "both,", "minimum"]
    assert "a, b, c, d and f have 82 % of their way to go" in " ".join(" ".join(page).split())


def test_what_falls_without_an_end_has_no_lowest_place() -> None:
    """a³ is −∞ at the far end: its value near 0 is not its lowest."""
    fit = dx.fit("a**3", at={"a": 1.0}, lr=0.01, steps=20)
    assert fit.terrain.status == "falls"
    assert "lowest found" not in str(fit)
