"""Partials that differ by names alone are proved once, and only where the renaming is one of all that is stated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from autograd_functions import function_of
from representatives import slow

import diffexplore as dx
from diffexplore.decide import Decision
from diffexplore.program.lowering import Lowering
from diffexplore.proving.renaming import PartialClaim, Renamings

Tensor = torch.Tensor


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the partials that are decided by themselves, in order."""
    names: list[str] = []
    add = Renamings.add

    def counted(self: Renamings, claim: PartialClaim, decision: Decision) -> None:
        names.append(claim.symbol.name)
        add(self, claim, decision)

    monkeypatch.setattr(Renamings, "add", counted)
    return names


def perceptron(W: Tensor, c: Tensor, v: Tensor, d: Tensor, X: Tensor, y: Tensor) -> Tensor:
    return ((torch.tanh(X @ W.T + c) @ v + d - y) ** 2).mean()


def _perceptron(hidden: int) -> dict[str, Any]:
    return {"parameters": f"W[{hidden},2], c[{hidden}], v[{hidden}], d", "data": "X[2], y"}


def test_a_layer_is_proved_by_one_partial_of_each_kind(decided: list[str]) -> None:
    """As quotients of exponentials, eight hyperbolic tangents would have 256 terms over their denominator."""
    proof = dx.prove(perceptron, **_perceptron(8))
    assert (proof.status, proof.samples, len(proof.statements)) == ("proved", None, 33)
    assert decided == ["W1_1", "c1", "v1", "d"]
    assert {statement.status for statement in proof.statements} == {"proved"}


def test_each_partial_has_a_witness_of_its_own() -> None:
    proof = dx.prove(perceptron, **_perceptron(2))
    first, last = (one.decision.witness for one in (proof.statements[0], proof.statements[3]))
    assert first is not None and last is not None
    # W1,1 ↔ W2,2: the inputs 1 and 2, and the units 1 and 2, are exchanged
    assert first.point["W1_1"] == last.point["W2_2"] and first.point["v1"] == last.point["v2"]
    assert [one["X1"] for one in first.samples] == [one["X2"] for one in last.samples]
    assert first.point.keys() == last.point.keys() and first.left == last.left


def test_a_summand_is_lowered_once_for_all_samples_and_points(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    start = Lowering.__init__

    def counted(self: Lowering, *arguments: Any, **options: Any) -> None:
        made.append(1)
        start(self, *arguments, **options)

    monkeypatch.setattr(Lowering, "__init__", counted)
    proof = dx.prove(lambda w, X, y: (torch.sin(X @ w) - y).pow(4).mean(), parameters="w[5]", data="X[5], y")
    assert proof.status == "proved"
    assert len(made) <= 12


@pytest.mark.parametrize(
    ("program", "parameters", "kinds"),
    [
        (lambda x: F.layer_norm(x, (4,)), "x[4]", 1),
        (lambda x: torch.softmax(x, 0), "x[4]", 1),
        slow(F.scaled_dot_product_attention, ["query[2,2]", "key[2,2]", "value[2,2]"], 3),
        (lambda x: x[0] * x[1] + x[2] * x[3].exp(), "x[4]", 3),
    ],
    ids=["layer norm", "softmax", "attention", "not alike"],
)
def test_what_a_renaming_maps_onto_itself(program: Any, parameters: Any, kinds: int, decided: list[str]) -> None:
    proof = dx.prove(program, parameters=parameters, data=[])
    assert proof.status == "proved"
    assert len(set(decided)) <= kinds  # those that hold a decimal are read twice


class PlantedPerceptron(torch.autograd.Function):
    """tanh(W x), the backward of which is wrong in one entry."""

    wrong = (0, 0)

    @staticmethod
    def forward(ctx: Any, W: Tensor, x: Tensor) -> Tensor:
        hidden = torch.tanh(x @ W.T)
        ctx.save_for_backward(hidden, W, x)
        return hidden

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        hidden, W, x = ctx.saved_tensors
        inner = upstream * (1 - hidden**2)
        slope = inner.T @ x
        factor = torch.ones(W.shape, dtype=W.dtype)
        factor[PlantedPerceptron.wrong] = 1 + 2.0**-30
        return slope * factor, inner @ W


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("wrong", [slow((0, 0), id="first"), pytest.param((1, 0), id="inner"), slow((2, 0), id="last")])
def test_a_wrong_entry_among_equals_is_refuted_and_named(wrong: tuple[int, int]) -> None:
    PlantedPerceptron.wrong = wrong
    proof = dx.prove(
        lambda W, v, X, y: ((PlantedPerceptron.apply(W, X) @ v - y) ** 2).mean(),
        parameters="W[3,1], v[3]", data="X[1], y", wrt="W",
    )  # fmt: skip
    name = f"W{wrong[0] + 1}_{wrong[1] + 1}"
    assert proof.status == "refuted"
    assert [statement.name for statement in proof.refuted] == [name]
    assert proof.refuted[0].decision.counterexample is not None
    assert {one.status for one in proof.statements if one.name != name} == {"proved"}


def exchanged(w: Tensor) -> Tensor:
    """A loss that is the same for its two entries, the slopes of which are exchanged."""
    return EXCHANGED.apply(w)


EXCHANGED = function_of(lambda w: (w**3).sum(), lambda upstream, w: upstream * 3 * w.flip(0) ** 2)


@pytest.mark.usefixtures("causes_unsought")
def test_a_claim_that_is_renamed_into_a_wrong_one_stays_wrong() -> None:
    proof = dx.prove(exchanged, parameters="w[2]", data=[])
    assert [statement.name for statement in proof.refuted] == ["w1", "w2"]


def test_a_domain_that_tells_symbols_apart_is_no_renaming(decided: list[str]) -> None:
    """|w1| has a kink at 0 that the domain leaves out, |w2| one that it does not."""
    proof = dx.prove(lambda w: w.abs().sum(), parameters="w[2]", data=[], domain="w1 > 0")
    assert (proof.status, decided) == ("proved", ["w1", "w2"])
    assert proof.conditions == ("w1 > 0", "w2 ≠ 0")
    assert dx.prove(lambda w: w.abs().sum(), parameters="w[2]", data=[], domain=["w1 > 0", "w2 > 0"]).exclusions


def test_side_conditions_are_renamed_with_the_symbols(decided: list[str]) -> None:
    """One partial is decided, and each kink is named by its own symbols."""
    proof = dx.prove(lambda w, X: F.relu(X * w).mean(), parameters="w[2]", data="X[2]")
    assert (proof.status, decided) == ("proved", ["w1"])
    conditions = tuple(f"X{k}·w{k} ≠ 0 for every sample" for k in (1, 2))
    assert proof.conditions == conditions
    assert tuple(one.decision.conditions for one in proof.statements) == tuple((one,) for one in conditions)


@pytest.mark.parametrize(
    ("program", "parameters", "data"),
    [
        slow(lambda w, X: F.leaky_relu(X * w).mean(), "w[2]", "X[2]", id="leaky"),
        pytest.param(lambda w: w.abs().sum(), "w[2]", [], id="abs"),
        pytest.param(lambda w: (w.log() * w.flip(0).abs()).sum(), "w[2]", [], id="logarithm"),
        pytest.param(lambda w: F.softplus(w).sum(), "w[2]", [], id="convention"),
        slow(lambda w, X: F.relu(X @ w).mean(), "w[2]", "X[2]", id="one unit"),
    ],
)
def test_renamed_conditions_are_those_of_the_decision(
    program: Any, parameters: Any, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = dx.prove(program, parameters=parameters, data=data)
    monkeypatch.setattr(Renamings, "proved", lambda *_: None)
    alone = dx.prove(program, parameters=parameters, data=data)
    assert (renamed.status, alone.status) == ("proved", "proved")
    assert (renamed.conditions, renamed.exclusions) == (alone.conditions, alone.exclusions)
    for one, other in zip(renamed.statements, alone.statements, strict=True):
        assert set(one.decision.conditions) == set(other.decision.conditions)
        assert set(one.decision.exclusions) == set(other.decision.exclusions)


class PlantedRectifier(torch.autograd.Function):
    """relu(W·x), the backward of which is wrong in one entry."""

    wrong = 0

    @staticmethod
    def forward(ctx: Any, w: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(w, x)
        return F.relu(w * x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        w, x = ctx.saved_tensors
        open_ = (w * x > 0).double()
        factor = torch.ones(w.shape, dtype=w.dtype)
        factor[PlantedRectifier.wrong] = 1 + 2.0**-30
        return (upstream * open_ * x * factor).sum(0), upstream * open_ * w


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("wrong", [slow(0), 1])
def test_a_wrong_entry_among_equals_with_kinks_is_refuted_and_named(wrong: int) -> None:
    PlantedRectifier.wrong = wrong
    proof = dx.prove(lambda w, X: PlantedRectifier.apply(w, X).mean(), parameters="w[2]", data="X[2]")
    assert proof.status == "refuted"
    assert [one.name for one in proof.refuted] == [f"w{wrong + 1}"]
    assert [one.status for one in proof.statements].count("proved") == 1


def test_conventions_of_torch_are_renamed(decided: list[str]) -> None:
    """softplus is linear above its threshold; that it is right as log(1 + exp(x)) as well is proved once."""
    loss = dx.Loss("softplus(w1*X1) + softplus(w2*X2)", parameters="w1 w2", data="X1 X2", reduction="sum")
    proof = dx.prove(lambda w, X: F.softplus(w * X).sum(), loss, parameters="w[2]", data="X[2]")
    assert (proof.status, decided) == ("proved", ["w1"])
    texts = [f"for X{i}·w{i} ≤ 20: torch's softplus is linear above its threshold" for i in (1, 2)]
    assert [one.decision.conditions for one in proof.statements if one.name != "(value)"] == [
        tuple(texts), tuple(reversed(texts))
    ]  # fmt: skip


class AboveTheThreshold(torch.autograd.Function):
    """softplus, with a backward that is wrong above its threshold, by the last entry alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.softplus(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        above = torch.tensor([1.0, 0.5]).double()
        return upstream * torch.where(x > 20, above, x.sigmoid())


@pytest.mark.usefixtures("causes_unsought")
def test_a_mistake_that_a_convention_might_excuse_is_not_renamed_away() -> None:
    proof = dx.prove(AboveTheThreshold.apply, parameters="x[2]", data="")
    assert [one.status for one in proof.statements] == ["proved", "refuted"]


def test_data_are_exchanged_for_data_alone(decided: list[str]) -> None:
    """a·x is the same for a and x, but a has one value and x one for each sample."""
    proof = dx.prove(lambda a, x: (a * x).mean(), parameters="a", data="x", wrt="a, x")
    assert (proof.status, decided) == ("proved", ["a", "x"])


def test_entries_of_data_are_exchanged(decided: list[str]) -> None:
    proof = dx.prove(lambda a, X: (a * X.prod(-1)).mean(), parameters="a", data="X[3]", wrt="X")
    assert (proof.status, len(proof.statements), decided) == ("proved", 3, ["X1"])


def test_samples_that_are_mixed_are_exchanged(decided: list[str]) -> None:
    """A product over the batch is traced with four samples, each of which is a symbol."""
    proof = dx.prove(lambda x: x.prod(0), parameters=[], data="x")
    assert (proof.status, proof.samples, len(proof.statements), decided) == ("proved", 4, 4, ["x_1"])
