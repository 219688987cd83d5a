"""What follows from loose bounds is not stated: acos has no value beyond 1, where its derivative has none."""

from __future__ import annotations

import pytest
import sympy
import torch
from representatives import these

import diffexplore as dx
from diffexplore.decide import decide_equal
from diffexplore.decide.domain_conditions import DomainCondition, conditions
from diffexplore.decide.regions import Region

x, y = sympy.symbols("x y", real=True)

ENDS = {
    "acos": ("a ≠ −1", "a ≠ 1"), "asin": ("a ≠ −1", "a ≠ 1"), "atanh": ("a ≠ −1", "a ≠ 1"), "acosh": ("a ≠ 1",),
    "logit": ("a ≠ 0",), "sqrt": ("a ≠ 0",), "log": (),
}  # fmt: skip


@pytest.mark.parametrize("name", these(["acos", "acosh", "logit"], ENDS))
def test_functions_of_a_part_of_the_line_are_proved_for_every_input(name: str) -> None:
    """But for ends, at which they have a value and no derivative."""
    proof = dx.prove(lambda a: getattr(torch, name)(a), parameters="a", data="")
    assert (proof.status, proof.exclusions, set(proof.conditions)) == ("proved", (), set(ENDS[name]))


def left(need: tuple[sympy.Expr, str], *given: sympy.Expr) -> list[str]:
    known = [DomainCondition(expr, "nonnegative") for expr in given]
    return [one.text() for one in conditions([DomainCondition(*need)], known, Region())]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("need", "given", "stated"),
    [
        ((1 - x, "nonnegative"), [1 - x**2], []),
        ((1 - 2 * x, "nonnegative"), [(1 - 2 * x) * (3 + x)], []),
        ((x + 1, "positive"), [x - 1], []),
        ((x**2 - 1, "positive"), [x - 1], ["x ≠ 1"]),
        ((x, "nonnegative"), [x / (1 - x)], []),
        ((x * y, "nonnegative"), [x, y], []),
        ((x * (y + 1), "nonzero"), [x, y], ["x ≠ 0"]),
        # none of these follow
        ((x, "nonnegative"), [x * (x - 1)], ["x ≥ 0"]),
        ((y, "nonnegative"), [x**2 * y], ["y ≥ 0"]),
        ((y, "nonnegative"), [x * y], ["y ≥ 0"]),
        ((1 - x, "nonnegative"), [4 - x**2], ["x ≤ 1"]),
        ((y, "nonnegative"), [x, -x], ["y ≥ 0"]),
        ((x - y, "positive"), [x, y], ["x − y > 0"]),
    ],
)
def test_what_is_left_of_a_need(need: tuple[sympy.Expr, str], given: list[sympy.Expr], stated: list[str]) -> None:
    assert left(need, *given) == stated


def test_bounds_that_meet_in_a_point_prove_nothing_there() -> None:
    """x ≥ 0 and x ≤ 0 leave x = 0, at which √(y²) + x is no y."""
    root = sympy.sqrt((y + 1) ** 2 - 2 * y - 1)
    assert decide_equal(sympy.sqrt(x) + sympy.sqrt(-x) + root, sympy.sqrt(x) + sympy.sqrt(-x) + y).status != "proved"
