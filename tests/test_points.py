"""Points: what they accept, and the one clear line for what they refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from diffexplore import losses
from diffexplore.errors import UsageError
from diffexplore.inputs.points import make_points, parse_at
from diffexplore.loss import Loss

LINE = Loss("(slope*x + b - y)**2", parameters="slope, b", data="x, y")


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 200
    return message


def test_none_takes_the_default_points() -> None:
    assert make_points(losses.get("perpendicular")) == ({"a": 0.0, "b": 0.0}, {"a": 2.5, "b": 1.0})


def test_a_loss_without_parameters_has_one_empty_point() -> None:
    assert make_points(Loss("x*y", parameters=(), data="x, y")) == ({},)


def test_one_point_or_several_in_the_order_of_the_parameters() -> None:
    (point,) = make_points(LINE, {"b": 2, "slope": 1})
    assert list(point.items()) == [("slope", 1.0), ("b", 2.0)]
    assert all(type(value) is float for value in point.values())
    assert make_points(LINE, [{"slope": 1, "b": 2}, {"slope": 3, "b": 4}])[1] == {"slope": 3.0, "b": 4.0}


@pytest.mark.parametrize(
    "value",
    [1.5, Fraction(3, 2), Decimal("1.5"), np.float32(1.5), np.array(1.5), torch.tensor(1.5, requires_grad=True)],
    ids=lambda value: type(value).__name__,
)
def test_real_numbers_of_any_kind_are_accepted(value: Any) -> None:
    (point,) = make_points(LINE, {"slope": value, "b": 0})
    assert point["slope"] == 1.5 and type(point["slope"]) is float


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (None, "no point is given: the loss needs a value for slope, b"),
        ([], "no point is given: name at least one, such as {'slope': 1.0, 'b': 1.0}"),
        ({"slope": 1.0}, "the point {slope=1.0} has no value for b"),
        ({}, "the point {} has no value for slope, b"),
        ({"slop": 1.0, "b": 1.0}, "unknown parameter 'slop': did you mean 'slope'?"),
        ({"q": 1.0}, "unknown parameter 'q': the loss has slope, b"),
        ({"slope": 1.0, "b": 1.0, "x": 2.0}, "'x' is data of the loss: a point has values for its parameters only"),
        ({"slope": float("nan"), "b": 1.0}, "the value of 'slope' is nan, not a finite number"),
        ({"slope": 1.0, "b": -np.inf}, "the value of 'b' is -inf, not a finite number"),
        ({"slope": 1.0, "b": 10**400}, "the value of 'b' is beyond the range of float64"),
        ({"slope": True, "b": 1.0}, "the value of 'slope' is True, not a real number"),
        ({"slope": np.True_, "b": 1.0}, "the value of 'slope' is True, not a real number"),
        ({"slope": "1.3", "b": 1.0}, "the value of 'slope' is '1.3', not a real number"),
        ({"slope": None, "b": 1.0}, "the value of 'slope' is None, not a real number"),
        ({"slope": 1j, "b": 1.0}, "the value of 'slope' is 1j, not a real number"),
        ({"slope": [1.0], "b": 1.0}, "the value of 'slope' is [1.0], not a real number"),
        ({"slope": np.ones(2), "b": 1.0}, "the value of 'slope' is array([1., 1.]), not a real number"),
        ("slope=1,b=2", "a point should map each parameter to a number, such as {'slope': 1.0, 'b': 1.0}, not 'slope"),
        (3.0, "a point should map each parameter to a number"),
        ([1.0, 2.0], "a point should map each parameter to a number"),
    ],
    ids=lambda value: str(value)[:24] if not isinstance(value, str) else "",
)
def test_an_unusable_point_is_refused(at: Any, message: str) -> None:
    assert refusal(make_points, LINE, at).startswith(message)


def test_a_value_for_a_loss_without_parameters_is_refused() -> None:
    loss = Loss("x*y", parameters=(), data="x, y")
    assert refusal(make_points, loss, {"a": 1.0}) == "unknown parameter 'a': the loss has none"


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("a=1.3,b=0.7", {"a": 1.3, "b": 0.7}),
        (" a = -1e-3 , b=+.5", {"a": -1e-3, "b": 0.5}),
        ("α=2.", {"α": 2.0}),
        ("w1=12E2", {"w1": 1200.0}),
        ("\N{MICRO SIGN}=1", {"\N{GREEK SMALL LETTER MU}": 1.0}),
        ("a=pi/2,b=-sqrt(2)", {"a": math.pi / 2, "b": -math.sqrt(2)}),
        ("a=1/3,b=2^-3", {"a": 1 / 3, "b": 0.125}),
        ("a=atan2(1, 2), b=e", {"a": math.atan2(1, 2), "b": math.e}),
        ("a=1_000", {"a": 1000.0}),
    ],
)
def test_at_is_read_as_it_is_written(text: str, point: Mapping[str, float]) -> None:
    assert parse_at(text) == point


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1,a=2", "cannot read the point 'a=1,a=2': 'a' comes twice"),
        ("", "cannot read the point '': '' is not name=value, as in a=1.3,b=0.7"),
        ("a=1,", "cannot read the point 'a=1,': '' is not name=value"),
        ("a=1,3", "cannot read the point 'a=1,3': '3' is not name=value"),
        ("a", "cannot read the point 'a': 'a' is not name=value"),
        ("=1", "cannot read the point '=1': '=1' is not name=value"),
        ("a b=1", "cannot read the point 'a b=1': 'a b=1' is not name=value"),
        ("a=", "the value of 'a' is '', not a number such as 1.3, 1e-3 or pi/2"),
        ("a=1=2", "the value of 'a' is '1=2', not a number"),
        ("a=one", "the value of 'a' is 'one', not a number"),
        ("a=nan", "the value of 'a' is 'nan', not a number"),
        ("a=inf", "the value of 'a' is 'inf', not a number"),
        ("a=1/0", "the value of 'a' is '1/0', not a number such as 1.3, 1e-3 or pi/2: division by zero"),
        ("a=pi/b", "the value of 'a' is 'pi/b', not a number such as 1.3, 1e-3 or pi/2: 'b' has no value"),
        ("a=sqrt(-1)", "the value of 'a' is 'sqrt(-1)', not a number"),
        ("a=2pi", "the value of 'a' is '2pi', not a number such as 1.3, 1e-3 or pi/2: cannot read the formula near"),
        ("a=exp(1000)", "the value of 'a', exp(1000), is beyond the range of float64"),
        ("a=9**9**9**9", "the value of 'a' is '9**9**9**9', not a number"),
        ("a=__import__('os')", "the value of 'a' is \"__import__('os')\", not a number"),
        ("a=-1e999", "the value of 'a', -1e999, is beyond the range of float64"),
    ],
)
def test_an_unreadable_at_is_refused(text: str, message: str) -> None:
    assert refusal(parse_at, text).startswith(message)
