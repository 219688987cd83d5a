"""``dx.prove``: proved only where it is so, refuted with a counterexample, and unknown with what was tried."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from representatives import slow
from rich.console import Console

import diffexplore as dx
from benchmarks.torch_programs import PROGRAMS
from diffexplore.errors import UsageError

Tensor = torch.Tensor


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def perpendicular(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()


def cut(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1).detach())).mean()


def doubled(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return 2 * ((a * x + b - y) ** 2).mean()


def to_the_power(x: Tensor, n: int) -> Tensor:
    return x**n


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return upstream * 3 * x**2


class ForgetsUpstream(Cube):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x**2


@cache
def against_the_catalogue(program: Any) -> dx.Proof:
    return dx.prove(program, "perpendicular")


CUBE = dx.Loss("x**3", parameters="", data="x", reduction="sum")


def test_the_distance_loss_is_proved_for_every_number_of_samples() -> None:
    proof = dx.prove(perpendicular, parameters=["a", "b"], data=["x", "y"])
    assert (proof.status, proof.samples, proof.conditions) == ("proved", None, ())
    assert [statement.name for statement in proof.statements] == ["a", "b"]


def test_data_are_the_other_arguments_and_can_be_differentiated_by() -> None:
    proof = dx.prove(perpendicular, parameters="a, b", wrt="x, y")
    assert proof.status == "proved"
    assert [statement.name for statement in proof.statements] == ["x", "y"]


def test_a_program_is_held_against_a_loss_of_the_catalogue() -> None:
    proof = against_the_catalogue(perpendicular)
    assert proof.status == "proved"
    assert [statement.name for statement in proof.statements] == ["(value)", "a", "b"]


def test_a_cut_path_is_refuted_with_a_counterexample_and_its_cause() -> None:
    proof = against_the_catalogue(cut)
    assert proof.status == "refuted"
    (wrong,) = proof.refuted
    assert wrong.name == "a"
    assert proof.cause is not None
    assert proof.cause.key == "cut_path"
    found = wrong.decision.counterexample
    assert found is not None
    # The balls are certified and do not meet: what is said of both is seen in torch as well.
    point = {name: torch.tensor(float(found.point[name]), dtype=torch.float64, requires_grad=True) for name in "ab"}
    data = {name: torch.tensor([float(sample[name]) for sample in found.samples], dtype=torch.float64) for name in "xy"}
    (slope,) = torch.autograd.grad(cut(**point, **data), point["a"])
    (right,) = torch.autograd.grad(perpendicular(**point, **data), point["a"])
    assert slope.item() == pytest.approx(float(found.right.middle), rel=1e-12)
    assert right.item() == pytest.approx(float(found.left.middle), rel=1e-12)
    apart = abs(Fraction(found.left.middle) - Fraction(found.right.middle))
    assert apart > Fraction(found.left.radius) + Fraction(found.right.radius)


def test_a_program_of_another_loss_is_refuted_as_such() -> None:
    proof = dx.prove(doubled, "squared_error")
    assert {statement.name for statement in proof.refuted} == {"(value)", "a", "b"}
    assert proof.cause is not None
    assert (proof.cause.key, proof.cause.fields["factor"]) == ("factor", 2.0)
    assert dx.prove(doubled, parameters="a, b").status == "proved"  # of its own forward pass it is the derivative


@pytest.mark.usefixtures("causes_unsought")
def test_an_autograd_function_is_proved_for_every_upstream_gradient() -> None:
    assert dx.prove(Cube, CUBE).status == "proved"
    assert dx.prove(Cube, parameters="", data="x").status == "proved"
    assert dx.prove(ForgetsUpstream, CUBE).status == "refuted"
    assert dx.prove(ForgetsUpstream, parameters="", data="x").status == "refuted"


def test_vectors_and_matrices() -> None:
    def perceptron(W: Tensor, c: Tensor, v: Tensor, d: Tensor, X: Tensor, y: Tensor) -> Tensor:
        return (((X @ W.T + c) @ v + d - y) ** 2).mean()

    proof = dx.prove(perceptron, parameters=["W[1,2]", "c[1]", "v[1]", "d"], data=["X[2]", "y"])
    assert proof.status == "proved"
    assert len(proof.statements) == 5
    only = dx.prove(lambda W, X: (X @ W.T).square().sum(-1).mean(), parameters="W[2,2]", data="X[2]")
    assert [statement.name for statement in only.statements] == [f"W{i}_{j}" for i in (1, 2) for j in (1, 2)]


def test_torchs_softplus_is_the_loss_but_for_its_convention() -> None:
    def softplus(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return F.softplus(-y * (a * x + b)).mean()

    proof = dx.prove(softplus, "softplus")
    assert proof.status == "proved"
    assert any("linear above its threshold" in condition for condition in proof.conditions)


def test_a_kink_is_a_side_condition() -> None:
    proof = dx.prove(lambda a, x: (a * x).abs().mean(), parameters="a", data="x")
    assert proof.status == "proved"
    assert proof.conditions == ("a·x ≠ 0 for every sample",)


@pytest.mark.parametrize(
    ("name", "features", "condition"),
    [
        slow("standard_deviation", None, "Σ((exp(a·x) − Σ(exp(a·x))/N)²) ≠ 0"),
        ("correlation", None, "N ≥ 2"),
        slow("vector_norm_max", 2, "w1·x1 − w2·x2 ≠ 0 for every sample"),
        slow("cosine_similarity", 2, "√(w1²·x1² + w2²·x2²) ≠ 1/100000000 for every sample"),
    ],
)
def test_programs_with_sums_in_sums_ties_and_norms_are_proved(name: str, features: int | None, condition: str) -> None:
    program = PROGRAMS[name]
    parameters, data = (of_features(text, features) for text in (program.parameters, program.data))
    proof = dx.prove(program.function, parameters=parameters, data=data)
    assert (proof.status, proof.samples) == ("proved", None)
    assert condition in proof.conditions


def of_features(declared: str, features: int | None) -> str:
    """Declared vectors in so many features; the programs of the benchmark have three, which takes longer."""
    return declared if features is None else declared.replace("[3]", f"[{features}]")


def test_samples_that_are_mixed_are_said_to_be() -> None:
    proof = dx.prove(lambda a, x: (a * x).cumsum(0).square().mean(), parameters="a", data="x")
    assert (proof.status, proof.samples) == ("proved", 4)
    assert proof.mixing is not None
    assert "cumsum" in proof.mixing


def test_a_domain_of_the_inputs() -> None:
    def logarithm(s: Tensor, x: Tensor) -> Tensor:
        return (torch.log(s) * x**2).mean()

    assert dx.prove(logarithm, parameters="s", domain="s > 0").status == "proved"
    with pytest.raises(UsageError, match="t"):
        dx.prove(logarithm, parameters="s", domain="t > 0")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dx.prove(to_the_power), "the argument 'n' of to_the_power is no tensor (int)"),
        (lambda: dx.prove(3, parameters="a"), "torch function"),
        (lambda: dx.prove(perpendicular, parameters="a, b", wrt="c"), "'c'"),
        (lambda: dx.prove(perpendicular, "squared_eror"), "squared_error"),
        (lambda: dx.prove(perpendicular, "hyperplane", parameters="a, b"), "parameters of the loss are w1"),
        (lambda: dx.prove(lambda a, x: (a * x).sum().item() * a, parameters="a", data="x"), "item"),
        (lambda: dx.prove(lambda a, x: a * x if a > 0 else x, parameters="a", data="x"), "torch.where"),
    ],
)
def test_what_cannot_be_proved_is_refused_in_one_line(call: Any, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        call()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def shown(proof: dx.Proof, width: int = 80) -> str:
    console = Console(width=width, no_color=True, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(proof)
    return capture.get()


def test_a_proof_shows_itself() -> None:
    text = shown(against_the_catalogue(perpendicular))
    said = " ".join(text.split())
    assert said.startswith(
        "PROVED perpendicular computes the gradient of perpendicular, for every input and every number"
    )
    assert "∂L/∂a is the derivative" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    text = shown(against_the_catalogue(cut))
    said = " ".join(text.split())
    assert said.startswith("REFUTED cut does not compute the gradient of perpendicular: its ∂L/∂a is wrong (")
    assert ", should be " in said and "): missing" in said
    assert "what is right" in text
    assert "Should be the derivative of perpendicular ∂L/∂a = " in " ".join(text.split())
    assert text.count("Should be") == 1 and "Should be" not in shown(against_the_catalogue(perpendicular))


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("program", "arguments", "right"),
    [
        (lambda a, x: (a.detach() * a * x).sum(), {"parameters": "a", "data": "x"}, "2·a·Σ(x)"),
        (lambda a, x: (a.detach() * a * x).sum() ** 2, {"parameters": "a", "data": "x"}, "4·a³·Σ(x)²"),
        (lambda x: (x.detach() * x).mean(), {"parameters": "", "data": "x"}, "2·x/N"),
        (lambda x: (x.detach() * x).sum() ** 2, {"parameters": "", "data": "x"}, "4·x·Σ(x²)"),
        (lambda v: v.detach() @ v, {"parameters": "v[2]", "data": ""}, "2·v1"),
    ],
)
def test_a_refuted_partial_has_its_right_formula(program: Any, arguments: Any, right: str) -> None:
    proof = dx.prove(program, **arguments)
    assert proof.refuted[0].derivative == right
    assert {one.derivative for one in proof.statements if one.status != "refuted"} <= {""}


def test_the_document_of_a_proof() -> None:
    document = json.loads(against_the_catalogue(cut).to_json())
    assert (document["status"], document["samples"]) == ("refuted", None)
    wrong = next(found for found in document["statements"] if found["status"] == "refuted")
    assert set(wrong["counterexample"]) == {"point", "samples", "computed", "exact"}
    assert document["cause"]["key"] == "cut_path"


class Scaled(torch.autograd.Function):
    """Its ``forward`` takes no ``ctx``."""

    @staticmethod
    def forward(a: Tensor, x: Tensor) -> Tensor:
        return a * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        a, x = ctx.saved_tensors
        return (upstream * x).sum(), upstream * a


def test_the_arguments_of_a_function_that_sets_up_its_context_apart() -> None:
    proof = dx.prove(Scaled, parameters="x", data="a")
    assert proof.data[0] == "a"
    defaulted = dx.prove(Scaled, parameters="a")
    assert (defaulted.status, defaulted.data[0]) == ("proved", "x")
    assert dx.prove(Scaled, parameters="x", wrt="x").data[0] == "a"  # its first argument counts, too


class SquareTimes(torch.autograd.Function):
    """a²·x, whose backward is right."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(a, x)
        return a * a * x

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        return 2 * a * x * upstream, a * a * upstream


@pytest.mark.parametrize("candidate", [SquareTimes, SquareTimes.apply], ids=["class", "apply"])
def test_an_autograd_function_is_given_what_its_forward_names(candidate: Any) -> None:
    """Its ``apply`` has no names to bind to, and takes no keywords before torch 2.13."""
    loss = dx.Loss("a**2*x", parameters="a", data="x", reduction="sum")
    assert dx.prove(candidate, parameters="a", data="x").status == "proved"
    report = dx.verify(candidate, loss, {"x": [1.0, 2.5]}, {"a": 1.5}, upstream=1.0)
    assert report.verdict == "pass"
