"""What a mistyped name may mean: near names only, by one measure, in every command."""

from __future__ import annotations

import pytest

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.functions import FUNCTIONS
from diffexplore.methods import names
from diffexplore.suggestions import did_you_mean, near

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("name", "choices", "meant"),
    [
        ("sqroot", FUNCTIONS, "sqrt"), ("Log", FUNCTIONS, "log"), ("sgn", FUNCTIONS, "sign"), ("fabs", FUNCTIONS, "abs"),
        ("fract", FUNCTIONS, None), ("airyai", FUNCTIONS, None), ("hankel", FUNCTIONS, None), ("", FUNCTIONS, None),
        ("nosuch", dx.losses.names(), None), ("perpendiclar", dx.losses.names(), "perpendicular"),
        ("huber_loss", dx.losses.names(), "huber"), ("squared", dx.losses.names(), "squared_error"),
        ("central", names(), "central_difference"), ("numpyy", names(), "numpy"), ("torch", names(), None),
        ("gpu", ("auto", "cpu", "cuda"), "cuda"), ("xpu", ("auto", "cpu", "cuda"), "cpu"),
        ("double", ("float64", "float32"), "float64"), ("gpu", ("auto", "cpu"), "cpu"), ("average", ("mean", "sum"), "mean"),
    ],
)  # fmt: skip
def test_only_a_near_name_is_meant(name: str, choices: tuple[str, ...], meant: str | None) -> None:
    assert near(name, choices, most=1) == ([] if meant is None else [meant])
    assert did_you_mean(name, choices) == (f"did you mean {meant!r}?" if meant else "")


def test_the_likeliest_come_first_and_no_more_than_wanted() -> None:
    assert near("lgama", ["lgamma", "igamma", "mvlgamma", "sin"], most=2) == ["lgamma", "mvlgamma"]
    assert near("lgama", ["sin", "cos"], most=3) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "fract(a*x)", "--at", "a=1", "--points", "5"],
         "unknown function 'fract': diffexplore list shows the functions that a formula may have"),
        (["derive", "sqroot(x)"], "unknown function 'sqroot': did you mean 'sqrt'?"),
        (["derive", "f(x)"], "unknown function 'f' (to multiply, write '*' before the parenthesis)"),
        (["report", "Σ(a*x)/N", "--at", "a=2"], "a formula is that of one sample: leave out Σ(…), or write mean[…]"),
        (["report", "nosuch"], "unknown loss 'nosuch': choose from absolute_error, "),
        (["derive", "hubert"], "unknown loss 'hubert': did you mean 'huber'?"),
        (["report", "--device", "gpu"], "unknown device 'gpu': did you mean 'cuda'?"),
        (["report", "--dtype", "half"], "unknown dtype 'half': did you mean 'float16'?"),
        (["report", "--methods", "backwards"], "unknown method 'backwards': did you mean 'backward'?"),
        (["audit", "--only", "lgama"], "no entry 'lgama': did you mean 'lgamma' or 'mvlgamma' or 'igamma'?"),
        (["audit", "--only", "nosuch"], "no entry 'nosuch': diffexplore audit --all lists them all"),
        (["reprot"], "unknown command 'reprot': did you mean 'report'? (see diffexplore --help)"),
        (["xyz"], "unknown command 'xyz': choose from audit, bench, derive, fit, graph, list, prove, report, verify"),
        (["graph", "a*x", "--svgg", "f"], "unknown option '--svgg': did you mean '--svg'? (see diffexplore graph --help)"),
        (["graph", "a*x", "--zzz"], "unknown option '--zzz' (see diffexplore graph --help)"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)  # fmt: skip
def test_every_command_suggests_alike(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(arguments) == 2
    out = capsys.readouterr()
    assert message in out.err
    assert out.err.count("\n") == 1
    assert out.out == ""
