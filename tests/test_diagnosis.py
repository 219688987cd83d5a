"""A wrong gradient's cause is named, with its evidence; a right one's never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import these

from diffexplore import Loss, verify
from diffexplore.checking.records import Cause, Report

Tensor = torch.Tensor
Mistake = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Any]


def gradient_with(mistake: Mistake) -> Callable[..., Any]:
    """A gradient of the perpendicular distance; ``mistake`` makes it of a, b, x, y and both partials by sample."""

    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        r = a * x - y + b
        return mistake(a, b, x, y, r * (x + a * (y - b)) / (a * a + 1) ** 2, r / (a * a + 1))

    return gradient


def causes(report: Report, parameter: str = "a") -> list[Cause]:
    """The causes of the failing rows of one partial, at points where it has any."""
    return [row.cause for row in report.rows if row.verdict == "fail" and row.parameter == parameter and row.cause]


def partial_of_reversed_y(a: Tensor, b: Tensor, x: Tensor, y: Tensor, ga: Tensor, gb: Tensor) -> Any:
    y = y.flip(0)
    r = a * x - y + b
    return (r * (x + a * (y - b)) / (a * a + 1) ** 2).mean(), gb.mean()


MISTAKES: dict[str, tuple[Mistake, str, dict[str, Any]]] = {
    "doubled": (lambda a, b, x, y, ga, gb: (2 * ga.mean(), 2 * gb.mean()), "factor", {"factor": 2.0}),
    "halved": (lambda a, b, x, y, ga, gb: (ga.mean() / 2, gb.mean()), "factor", {"factor": 0.5}),
    "negated": (lambda a, b, x, y, ga, gb: (-ga.mean(), gb.mean()), "factor", {"factor": -1.0}),
    "accumulated": (lambda a, b, x, y, ga, gb: (3 * ga.mean(), gb.mean()), "factor", {"factor": 3.0}),
    "sum for mean": (lambda a, b, x, y, ga, gb: (ga.sum(), gb.sum()), "factor", {"factor": "N"}),
    "divided twice": (lambda a, b, x, y, ga, gb: (ga.mean() / len(x), gb.mean()), "factor", {"factor": "1/N"}),
    "N - 1": (lambda a, b, x, y, ga, gb: (ga.sum() / max(1, len(x) - 1), gb.mean()), "factor", {"factor": "N/(N-1)"}),
    "off by 1e-9": (lambda a, b, x, y, ga, gb: (ga.mean() * (1 + 1e-9), gb.mean()), "factor", {}),
    "zero": (lambda a, b, x, y, ga, gb: (0 * ga.mean(), gb.mean()), "zero", {}),
    "swapped": (lambda a, b, x, y, ga, gb: (gb.mean(), ga.mean()), "swapped", {"other": "b"}),
    "quotient rule": (
        lambda a, b, x, y, ga, gb: (((a * x - y + b) * x / (a * a + 1)).mean(), gb.mean()),
        "cut_path", {"term": "−a·(a·x + b − y)²/(a² + 1)²"},
    ),
    "wrong power": (lambda a, b, x, y, ga, gb: (ga.mean() * (a * a + 1), gb.mean()), "wrong_power", {}),
    "weight decay": (lambda a, b, x, y, ga, gb: (ga.mean() + 0.01 * a, gb.mean()), "extra_term", {}),
    "constant": (lambda a, b, x, y, ga, gb: (ga.mean() + 0.25, gb.mean()), "extra_term", {}),
    "last sample dropped": (
        lambda a, b, x, y, ga, gb: (ga[:-1].sum() / len(x), gb.mean()), "one_sample", {"place": "the last sample"},
    ),
    "order of y": (partial_of_reversed_y, "permuted", {}),
    "float32 inside": (
        lambda a, b, x, y, ga, gb: (ga.float().mean().double(), gb.mean()), "precision", {"dtype": "float32"},
    ),
}  # fmt: skip


#: A cause each; those of the others are planted in the kill matrix as well.
EACH_TIME = ("N - 1", "off by 1e-9", "quotient rule", "weight decay", "order of y")


@pytest.mark.parametrize("name", these(EACH_TIME, MISTAKES))
def test_a_mistake_is_named_with_its_evidence(name: str) -> None:
    mistake, key, fields = MISTAKES[name]
    found = causes(verify(gradient_with(mistake), "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient"))
    assert {cause.key for cause in found} == {key}
    assert all(cause.fields["certain"] for cause in found)
    assert all(cause.fields[field] == value for cause in found for field, value in fields.items())


def test_a_right_gradient_has_no_cause() -> None:
    report = verify(gradient_with(lambda a, b, x, y, ga, gb: (ga.mean(), gb.mean())), "perpendicular", kind="gradient")
    assert report.verdict == "pass"
    assert all(row.cause is None for row in report.rows)


def test_fitted_factors_are_fitted() -> None:
    mistake = gradient_with(lambda a, b, x, y, ga, gb: (ga.mean() * 1.001, gb.mean()))
    for cause in causes(verify(mistake, "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient")):
        assert abs(cause.fields["factor"] - 1.001) <= cause.fields["uncertainty"] + 1e-15 < 1e-12


def test_where_two_causes_fit_neither_is_certain() -> None:
    """Clipped at 1, every value is ±1: it could be the sign."""
    mistake = gradient_with(lambda a, b, x, y, ga, gb: (ga.mean().clamp(-1e-9, 1e-9) * 1e9, gb.mean()))
    found = causes(verify(mistake, "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient"))
    assert found
    assert not any(cause.fields["certain"] for cause in found)
    assert all("or else" in cause.message for cause in found)


def test_what_no_mistake_explains_is_said_with_the_worst_samples() -> None:
    mistake = gradient_with(lambda a, b, x, y, ga, gb: ((ga * torch.sin(7 * x * y)).mean(), gb.mean()))
    (cause, *_) = causes(verify(mistake, "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient"))
    assert cause.key == "unexplained"
    assert cause.fields["certain"] is False
    assert cause.message.count("alone:") == 3


def test_one_sample_in_thousands_is_found_by_halving() -> None:
    draw = np.random.default_rng(0)
    data = {"x": draw.normal(size=2000), "y": draw.normal(size=2000)}
    data["x"][1321] = special = 0.5

    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.where(x == special, 2.0, 1.0).mul((a * x - y + b) / (a * a + 1)).mean()

    (cause, *_) = causes(verify(gradient, "perpendicular", data, {"a": 1.25, "b": 0.5}, kind="gradient", wrt="b"), "b")
    assert (cause.key, cause.fields["sample"]) == ("one_sample", 1321)


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda g: torch.cat([g[:7], 0 * g[7:8], g[8:]]), "one_sample"),
        (lambda g: torch.where(torch.arange(len(g)) % 3 == 0, 0.0, g), "zero_samples"),
        (lambda g: g.flip(0), "permuted"),
        (lambda g: g * len(g), "factor"),
        (lambda g: -g, "factor"),
    ],
)
def test_partials_by_data(spoil: Callable[[Tensor], Tensor], key: str) -> None:
    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return spoil(a * (a * x - y + b) / (a * a + 1) / len(x))

    data = {"x": [0.5 * i for i in range(40)], "y": [1.0 + 0.3 * i * i for i in range(40)]}
    report = verify(gradient, "perpendicular", data, {"a": 1.25, "b": 0.5}, kind="gradient", wrt="x")
    assert {cause.key for cause in causes(report, "x")} == {key}


def test_a_loss_that_is_wrong_in_the_same_way_is_said_to_be() -> None:
    def doubled(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y + b) ** 2 / (a**2 + 1)).mean()

    report = verify(doubled, "perpendicular", at={"a": 1.25, "b": 0.5})
    assert report.verdict == "fail"
    for parameter in ("a", "b"):
        for cause in causes(report, parameter):
            assert "the candidate's loss is 2 times this loss, and its gradient agrees with it" in cause.message
    assert {cause.message for cause in causes(report, "(value)")} == {"it is 2 times the loss: the ½ is missing"}


def test_an_ignored_upstream_gradient() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
            ctx.save_for_backward(a, x)
            return (a * x) ** 2

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            a, x = ctx.saved_tensors
            return (2 * a * x * x).sum(), None

    loss = Loss("(a*x)**2", parameters="a", data="x")
    report = verify(Square, loss, {"x": [1.0, 2.0, 3.0, -1.0]}, {"a": 1.5}, upstream=[0.5, -1.0, 2.0, 3.0])
    assert {cause.key for cause in causes(report)} == {"upstream_ignored"}


def test_torchs_softplus_is_a_convention_that_can_be_accepted() -> None:
    def loss(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.softplus(-y * (a * x + b)).mean()

    data, at = {"x": [-20.5, 2.0, 3.0, -30.0, 1.0], "y": [1.0, 1.0, 1.0, 1.0, -1.0]}, {"a": 1.0, "b": 0.25}
    report = verify(loss, "softplus", data, at)
    assert report.verdict != "fail"
    assert report.summary.failed == 0
    assert report.summary.causes["convention"] > 0
    accepted = verify(loss, "softplus", data, at, accept="softplus_threshold")
    assert accepted.verdict == "pass"
    assert accepted.summary.inconclusive == 0


def test_kinks_are_conventions_that_can_be_accepted() -> None:
    relu = Loss("max(x, 0)", parameters="", data="x", reduction="sum")

    def candidate(x: Tensor) -> Tensor:
        return torch.nn.functional.relu(x).sum()

    report = verify(candidate, relu, {"x": [0.0, 1.0, -1.0]}, {})
    (row,) = [row for row in report.rows if row.verdict == "inconclusive"]
    assert row.sample == 0
    assert row.cause is not None
    assert row.cause.key == "kink"
    assert verify(candidate, relu, {"x": [0.0, 1.0, -1.0]}, {}, accept="kink").summary.inconclusive == 0


def test_a_nan_is_traced_to_its_sample_and_operation() -> None:
    def naive(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        z = a * x + b
        return (torch.log(1 + torch.exp(z)) - y * z).mean()

    report = verify(naive, "logistic", {"x": [1.0, 2.0, 800.0, 1.0], "y": [0.0, 1.0, 1.0, 0.0]}, {"a": 1.0, "b": 0.5})
    assert report.verdict == "fail"
    (row,) = [row for row in report.rows if row.parameter == "a" and row.probe is None]
    assert row.cause is not None
    assert row.cause.fields["sample"] == 2
    assert row.cause.fields["operation"] == "exp(800.5) = inf"


def test_chance_and_side_effects() -> None:
    def dropped(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.dropout((a * x - y + b) / (a * a + 1)).mean()

    random = verify(dropped, "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient", wrt="b")
    assert random.verdict == "inconclusive"
    assert set(random.summary.causes) == {"not_deterministic"}

    def writing(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        x.mul_(a).sub_(y).add_(b)
        return x.mean() / (a * a + 1)

    written = verify(writing, "perpendicular", at={"a": 1.25, "b": 0.5}, kind="gradient", wrt="b")
    assert written.verdict == "fail"
    assert set(written.summary.causes) == {"inputs_modified"}


def test_right_in_float64_is_a_matter_of_precision() -> None:
    """An unwatched candidate that cancels: wrong by more than it has to be, and its formula right."""

    def cancels(a: Any, x: Any) -> Any:
        big = np.asarray(1e4, dtype=x.dtype)
        return np.mean(((a + big) * x - big * x) * x)

    loss = Loss("(a*x)**2/2", parameters="a", data="x")
    data, at = {"x": [1.1, 2.3, 0.7, 1.9]}, {"a": 0.3}
    report = verify(cancels, loss, data, at, kind="gradient", dtype="float32")
    assert report.verdict == "inconclusive"
    assert set(report.summary.causes) == {"precision"}


def test_formulas_are_decided_by_algebra_first() -> None:
    report = verify({"a": "2*(a*x - y)*x + 1", "b": "2*(b - y)"}, Loss("(a*x - y)**2 + (b - y)**2",
                    parameters="a, b", data="x, y"), {"x": [1.0, 2.0], "y": [0.5, 0.25]}, {"a": 1.5, "b": 2.0})  # fmt: skip
    assert report.candidate is not None
    assert report.candidate.formulas["b"] == "equal by algebra"
    assert report.candidate.formulas["a"].startswith("different: at ")
    (cause, *_) = causes(report)
    assert set(cause.fields["counterexample"]) == {"a", "x", "y"}


def test_one_sample_by_its_place_is_found_where_other_samples_have_no_share() -> None:
    loss = Loss("where(m > 0.5, (a*x - y)**2, 0)", parameters="a", data="x, y, m")
    draw = np.random.default_rng(5)
    data = {"x": draw.normal(size=10), "y": draw.normal(size=10), "m": (np.arange(10) % 3 != 0).astype(float)}

    def gradient(a: torch.Tensor, x: torch.Tensor, y: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        parts = torch.where(m > 0.5, 2 * x * (a * x - y), 0.0)
        weights = torch.ones_like(parts)
        weights[7:8] = 1.5
        return (weights * parts).mean()

    report = verify(gradient, loss, data, {"a": 1.25}, kind="gradient")
    cause = next(row.cause for row in report.rows if row.verdict == "fail")
    assert cause is not None
    assert (cause.key, cause.fields["sample"], cause.fields["certain"]) == ("one_sample", 7, True)
    assert cause.fields["weight"] == pytest.approx(1.5)
