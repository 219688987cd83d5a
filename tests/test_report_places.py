"""How pages say of what and where: partials by data, losses without parameters, points of many parameters."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from autograd_functions import function_of

import diffexplore as dx
from diffexplore.checking.records import VALUE, Row
from diffexplore.cli.main import main
from diffexplore.render.verdict import headline

Tensor = torch.Tensor
KINK = {"x": [0.0, 0.0]}


def first(report: dx.Report) -> str:
    return headline(report).sentence


@pytest.mark.parametrize(
    ("formula", "parameters", "point", "said"),
    [
        ("abs(x)", "", {}, "could not decide ∂ℓᵢ/∂x: "),
        ("abs(x)*a", "a", {"a": 1.0}, "could not decide ∂ℓᵢ/∂x at a = 1: "),
    ],
)
def test_undecided_partials_by_data_are_those_of_samples(
    formula: str, parameters: str, point: dict[str, float], said: str
) -> None:
    sentence = first(dx.check(dx.Loss(formula, parameters=parameters, data="x"), KINK, point, wrt="x"))
    assert sentence.startswith(said + "the loss has a kink")
    assert not re.search(r"\bat\s*[;:]", sentence)


def test_of_a_candidate_they_are_entries_of_its_gradient() -> None:
    loss = dx.Loss("abs(x)", parameters=(), data="x")
    sentence = first(dx.verify(lambda x: x.abs().mean(), loss, KINK, wrt="x"))
    assert sentence.startswith("could not decide ∂L/∂xᵢ: a convention")


def test_what_only_sub_batches_settle_is_never_the_value_and_has_a_place_only_where_there_is_one() -> None:
    loss = dx.Loss("(x - 3)**2", parameters=(), data="x")
    report = dx.check(loss, {"x": [1.0, 2.5]}, wrt="x")
    assert report.verdict == "pass"
    value = Row(
        VALUE, "loss", {}, None, None, 1.0, None, None, None, None, None, None, None, "inconclusive",
        dx.check(dx.Loss("abs(x)", parameters=(), data="x"), KINK, wrt="x").rows[0].cause,
    )  # fmt: skip
    sentence = first(dataclasses.replace(report, rows=(*report.rows, value)))
    assert "sub-batches" not in sentence and "(value)" not in sentence


@pytest.mark.parametrize("name", ["inputs", "saved"])
def test_what_fails_though_it_is_right_says_what_is_wrong_with_it(name: str) -> None:
    overwrites = function_of(lambda z: z * z, lambda upstream, z: z.mul_(2).mul(upstream))

    def candidate(a: Tensor, x: Tensor) -> Tensor:
        if name == "saved":
            return overwrites.apply(a * x).mean()
        output = ((a * x.clone()) ** 2).mean()
        with torch.no_grad():
            x.add_(1)
        return output

    report = dx.verify(candidate, dx.Loss("(a*x)**2", parameters="a", data="x"), {"x": [1.0, 2.0]}, {"a": 1.5})
    said = {"saved": "is right in a first call alone", "inputs": "is right, but overwrites what it is computed from"}
    assert report.verdict == "fail" and said[name] in first(report)


MANY = [f"w{i}" for i in range(1, 19)]


def many() -> tuple[dx.Loss, dict[str, float]]:
    loss = dx.Loss(
        "(" + " + ".join(f"{name}*x**{i}" for i, name in enumerate(MANY)) + ")**2", parameters=MANY, data="x"
    )
    return loss, {name: 0.125 * (i + 1) for i, name in enumerate(MANY)}


def test_a_point_of_many_parameters_is_printed_once() -> None:
    loss, point = many()
    report = dx.check(loss, {"x": [0.5, -1.25]}, point, methods="symbolic", wrt=MANY[:3])
    page = " ".join(report.to_text(full=True).split())
    listed = ", ".join(f"{name} = {value:g}" for name, value in point.items())
    assert page.count(listed) == 1 and f"the point: {listed}" in page
    assert "∂L/∂w2 at the point below" in page
    assert "point: w1 = 0.125, w2 = 0.25, w3 = 0.375, w4 = 0.5, …, w18 = 2.25" in " ".join(str(report).split())


def test_several_long_points_have_numbers() -> None:
    loss, point = many()
    points = [point, {name: -value for name, value in point.items()}]
    report = dx.check(loss, {"x": [0.5, -1.25]}, points, methods="symbolic", wrt="w1")
    page = " ".join(report.to_text(full=True).split())
    assert "point 1: w1 = 0.125" in page and "point 2: w1 = -0.125" in page
    assert "∂L/∂w1 at point 2 below" in page
    assert "∂L/∂w1 at point 2" in str(report) and "point 2: w1 = -0.125" in str(report)


FILE = """
import torch
def loss(a, b, x, y):
    return ((a * x + b - y) ** 2).mean()
def vector(w, x):
    return (x @ w).tanh().sum()
"""


@pytest.mark.parametrize("command", ["derive", "graph"])
@pytest.mark.parametrize(("name", "more", "wrt"), [("loss", [], "a,b"), ("vector", ["--shapes", "w[2],x[2]"], "w")])
def test_which_arguments_are_parameters_is_asked(
    command: str, name: str, more: list[str], wrt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    assert main([command, f"{file}:{name}", *more]) == 2
    error = capsys.readouterr().err
    call = f"diffexplore {command} {file}:{name} --wrt {wrt}"
    assert "which arguments are parameters?" in error and call in " ".join(error.split()).replace("'", "")
    assert main([command, f"{file}:{name}", "--wrt", wrt, *more]) == 0
    out = capsys.readouterr().out
    assert ("mean[" if command == "derive" else "/N") in out if name == "loss" else "sum[" in out or "Σ(" in out


def test_all_tables_list_every_point_that_they_number() -> None:
    names = [f"w{k}" for k in range(1, 9)]
    loss = dx.Loss("+".join(f"{name}**2" for name in names), parameters=names)
    points = [dict.fromkeys(names, k + 1.23456789) for k in range(6)]
    page = dx.check(loss, at=points, wrt="w1", methods="reverse").to_text(full=True)
    numbers = [str(k) for k in range(1, 7)]
    assert all(f"at point {number} below" in page for number in numbers)
    assert all(f"\npoint {number}: w1 = " in page for number in numbers)
