"""Domains that no input meets are refused by name, wherever they are given; narrow ones break nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.cli.main import main

EMPTY = [
    ["x > 1", "x < 0"],
    ["x > 1 and x < 1"],
    ["x == 1", "x == 2"],
    ["a*x > 1", "a*x < 0"],
    ["a > 0", "x > a", "x < 0"],
    ["x**2 <= 1", "x**2 > 1"],
    ["exp(a) + x < 0", "x >= 0"],
    ["abs(a) + x < 0", "2*x > 1"],
    ["x == a", "a > 1", "x < 0"],
]

NOT_EMPTY = [
    ["x >= 1", "x <= 1"],
    ["x > 0", "x != 1"],
    ["x > 0 or x < 0", "x < 1"],
    ["a*x > 1", "x < 0"],
    ["x**2 >= 0", "x**2 <= 0"],
    ["exp(a) + x > 0", "x < 0"],
    ["x > sqrt(2)", "x < 3/2"],
    ["x == a", "x > 1"],
]


def candidate(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (a * x**2).mean()


def _of_a_loss(domain: list[str]) -> object:
    return dx.Loss("a*x**2", parameters="a", data="x", domain=domain)


def _of_a_proof(domain: list[str]) -> object:
    return dx.prove(candidate, parameters="a", data="x", domain=domain)


def _of_both(domain: list[str]) -> object:
    """The conditions of the loss and those of the call exclude each other."""
    loss = dx.Loss("a*x**2", parameters="a", data="x", domain=domain[0])
    return dx.prove(candidate, loss, domain=domain[1:])


@pytest.mark.parametrize("use", one_in(2, [_of_a_loss, _of_a_proof]))
@pytest.mark.parametrize("domain", EMPTY, ids=" and ".join)
def test_conditions_that_exclude_each_other_are_refused(domain: list[str], use: Callable[[list[str]], object]) -> None:
    with pytest.raises(dx.UsageError, match="the domain is empty: no input meets all its conditions"):
        use(domain)


def test_the_domain_of_the_loss_counts() -> None:
    with pytest.raises(dx.UsageError, match=r"the domain is empty: no input meets all its conditions, x < 0 and x > 1"):
        _of_both(["x > 1", "x < 0"])


@pytest.mark.parametrize("text", ["x**2 < 0", "x != x", "exp(x) < 0", "1 > 2"])
@pytest.mark.parametrize("use", [_of_a_loss, _of_a_proof])
def test_a_condition_that_never_holds_is_refused(text: str, use: Callable[[list[str]], object]) -> None:
    with pytest.raises(dx.UsageError, match="never holds"):
        use([text])


@pytest.mark.parametrize("domain", NOT_EMPTY, ids=" and ".join)
def test_what_may_be_met_is_no_empty_domain(domain: list[str]) -> None:
    assert dx.Loss("a*x**2", parameters="a", data="x", domain=domain).domain


def test_the_command_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "program.py"
    path.write_text("def loss(a, x):\n    return (a * x**2).mean()\n", encoding="utf-8")
    given = [f"{path}:loss", "--wrt", "a", "--domain", "x > 1 and x < 0"]
    assert main(["prove", *given]) == 2
    assert capsys.readouterr().err == (
        "error: the domain is empty: no input meets all its conditions, x > 1 and x < 0\n"
    )


def test_a_narrow_domain_in_which_no_probe_is_found_leaves_a_check_open() -> None:
    loss = dx.Loss("a*x**2", parameters="a", data="x", domain=["x >= 1", "x <= 1"])
    report = dx.check(loss, {"x": [0.5, 2.0]}, {"a": 1.0})
    assert report.verdict == "inconclusive"
    proof = dx.prove(candidate, loss)
    assert proof.status == "unknown"
    decision = proof.statements[0].decision
    assert decision.ended == decision.tried[-1:]
    assert decision.ended == ("no point was found in the domain at which both sides have a value",)
