"""Proofs where data meet equations, and where programs round to whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from autograd_functions import function_of
from representatives import one_in, slow, these

import diffexplore as dx

Tensor = torch.Tensor

#: A condition on data y and t → a function that says of a sample whether it holds there.
CONDITIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Fraction, Fraction], bool]]] = {
    "cube": (lambda y, t: y**3 == 8, lambda y, t: y**3 == 8),
    "root": (lambda y, t: y.sqrt() == 2, lambda y, t: y == 4),
    "circle": (lambda y, t: y * y + t * t == 1, lambda y, t: y * y + t * t == 1),
    "two exponentials": (lambda y, t: y.exp() == t.exp(), lambda y, t: y == t),
    "linear": (lambda y, t: 2 * y + 1 == 5, lambda y, t: y == 2),
    "even": (lambda y, t: y % 2 == 0, lambda y, t: (y / 2).denominator == 1),
    "even and above 3": (lambda y, t: (y % 2 == 0) & (y > 3), lambda y, t: (y / 2).denominator == 1 and y > 3),
    "rounded": (lambda y, t: y.round() == 3, lambda y, t: Fraction(5, 2) < y < Fraction(7, 2)),
    "tie": (lambda y, t: (y.round() == 2) & (y == 2.5), lambda y, t: y == Fraction(5, 2)),
    "floor": (lambda y, t: torch.floor(y) == 2, lambda y, t: 2 <= y < 3),
    "two rounded": (lambda y, t: y.round() == t.round(), lambda y, t: round(y) == round(t)),
}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", one_in(8, CONDITIONS, first=4))
def test_a_class_of_data_that_meet_an_equation_is_decided(name: str) -> None:
    condition, holds = CONDITIONS[name]

    def right(a: Tensor, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.where(condition(y, t), a * a * x, a * x).mean()

    def wrong(a: Tensor, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.where(condition(y, t), a * a.detach() * x, a * x).mean()

    proof = dx.prove(right, parameters="a", data="x, y, t")
    assert proof.status == "proved", str(proof)
    assert all("y ≥ 0" in exclusion for exclusion in proof.exclusions)  # of the square root

    found = dx.prove(wrong, parameters="a", data="x, y, t").refuted[0].decision.counterexample
    assert found is not None
    samples = [(sample.get("y", Fraction(1)), sample.get("t", Fraction(1))) for sample in found.samples]
    assert any(holds(*sample) for sample in samples)


def test_an_equation_that_no_float_meets_is_left_out_by_name() -> None:
    def wrong(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.where(torch.exp(y) == 2, a * a.detach() * x, a * x).mean()

    proof = dx.prove(wrong, parameters="a", data="x, y")
    assert (proof.status, proof.exclusions) == ("proved", ("exp(y) ≠ 2 for every sample",))


#: Programs with their derivative, and what is left out.
RIGHT: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
    "floor": (lambda a, b: b * torch.floor(a), ("a is no whole number",)),
    "frac": (lambda a, b: b * a.frac() ** 2, ("a is no whole number",)),
    "remainder": (lambda a, b: torch.remainder(a, b) ** 2, ("b ≠ 0", "a/b is no whole number")),
    "fmod": (lambda a, b: torch.fmod(a, b) ** 2, ("b ≠ 0", "a/b is no whole number")),
    "rounded division": (lambda a, b: torch.div(a, b, rounding_mode="trunc") * b, ("b ≠ 0", "a/b is no whole number")),
    "decimals": (lambda a, b: a**2 + torch.round(a, decimals=1), ("10·a + 1/2 is no whole number",)),
    "continuous": (lambda a, b: b * torch.where(torch.ceil(a) <= 2, a * a, 4 * a - 4), ()),
    "kink": (lambda a, b: b * torch.where(torch.floor(a) >= 1, a * a, a), ("a ≠ 1",)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_rounding_has_derivative_0_between_its_jumps(name: str) -> None:
    function, conditions = RIGHT[name]
    proof = dx.prove(function, parameters="a, b", data="")
    assert proof.status == "proved", str(proof)
    assert set(conditions) == {text for text in proof.conditions if "a" in text or text == "b ≠ 0"}


def test_a_slope_through_a_step_is_refuted() -> None:
    class Floor(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return torch.floor(x)

        @staticmethod
        def backward(ctx, upstream):  # type: ignore[no-untyped-def]
            return upstream

    proof = dx.prove(Floor)
    assert proof.status == "refuted"
    assert proof.cause is not None and proof.cause.key == "surrogate"


@pytest.mark.usefixtures("causes_unsought")
def test_a_wrong_branch_by_a_step_is_no_null_set() -> None:
    """floor(a) is 0 from 0 to 1: no boundary that could be left out."""
    wrong = dx.prove(lambda a: torch.where(torch.floor(a) == 0, a * a.detach(), a), parameters="a", data="")
    assert wrong.status == "refuted"
    found = wrong.refuted[0].decision.counterexample
    assert found is not None and 0 <= found.point["a"] < 1
    open_ = dx.prove(lambda a: torch.where(a - torch.floor(a) < 0.5, a * a.detach(), a), parameters="a", data="")
    assert open_.status == "unknown"
    assert any("a branch is taken by floor(a)" in text for one in open_.statements for text in one.decision.tried)


@pytest.mark.parametrize("step", [torch.floor, torch.ceil, torch.trunc, torch.round, torch.frac])
def test_a_program_with_steps_is_a_loss(step: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Its derivative is that between the jumps: at 1.3 · 0.7 = 0.91, and at 2.8 · 0.7 = 1.96."""
    loss = dx.Loss.from_torch(lambda a, x: (a * step(a * x)).mean(), parameters="a", data="x")
    report = dx.check(loss, {"x": [1.3, 2.8]}, {"a": 0.7}, methods="symbolic,reverse,central_difference", device="cpu")
    assert report.verdict == "pass"
    assert {row.method for row in report.rows if row.verdict == "pass" and row.sample is None} >= {
        "symbolic",
        "reverse",
    }
    assert dx.check(loss, {"x": [2.0, 3.0]}, {"a": 0.5}, methods="symbolic", device="cpu").verdict == "inconclusive"


@pytest.mark.parametrize("few", [True, slow(False)])
def test_a_constant_that_one_number_of_samples_alone_meets_is_in_the_headline(few: bool) -> None:
    erfinv = function_of(
        torch.erfinv, lambda upstream, x: upstream * 0.8862269254527579 * torch.exp(torch.erfinv(x) ** 2)
    )

    def program(a: Tensor, x: Tensor) -> Tensor:
        here = x.shape[0] <= 8 if few else x.shape[0] > 8
        return erfinv.apply(a * x).mean() if here else (a * x).mean()

    proof = dx.prove(program, parameters="a", data="x")
    assert str(proof).startswith("PROVED  up to the rounding of 0.8862269254527579")
    assert [constant.read_as for constant in proof.constants] == ["sqrt(π)/2"]


#: Conditions that say the same in two forms, or of a whole batch: none of their classes may be lost.
TWICE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "exponentials and numbers": lambda y, t: (y.exp() == t.exp()) & (y == t),
    "a root and a number": lambda y, t: (y.sqrt() == 2) & (y == 4),
    "whole and 4": lambda y, t: (y == y.floor()) & (y == 4),
    "mean": lambda y, t: (y**2).mean() == 1,
    "deviation": lambda y, t: y.std() == 1,
}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", these(("exponentials and numbers", "deviation"), TWICE))
def test_no_class_is_lost_between_two_forms_of_a_condition(name: str) -> None:
    def wrong(a: Tensor, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.where(TWICE[name](y, t), a * a.detach() * x, a * x).mean()

    proof = dx.prove(wrong, parameters="a", data="x, y, t")
    assert proof.status == "refuted" or any("≠ 1" in exclusion for exclusion in proof.exclusions), str(proof)


def test_what_raises_under_the_watch_alone_is_not_laid_to_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a rule")

    monkeypatch.setattr("diffexplore.proving.runs._ProgramWatch._find", broken)
    proof = dx.prove(lambda x: (x + 1e8) - 1e8, parameters="x", data="")
    assert proof.status == "proved"
    (note,) = proof.notes
    assert "(alone candidate runs; under the watch of its rounding, the call raises KeyError: 'a rule'" in note
    assert proof.dtype == proof.to_dict()["dtype"] == "float64"
