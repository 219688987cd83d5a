"""What somebody tries first: classes of modules, columns of other names, names that do not exist."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import sympy
import torch

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.errors import UsageError

Output = pytest.CaptureFixture[str]

MODULES = """
import torch

class Gate(torch.nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)

class Scaled(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
    def forward(self, x):
        return self.factor * x

class Raises(torch.nn.Module):
    def __init__(self):
        raise RuntimeError("no such file")

class Plain:
    pass

def nothing():
    return torch.tensor(1.0)

def returns_gradient(a, x):
    return (2 * a * x).mean(), x
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODULES)
    (tmp_path / "people.csv").write_text("height,weight\n1.7,70\n1.8,80\n")
    monkeypatch.chdir(tmp_path)


def refusal(arguments: list[str], capsys: Output) -> str:
    assert main(arguments) == 2
    found = capsys.readouterr()
    assert found.out == ""
    return found.err


@pytest.mark.usefixtures("modules")
def test_a_class_of_modules_is_verified_as_its_instance(capsys: Output) -> None:
    """The command in the question passes as it is."""
    question = refusal(["verify", "mine.py:Gate"], capsys)
    _, _, command = question.partition("such as: diffexplore ")
    assert main(shlex.split(command)) == 0
    assert "Gate agrees with the truth" in capsys.readouterr().out
    assert main(["prove", "mine.py:Gate"]) == 0


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("command", ["verify", "prove"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Scaled", "mine.py:Scaled is a class of modules, which takes factor: name an instance of it"),
        ("Raises", "mine.py:Raises raises RuntimeError: no such file"),
        ("Plain", "Plain is a class: give an instance of it"),
    ],
)
def test_a_class_without_an_instance_is_refused(command: str, name: str, message: str, capsys: Output) -> None:
    assert message in refusal([command, f"mine.py:{name}"], capsys)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "mine.py:nothing"], "mine.py:nothing takes no argument that must be given"),
        (
            ["verify", "mine.py:returns_gradient", "--loss", "a**2*x", "--at", "a=1", "--samples", "3"],
            "(where it returns the gradient: --kind gradient, in Python kind='gradient')",
        ),
        (
            ["report", "(a*x - y)**2", "--data", "people.csv", "--at", "a=1"],
            "x, y are not columns of people.csv: give --columns x=…,y=… (the columns are height, weight)",
        ),
        (
            ["report", "(a*x - y)**2", "--data", "people.csv"],
            "are not columns of people.csv: give --columns x=…,y=… and --at a=… (the columns are height, weight)",
        ),
        (["list", "nosuch"], "unknown name 'nosuch': diffexplore list shows all losses, methods and functions"),
        (["list", "perpendiculr"], "unknown name 'perpendiculr': did you mean 'perpendicular'?"),
    ],
)
def test_what_is_missing_is_named(arguments: list[str], message: str, capsys: Output) -> None:
    assert message in refusal(arguments, capsys)


class Gate(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(x)


@pytest.mark.parametrize(
    "given",
    [lambda: dx.verify(Gate, at={"x": 1.0}), lambda: dx.prove(Gate), lambda: dx.check(Gate, at={"x": 1.0})],
    ids=["verify", "prove", "check"],
)
def test_a_class_in_python_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match=r"Gate is a class: give an instance of it, as in Gate\(\), or a function"):
        given()


def test_the_value_of_the_loss_is_no_method() -> None:
    """10^343 is no double: the loss has a row of its own, beside those of ten methods."""
    report = dx.check("exp(a)*1e300", at={"a": 100.0})
    assert {row.method for row in report.rows} > {"loss", "reverse"}
    methods = {row.method for row in report.rows} - {"loss"}
    assert f"{len(methods)} methods on one evaluation" in str(report)


@pytest.mark.usefixtures("causes_unsought")
def test_probes_and_their_comparisons_are_counted_apart() -> None:
    def twice(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((a * x + b - y) ** 2 / (a**2 + 1)).mean()

    report = dx.verify(twice, "perpendicular")
    probes = [row for row in report.rows if row.probe is not None]
    places = {(row.parameter, row.of, row.probe, tuple(row.point.items())) for row in probes}
    assert len(probes) > len(places) > 1
    assert f"{len(places)} probes (where an error shows more clearly), {len(probes)} comparisons: " in str(report)


def test_a_value_that_follows_from_a_cause_is_not_called_unexplained() -> None:
    """b² beside the loss: its gradient by b is off by 2 b, and the loss by b²."""

    def decayed(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean() + b**2

    text = str(dx.verify(decayed, "perpendicular"))
    assert "weight decay" in text and "L at a=2.5 b=1" in text
    assert "no known mistake" not in text


@pytest.mark.parametrize(
    ("formula", "gradient"),
    [("1e300*a", "1e300"), ("a*12e20", "12e20"), ("a/3e25 + 100000*a**2", "1/3e25 + 200000*a")],
)
def test_long_rows_of_zeros_are_exponents(formula: str, gradient: str) -> None:
    """What is printed is read back as the same number."""
    from diffexplore.formula.parse import parse
    from diffexplore.formula.text import to_text

    derived = parse(formula).diff(sympy.Symbol("a", real=True))
    text = to_text(derived)
    assert text.count("000000") == 0 and "e" in text
    assert parse(text) == derived == parse(gradient)


def test_a_steep_start_overflows_silently(recwarn: pytest.WarningsRecorder) -> None:
    """The gradient is exp(700) = 1e304 by both: its square is no double."""
    explorer = dx.explore("exp(a)*b", at={"a": 700.0, "b": 1.0})
    assert explorer is not None
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


# ------------------------------------------------------------------------------------- what is one word, or held inside
@pytest.mark.parametrize(
    ("command", "word", "said"),
    [
        ("fit", "a", "unknown loss 'a': as a formula the symbol alone is '(a)'; the names of losses are"),
        ("report", "xy", "unknown loss 'xy': as a formula the product is 'x*y', and the symbol alone is '(xy)'"),
        ("derive", "x1", "unknown loss 'x1': as a formula the symbol alone is '(x1)'"),
        ("graph", "theta", "unknown loss 'theta': choose from absolute_error"),
        ("graph", "theta", "; as a formula the symbol alone is '(theta)'"),
        ("report", r"\frac{a}", "error: cannot read the formula as LaTeX: it ends where an argument should be"),
    ],
)
def test_a_word_that_is_no_loss_may_be_a_formula(
    command: str, word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, word]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert error.count("LaTeX") <= 1


@pytest.mark.parametrize(("text", "said"), [("a,a", "two different parameters of a, b"), ("a,", "''"), ("q", "'q'")])
def test_axes_that_cannot_be_drawn(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--axes", text]) == 2
    assert said in capsys.readouterr().err


_MODULE = """
import torch


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(2.0))
        self.b = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x, y):
        return ((self.a * x + self.b - y) ** 2).mean()


line = Line()
"""


def test_a_module_with_parameters_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own forward pass takes them as constants: only a loss says what their gradient should be."""
    file = tmp_path / "mine.py"
    file.write_text(_MODULE)
    where = f"{file}:line"
    assert main(["verify", where]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"a, b are parameters that {where} holds itself" in error
    assert f"as in diffexplore verify {where} --loss FORMULA --at a=2,b=1; for partials by x, y alone" in error
    assert main(["verify", where, "--at", "a=1"]) == 2
    assert "a is a parameter that" in capsys.readouterr().err
    told = ["--loss", "(a*x + b - y)**2", "--at", "a=2,b=1", "--samples", "4"]
    assert main(["verify", where, *told, "--quiet"]) == 0
    assert main(["verify", where, "--wrt", "x,y", "--samples", "4", "--quiet"]) == 0
