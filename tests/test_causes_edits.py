"""Causes that are one small change of the loss: a constant, a coefficient, a sign, a term; each explains all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import these

import diffexplore as dx

Tensor = torch.Tensor

DATA = {"x": [0.5, 1.5, -2.0, 3.0, 0.25, 1.0], "y": [1.0, -0.5, 2.0, 4.0, 0.125, -3.0]}
AT = {"a": 0.75, "b": -1.25}
LOSS = "(a*x + b - y)**2/(a**2 + 1)"


def of(residual: Callable[..., Tensor], denominator: Callable[[Tensor], Tensor] = lambda a: a * a + 1) -> Any:
    def candidate(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (residual(a, b, x, y) ** 2 / denominator(a)).mean()

    return candidate


def with_added(added: Callable[..., Tensor]) -> Any:
    def candidate(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x + b - y) ** 2 / (a * a + 1)).mean() + added(a, b, x, y)

    return candidate


#: A candidate, and by the parameter (or the value) the key of the cause and what its message says.
CASES: dict[str, tuple[Any, dict[str, tuple[str, str]]]] = {
    "a constant added to the loss": (
        with_added(lambda a, b, x, y: torch.tensor(0.75)),
        {"(value)": ("added_constant", "the constant 0.75 is added to the loss, which changes no gradient")},
    ),
    "a multiple of a parameter": (
        with_added(lambda a, b, x, y: 0.1 * b),
        {"(value)": ("extra_term", "0.1 times b were added"), "b": ("extra_term", "an extra constant 0.1")},
    ),
    "a multiple of a parameter in each sample": (
        with_added(lambda a, b, x, y: 0.3 * (a * x).mean()),
        {"(value)": ("extra_term", "0.3 times a·x"), "a": ("extra_term", "0.3 times a·x were added to the loss")},
    ),
    "a product of parameters": (
        with_added(lambda a, b, x, y: 0.5 * a * b),
        dict.fromkeys(("(value)", "a", "b"), ("extra_term", "0.5 times a·b were added")),
    ),
    "weight decay": (
        with_added(lambda a, b, x, y: 0.01 * (a * a + b * b)),
        {"(value)": ("extra_term", "squared parameters"), "a": ("extra_term", "a itself (weight decay?)")},
    ),
    "the sign of one term": (
        of(lambda a, b, x, y: a * x + b + y),
        dict.fromkeys(("(value)", "a", "b"), ("sign_of_term", "wrong sign")),
    ),
    "a term missing": (
        of(lambda a, b, x, y: a * x - y + 0 * b),
        dict.fromkeys(("(value)", "a"), ("missing_term", "the term b were missing in a·x + b − y")),
    ),
    "a term taken three times": (
        of(lambda a, b, x, y: a * x + 3 * b - y),
        dict.fromkeys(("a", "b"), ("extra_term", "the term b were taken 3 times")),
    ),
    "a constant in the residual": (
        of(lambda a, b, x, y: a * x + b - y + 0.5),
        dict.fromkeys(("(value)", "a", "b"), ("added_constant", "0.5 were added to a·x + b − y")),
    ),
    "a small whole number": (
        of(lambda a, b, x, y: a * x + b - y, lambda a: a * a + 2),
        dict.fromkeys(("(value)", "a", "b"), ("added_constant", "1 were added to a² + 1")),
    ),
}


#: An edit of each kind; a loss to which something is added, and one of which a part is another.
EACH_TIME = (
    "a constant added to the loss",
    "a multiple of a parameter",
    "the sign of one term",
    "a small whole number",
)


@pytest.mark.parametrize("case", these(EACH_TIME, CASES))
def test_one_change_of_the_loss_is_named_in_every_row(case: str) -> None:
    candidate, expected = CASES[case]
    report = dx.verify(candidate, LOSS, DATA, AT)
    assert report.verdict == "fail"
    for parameter, (key, words) in expected.items():
        causes = [row.cause for row in report.rows if row.parameter == parameter and row.verdict == "fail"]
        assert causes
        for cause in causes:
            assert cause is not None
            assert (cause.key, cause.fields["certain"]) == (key, True), cause.message
            assert words in cause.message
    right = {"a", "b", "(value)"} - {row.parameter for row in report.rows if row.verdict == "fail"}
    assert right.isdisjoint(expected)


def test_a_constant_added_to_a_gradient_is_named() -> None:
    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        r, d = a * x + b - y, a * a + 1
        return (2 * r * x / d - 2 * a * r * r / d**2).mean() + 0.25, (2 * r / d).mean() + 1

    report = dx.verify(gradient, LOSS, DATA, AT, kind="gradient")
    causes = {row.parameter: row.cause for row in report.rows if row.verdict == "fail"}
    for name, number in (("a", "0.25"), ("b", "1")):
        cause = causes[name]
        assert cause is not None
        assert cause.key == "extra_term"
        assert f"an extra constant {number} " in cause.message


def test_two_changes_at_once_are_not_one() -> None:
    """A cause that does not explain every number is not named."""

    def candidate(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x + 3 * b - y + 0.5 * a) ** 2).mean()

    report = dx.verify(candidate, "(a*x + b - y)**2", DATA, AT)
    (cause,) = {row.cause.message: row.cause for row in report.rows if row.parameter == "a" and row.cause}.values()
    assert cause.key == "unexplained" or not cause.fields["certain"]


def test_a_class_that_is_cut_off_is_named_by_its_equality() -> None:
    """An equality of data is a case: what stands on it is no kink to the search for causes, either."""
    loss = dx.Loss("where(y == 1, (a*x)**2, (a*x)**3)", parameters="a", data="x y")
    draw = np.random.default_rng(3)
    data = {"x": draw.normal(size=40), "y": draw.integers(0, 2, 40).astype(float)}

    def detached(a: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = a * x
        return torch.where(y == 1, z.detach() ** 2, z**3).mean()

    report = dx.verify(detached, loss, data, {"a": 0.7})
    causes = {row.cause.key: row.cause.message for row in report.rows if row.verdict == "fail" and row.cause}
    assert "cut_path" in causes or "missing_term" in causes, causes
    assert any("detach" in message and "where y = 1" in message for message in causes.values()), causes
