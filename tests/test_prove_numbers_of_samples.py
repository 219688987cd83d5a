"""Programs that ask for the number of their samples, or take its name, are read for all numbers, or for those that are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import these

import diffexplore as dx

Tensor = torch.Tensor


def right(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).mean()


def cut(a: Tensor, x: Tensor) -> Tensor:
    return (a.detach() * x).mean() + 0 * a


# ------------------------------------------------------------------------------------ numbers of samples


def branch(asks: Callable[[Any], Any], taken: Any, otherwise: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, x: taken(a, x) if asks(x.shape[0]) else otherwise(a, x)


def total(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).sum()


ASKS: dict[str, Callable[[Any], Any]] = {
    "more than 8": lambda n: n > 8,
    "at most 4": lambda n: n <= 4,
    "5": lambda n: n == 5,
    "not 3": lambda n: n != 3,
    "even": lambda n: n % 2 == 0,
    "one of three": lambda n: n % 3 == 1,
    "halves": lambda n: n // 2 > 3,
    "square": lambda n: n**2 > 50,
    "two numbers": lambda n: n in (4, 7),
    "more than 40": lambda n: n > 40,
}


@pytest.mark.parametrize("name", these(("more than 40",), ASKS))
def test_a_program_that_asks_for_the_number_of_samples_is_proved_for_all_of_them(name: str) -> None:
    proof = dx.prove(branch(ASKS[name], right, total), parameters="a", data="x")
    assert (proof.status, proof.samples, proof.conditions) == ("proved", None, ())


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("name", "wrong_where"),
    these(
        [("5", False), ("one of three", True)],
        [(name, where) for name in ASKS for where in (True, False)],
    ),
)
def test_a_wrong_branch_is_found_at_a_number_of_samples_that_takes_it(name: str, wrong_where: bool) -> None:
    asks = ASKS[name]
    program = branch(asks, cut, right) if wrong_where else branch(asks, right, cut)
    proof = dx.prove(program, parameters="a", data="x")
    assert proof.status == "refuted"
    (statement,) = proof.refuted
    found = statement.decision.counterexample
    assert found is not None
    size = found.n or sum(symbol.startswith("x_") for symbol in found.point)
    if size:
        assert asks(size) == wrong_where


def test_numbers_of_samples_that_cannot_be_read_are_named() -> None:
    def sorts(a: Tensor, x: Tensor) -> Tensor:
        return torch.special.airy_ai(a * x).mean() if x.shape[0] == 5 else right(a, x)

    proof = dx.prove(sorts, parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("proved", ("N ≠ 5",))


def test_a_right_program_is_not_refuted_where_another_branch_runs() -> None:
    """For more than 8 samples its gradient differs from that of the formula for fewer."""
    few = branch(lambda n: n > 8, lambda a, x: (a**2 * x).sum(), right)
    assert dx.prove(few, parameters="a", data="x").status == "proved"


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(("parameters", "data"), [("N", "x"), ("a", "N")])
def test_the_name_of_the_number_of_samples_is_refused_at_once(parameters: str, data: str) -> None:
    function = (lambda N, x: right(N, x)) if parameters == "N" else (lambda a, N: right(a, N))
    with pytest.raises(dx.UsageError, match="N is the number of samples: give the argument of that name another one"):
        dx.prove(function, parameters=parameters, data=data)


def test_without_samples_an_argument_may_be_called_n() -> None:
    assert dx.prove(lambda N: N**2, parameters="N", data="").status == "proved"


@pytest.mark.parametrize("size", [math.sqrt, float, lambda n: sum(1.0 for _ in range(n))])
def test_python_numbers_made_of_the_number_of_samples_are_read_for_four(size: Callable[[Any], float]) -> None:
    proof = dx.prove(lambda a, x: (a * x).sum() / size(x.shape[0]), parameters="a", data="x")
    assert (proof.status, proof.samples) == ("proved", 4)
