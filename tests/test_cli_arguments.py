"""What the command line makes of its arguments, before anything is checked."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from diffexplore.cli.arguments import shield_formulas
from diffexplore.cli.loss_argument import loss_to_check, loss_to_derive, partials_of
from diffexplore.cli.main import app
from diffexplore.cli.options import chosen, names_list
from diffexplore.errors import UsageError
from diffexplore.inputs.losses import is_name


@pytest.fixture(scope="module")
def group() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize(
    "formula", ["-x**2 + a", "-x", "-exp(-x)", "-1", "-(a*x)", "--x", "-.5*x", "-sin(x) - y", "--x**2"]
)
def test_a_formula_may_begin_with_a_minus_sign(group: Any, formula: str) -> None:
    shielded = shield_formulas(["derive", formula, "--wrt", "x"], group)
    if formula == "--x":
        assert shielded == ["derive", "--x", "--wrt", "x"]  # looks like an option in every way
    else:
        assert shielded == ["derive", f" {formula}", "--wrt", "x"]


def test_options_and_their_values_stay_as_they_are(group: Any) -> None:
    arguments = [
        "report",
        "perpendicular",
        "--json",
        "-",
        "--seed",
        "-1",
        "--at=a=-1,b=2",
        "--hessian",
        "-h",
        "--no-color",
    ]
    assert shield_formulas(arguments, group) == arguments


def test_a_flag_does_not_hide_the_formula_behind_it(group: Any) -> None:
    assert shield_formulas(["report", "--hessian", "-x + a"], group) == ["report", "--hessian", " -x + a"]


def test_after_two_dashes_everything_is_literal(group: Any) -> None:
    assert shield_formulas(["report", "--", "-x"], group) == ["report", "--", "-x"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("perpendicular", True), ("hyperplane:5", True), ("x", True), ("x + 1", False), ("sin(x)", False), ("2*x", False)],
)
def test_one_word_is_a_name(text: str, name: bool) -> None:
    assert is_name(text) is name


def test_names_lists() -> None:
    assert names_list("--wrt", None) is None
    assert names_list("--wrt", " a, b,a") == ("a", "b")
    with pytest.raises(UsageError, match="--wrt takes names"):
        names_list("--wrt", "a,,b")


def test_choices_name_the_nearest() -> None:
    assert chosen("dtype", "float32", ("float64", "float32")) == "float32"
    with pytest.raises(UsageError, match="did you mean 'float32'"):
        chosen("dtype", "flaot32", ("float64", "float32"))


def check(text: str, *points: dict[str, float], **how: Any) -> Any:
    settings: dict[str, Any] = {"has_data": True, "wrt": None, "reduction": None}
    return loss_to_check(text, points, **(settings | how))


def test_of_a_formula_the_names_in_at_are_parameters_and_the_others_data() -> None:
    loss = check("(a*x - y + b)**2", {"b": 1.0, "a": 2.0})
    assert (loss.parameters, loss.data, loss.reduction) == (("a", "b"), ("x", "y"), "mean")


def test_reduction_applies_to_formulas_and_to_the_catalogue() -> None:
    assert check("a*x", {"a": 1.0}, reduction="sum").reduction == "sum"
    summed = check("perpendicular", reduction="sum")
    assert (summed.reduction, summed.name, summed.parameters) == ("sum", "perpendicular", ("a", "b"))
    assert summed.default_points
    assert check("perpendicular").reduction == "mean"


@pytest.mark.parametrize(
    ("text", "points", "how", "message"),
    [
        ("perpendiculr", [], {}, "unknown loss 'perpendiculr': did you mean 'perpendicular'"),
        ("a*x", [{"a": 1.0}], {"has_data": False}, "no value for x: .*--data FILE or --samples N"),
        ("a*x", [{"a": 1.0, "c": 1.0}], {}, "unknown symbol 'c'"),
        ("a*x", [], {}, "no parameter to differentiate by"),
        ("1 + 2", [], {}, "has no symbol"),
        ("a*(x", [{"a": 1.0}], {}, "formula"),
        ("__import__('os')", [], {}, "__import__"),
    ],
)
def test_what_cannot_be_checked(text: str, points: Any, how: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(text, *points, **how)


def test_derive_takes_every_symbol_unless_told() -> None:
    assert loss_to_derive("-x**2 + a", None).parameters == ("x", "a")
    assert loss_to_derive(" -x**2 + a", ("a",)).data == ("x",)
    assert loss_to_derive("hyperplane:2", None).parameters == ("w1", "w2", "b")
    with pytest.raises(UsageError, match="unknown symbol 'c'"):
        loss_to_derive("x**2", ("c",))


def test_a_loss_without_parameters_is_differentiated_by_its_data() -> None:
    loss = loss_to_derive("graph_sum", None)
    assert partials_of(loss, None) == ("x", "y", "z")
    assert partials_of(loss, ("y",)) == ("y",)
    assert partials_of(loss_to_derive("perpendicular", None), None) == ("a", "b")
