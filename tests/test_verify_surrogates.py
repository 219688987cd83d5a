"""Gradients that are meant to be those of another function: of the identity, or of a smooth step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.cli.main import main

Tensor = torch.Tensor

CODE = """
import torch

class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(4 * x)
        return 4 * g * s * (1 - s)

def smooth(x):
    return torch.sigmoid(4 * x)
"""


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(4 * x)
        return 4 * g * s * (1 - s)


def rounded(x: Tensor, s: Tensor) -> Tensor:
    """A quantiser with a straight-through gradient by x, and none by s."""
    return x + (torch.round(x / s) * s - x).detach()


def vector() -> Tensor:
    return torch.tensor([0.1, -0.4, 1.3], dtype=torch.float64, requires_grad=True)


MEANT = [
    ("sigmoid4", "pass"),
    ("sigmoid4.0", "pass"),
    ("sigmoid(4*x)", "pass"),
    (lambda x: torch.sigmoid(4 * x), "pass"),
    ("sigmoid5", "fail"),
    ("identity", "fail"),
    ("tanh", "fail"),
]


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("surrogate", "verdict"), MEANT)
def test_a_spike_is_held_against_what_its_gradient_is_meant_to_be(surrogate: Any, verdict: str) -> None:
    assert dx.verify(Spike, at={"x": 0.1}, surrogate=surrogate).verdict == verdict
    assert dx.gradcheck(Spike, vector(), surrogate=surrogate, raise_exception=False).verdict == verdict


def test_a_loss_is_a_surrogate_as_well() -> None:
    meant = dx.Loss("sigmoid(4*x)", parameters="x")
    assert dx.verify(Spike, at={"x": 0.1}, surrogate=meant).verdict == "pass"
    assert dx.verify(Spike, meant, at={"x": 0.1}).verdict == "fail"  # its value is another one


def test_a_straight_through_gradient_of_several_arguments() -> None:
    report = dx.assert_gradient(rounded, at={"x": 0.12, "s": 0.3}, surrogate="identity")
    assert [(row.parameter, row.value, row.verdict) for row in report.rows] == [("x", 1.0, "pass"), ("s", 0.0, "pass")]
    assert dx.verify(rounded, at={"x": 0.12, "s": 0.3}, surrogate="(x + s)").verdict == "fail"
    assert dx.gradcheck(rounded, (vector(), torch.tensor(0.3, dtype=torch.float64)), surrogate="identity")
    assert dx.gradcheck(rounded, (vector(), torch.tensor(0.3, dtype=torch.float64)), surrogate="x - 2*s")


@pytest.mark.usefixtures("causes_unsought")
def test_with_an_upstream_gradient_and_by_samples() -> None:
    data = {"x": [0.1, -0.4, 1.3]}
    for surrogate, verdict in (("sigmoid4", "pass"), ("sigmoid5", "fail")):
        report = dx.verify(Spike, data=data, upstream=[1.0, 2.0, -3.0], wrt="x", surrogate=surrogate)
        assert report.verdict == verdict


def test_second_derivatives_are_those_of_the_surrogate() -> None:
    report = dx.verify(Spike, at={"x": 0.1}, surrogate="sigmoid4", modes="double backward")
    assert report.verdict == "pass" and [row.of for row in report.rows] == [None, "x"]


def test_without_a_surrogate_it_is_said_what_to_pass() -> None:
    (row,) = [row for row in dx.verify(Spike, at={"x": 0.1}).rows if row.verdict == "fail"]
    assert row.cause is not None and row.cause.key == "surrogate" and 'surrogate="identity"' in row.cause.message


@pytest.mark.parametrize(
    ("surrogate", "said"),
    [
        ("identiy", "unknown surrogate 'identiy': did you mean 'identity'"),
        ("sigmod4", "unknown surrogate 'sigmod4': did you mean 'sigmoid'"),
        ("hypot2", "unknown surrogate 'hypot2': give 'identity', a function such as 'sigmoid4'"),
        ("sigmoid(4*y)", "unknown symbol of the surrogate 'y': choose from x"),
        ("kernels.py:smooth", "names a function in a file: import it"),
        (3, "surrogate should be 'identity', a function such as 'sigmoid4'"),
    ],
)
def test_one_clear_line_for_what_is_no_surrogate(surrogate: Any, said: str) -> None:
    with pytest.raises(dx.UsageError, match=said.replace("(", r"\(").replace("*", r"\*")):
        dx.verify(Spike, at={"x": 0.1}, surrogate=surrogate)
    with pytest.raises(dx.UsageError, match=said.replace("(", r"\(").replace("*", r"\*")):
        dx.gradcheck(Spike, vector(), surrogate=surrogate)


def test_it_takes_the_place_of_a_loss() -> None:
    with pytest.raises(dx.UsageError, match="loss= says what is computed, surrogate= what"):
        dx.verify(Spike, "x**2", at={"x": 0.1}, surrogate="identity")
    with pytest.raises(dx.UsageError, match="the candidate is no torch function"):
        dx.verify({"x": "2*x"}, at={"x": 0.1}, surrogate="identity", kind="formulas")


@pytest.fixture
def spike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("kernels.py").write_text(CODE, encoding="utf-8")
    return "kernels.py:Spike"


@pytest.mark.parametrize(
    ("surrogate", "code"), [("sigmoid4", 0), ("sigmoid(4*x)", 0), ("kernels.py:smooth", 0), ("identity", 1)]
)
@pytest.mark.parametrize("where", [["--at", "x=0.3"], ["--inputs", "x[3]"]])
def test_at_the_command_line(spike: str, surrogate: str, code: int, where: list[str]) -> None:
    assert main(["verify", spike, *where, "--surrogate", surrogate, "--quiet"]) == code


def test_a_replay_keeps_that_the_forward_is_left_alone(spike: str) -> None:
    arguments = ["verify", spike, "--at", "x=0.3", "--surrogate", "identity", "--replay", "kept.json", "--quiet"]
    assert main(arguments) == 1
    assert json.loads(Path("kept.json").read_text(encoding="utf-8"))["surrogate"] is True
    text = Path("kernels.py").read_text(encoding="utf-8").replace("return 4 * g * s * (1 - s)", "return g")
    Path("mended.py").write_text(text, encoding="utf-8")
    kept = Path("kept.json").read_text(encoding="utf-8").replace("kernels.py", "mended.py")
    Path("kept.json").write_text(kept, encoding="utf-8")
    assert main(["verify", "--replay", "kept.json", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "x=0.3", "--surrogate", "sigmod4"], "unknown surrogate 'sigmod4': did you mean 'sigmoid'?"),
        (
            ["--at", "x=0.3", "--surrogate", "identity", "--loss", "(x)"],
            "--loss says what is computed, --surrogate what",
        ),
        (["--surrogate", "sigmoid4"], "kernels.py:Spike --surrogate sigmoid4 --wrt x --samples 100 --upstream 1"),
        (["--at", "x=0.3", "--surrogate", "kernels.py:smoth"], "did you mean 'smooth'"),
    ],
)
def test_usage_errors_of_the_command_line(
    spike: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", spike, *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
