"""What is said of a wrong gradient is true of it: of the class, the sample, the size and the point that are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import each_value, one_in, slow, these

import diffexplore as dx
from diffexplore import Loss, UsageError, verify
from diffexplore.checking.records import VALUE, Cause, Report

Tensor = torch.Tensor
Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]

SQUARE = Loss("(a*x - y)**2", parameters="a", data="x, y")
LOGISTIC = Loss("where(y > 0.5, -log(1/(1 + exp(-a*x))), -log(1 - 1/(1 + exp(-a*x))))", parameters="a", data="x, y")
THREE = {"x": [0.75, -1.25, 2.125], "y": [1.0, 0.0, 1.0]}
AT = {"a": 0.7}


def batch(n: int) -> dict[str, Any]:
    """Short binary fractions, so that a comparison with one of them is decided, and labels in turn."""
    x = np.round(np.random.default_rng(n).normal(size=n) * 1024 + 0.25) / 1024
    return {"x": x, "y": np.arange(n) % 2.0}


def of_samples(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return 2 * (a * x - y) * x


def of_logistic(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (torch.sigmoid(a * x) - y) * x


def cause_of(report: Report, parameter: str = "a") -> Cause:
    """The cause of the first failing row of a partial."""
    return next(row.cause for row in report.rows if row.verdict == "fail" and row.parameter == parameter and row.cause)


def verified(gradient: Gradient, loss: Loss = SQUARE, data: Any = None, **options: Any) -> Cause:
    return cause_of(verify(gradient, loss, batch(20) if data is None else data, AT, kind="gradient", **options))


# ----------------------------------------------------------------------------------------------- factors and numbers
@pytest.mark.parametrize("n", [1, slow(2), 3, slow(12)])
def test_a_constant_is_not_taken_for_the_number_of_samples(n: int) -> None:
    cause = verified(lambda a, x, y: n * of_samples(a, x, y).mean() if n > 1 else 7 * of_samples(a, x, y).mean(),
                     data=batch(n))  # fmt: skip
    assert (cause.key, cause.fields["factor"], cause.fields["certain"]) == ("factor", n if n > 1 else 7, True)


@pytest.mark.parametrize("n", [1, 3, slow(8)])
def test_a_factor_of_a_parameter_is_not_taken_for_a_constant(n: int) -> None:
    loss = Loss("c*x*w**2", parameters="w, c", data="x")
    report = verify(lambda w, c, x: (2 * c * (2 * c * x * w).mean(), (x * w**2).mean()), loss,
                    {"x": np.arange(1.0, n + 1)}, {"w": 0.75, "c": 1.5}, kind="gradient")  # fmt: skip
    cause = cause_of(report, "w")
    assert (cause.key, cause.fields["certain"]) == ("factor_of_input", True)
    assert "2·c times the gradient" in cause.message


def test_a_factor_is_traced_to_a_number_of_the_loss() -> None:
    loss = Loss("1.5*x*w**2", parameters="w", data="x")
    report = verify(lambda w, x: (9 * x * w).mean(), loss, {"x": [1.0, 2.0, 3.0]}, {"w": 0.8}, kind="gradient")
    assert "accumulated 3 times, or a factor 3, or 2·1.5 of the loss?" in cause_of(report, "w").message


def test_one_number_names_no_factor() -> None:
    w = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    w.grad = torch.tensor(1.3698 * 2 * 0.8 * 2, dtype=torch.float64)
    cause = cause_of(verify({"w": w}, Loss("x*w**2", parameters="w", data="x"), {"x": [1.0, 2.0, 3.0]}), "w")
    assert (cause.key, cause.fields["certain"]) == ("unexplained", False)
    assert "whatever" not in cause.message


def test_a_factor_of_the_value_is_not_said_of_the_gradient() -> None:
    def candidate(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        value = ((a * x - y) ** 2).mean()
        return value + 0.3 * value.detach()

    cause = cause_of(verify(candidate, SQUARE, batch(20), AT), VALUE)
    assert (cause.key, cause.fields["certain"]) == ("factor", True)
    assert "times the loss" in cause.message
    assert "gradient" not in cause.message


def test_the_largest_error_comes_first() -> None:
    loss = Loss("(a*x + b - y)**2", parameters="a, b", data="x, y")

    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        r = a * x + b - y
        return (2 * r * x).mean().float().double(), 1.6 * (2 * r).mean()

    report = verify(gradient, loss, batch(20), {"a": 0.7, "b": 0.3}, kind="gradient")
    assert ": ∂L/∂b is wrong (" in str(report).partition("\n\n")[0].replace("\n      ", " ")
    assert cause_of(report, "a").key == "precision"
    assert "8/5 times the gradient" in cause_of(report, "b").message


# ------------------------------------------------------------------------------------------------------ dropped paths
def _detached_square(a: Tensor, x: Tensor) -> Tensor:
    with torch.no_grad():
        square = a**2
    return (square * a * x).mean()


def _item_of_a_square(a: Tensor, x: Tensor) -> Tensor:
    return (float((a**2).item()) * a * x).mean()


@pytest.mark.parametrize("candidate", [_detached_square, _item_of_a_square])
def test_a_dropped_path_is_not_one_over_n(candidate: Any) -> None:
    cube = Loss("a**3*x", parameters="a", data="x")
    cause = cause_of(verify(candidate, cube, {"x": [1.0, 2.0, 4.0]}, AT))
    assert (cause.key, cause.fields["certain"], cause.fields["or_else"]) == ("cut_path", False, "factor")
    assert "as if a² in a³ did not depend on a" in cause.message
    assert "/N" not in cause.message


def test_a_proof_does_not_take_a_dropped_path_for_one_over_n() -> None:
    proof = dx.prove(_detached_square, Loss("a**3*x", parameters="a", data="x"))
    assert proof.cause is not None
    assert (proof.cause.key, "/N" in proof.cause.message) == ("cut_path", False)


def test_a_path_of_its_own_is_certain() -> None:
    loss = Loss("a**2*(a*x - y)**2", parameters="a", data="x, y")
    cause = cause_of(verify(lambda a, x, y: (a.detach() ** 2 * (a * x - y) ** 2).mean(), loss, THREE, AT))
    assert (cause.key, cause.fields["path"], cause.fields["certain"]) == ("cut_path", "a²", True)


# ------------------------------------------------------------------------------------------------------------ classes
FACTORS = ((2.0, "2 times"), (0.0, "is 0"), (-1.0, "negated"), (1.375, "11/8 times"))


@pytest.mark.parametrize(
    ("factor", "told", "n"),
    these([(1.375, "11/8 times", 3)], [(factor, told, n) for factor, told in FACTORS for n in (3, 20)]),
)
def test_an_error_of_one_class_is_said_of_that_class(factor: float, told: str, n: int) -> None:
    data = THREE if n == 3 else batch(n)
    cause = verified(lambda a, x, y: (torch.where(y == 1, factor, 1.0) * of_logistic(a, x, y)).mean(), LOGISTIC, data)
    assert "where y = 1 (right elsewhere)" in cause.message
    assert told in cause.message
    assert cause.key == "region" or not cause.fields["certain"]


@pytest.mark.parametrize(("factor", "told"), [(0.0, "is 0"), slow(2.0, "2 times the gradient")])
def test_the_only_class_in_the_data_is_not_all_input(factor: float, told: str) -> None:
    data = {"x": [0.75, 1.25, -2.0], "y": [0.0, 0.0, 0.0]}
    cause = verified(lambda a, x, y: (torch.where(y == 0, factor, 1.0) * of_logistic(a, x, y)).mean(), LOGISTIC, data)
    assert f"{told} where y = 0, the only value tried" in cause.message
    assert "whatever the input" not in cause.message


@pytest.mark.parametrize(
    ("weights", "told"),
    one_in(
        3,
        [
            (lambda a, x, y: torch.where(x < 0, 0.0, 1.0), ["where x < 0 (right elsewhere): the gradient by a is 0"]),
            (lambda a, x, y: torch.where(a * x > y, 2.0, 1.0), ["where a·x − y > 0 (right elsewhere): it is 2 times"]),
            (
                lambda a, x, y: torch.where(x > 0, 2.0, 3.0),
                ["where x > 0: it is 2 times", "where x ≤ 0: it is 3 times"],
            ),
            (
                lambda a, x, y: torch.where(y == 1, 2.0, 3.0),
                ["where y = 0: it is 3 times", "where y = 1: it is 2 times"],
            ),
        ],
    ),
)
def test_an_error_on_one_side_is_said_of_that_side(weights: Gradient, told: list[str]) -> None:
    cause = verified(lambda a, x, y: (weights(a, x, y) * of_samples(a, x, y)).mean())
    assert cause.key == "region"
    assert all(part in cause.message for part in told)


def test_a_class_of_a_partial_by_data() -> None:
    cause = cause_of(
        verify(lambda a, x, y: torch.where(y == 0, 0.0, 2 * (a * x - y) * a / len(x)), SQUARE, batch(20), AT,
               kind="gradient", wrt="x"), "x",
    )  # fmt: skip
    assert (cause.key, cause.fields["certain"]) == ("region", True)
    assert cause.message == "where y = 0 (right elsewhere): the gradient by x is 0"


# --------------------------------------------------------------------------------------------------------- one sample
def _by_place(index: int, factor: float, n: int, special: float) -> Gradient:
    def gradient(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        weights = torch.ones_like(x)
        weights[index : index + 1] = factor
        return (weights * of_samples(a, x, y)).mean()

    return gradient


def _by_its_data(index: int, factor: float, n: int, special: float) -> Gradient:
    return lambda a, x, y: (torch.where(x == special, factor, 1.0) * of_samples(a, x, y)).mean()


def _of_one_size(index: int, factor: float, n: int, special: float) -> Gradient:
    weights = torch.ones(n, dtype=torch.float64)
    weights[index] = factor
    return lambda a, x, y: (weights * of_samples(a, x, y)).mean()


PLACES = ((2, 1), (3, 2), (20, 7), (1000, 334))  # number of samples, which is wrong


@pytest.mark.parametrize(
    ("place", "factor", "make"), each_value(PLACES, (-1.0, 0.0, 1.5), (_by_place, _by_its_data, _of_one_size))
)
def test_one_wrong_sample_is_named(place: tuple[int, int], factor: float, make: Any) -> None:
    n, index = place
    data = batch(n)
    cause = verified(make(index, factor, n, float(data["x"][index])), data=data)
    assert cause.key == "one_sample"
    assert cause.fields["certain"]
    assert str(index) in cause.message or "last sample" in cause.message
    assert cause.fields.get("sample", index) == index


def test_a_sample_without_its_mask_is_named() -> None:
    loss = Loss("where(m > 0.5, (a*x - y)**2, 0)", parameters="a", data="x, y, m")
    data = {**batch(20), "m": [float(i != 5) for i in range(20)]}
    cause = cause_of(verify(lambda a, x, y, m: of_samples(a, x, y).mean(), loss, data, AT, kind="gradient"))
    assert (cause.key, cause.fields["sample"]) == ("one_sample", 5)


# ---------------------------------------------------------------------------------------------------------- reductions
@pytest.mark.parametrize(
    ("reduce", "key", "told"),
    [
        (lambda g, x, y: g.max(), "reduction", "the largest of the samples' gradients"),
        slow(lambda g, x, y: g.median(), "reduction", "the median of the samples' gradients"),
        (lambda g, x, y: g.sum() / (y != 0).sum().clamp(min=1), "reduction", "number of samples with y ≠ 0, not by N"),
        slow(
            lambda g, x, y: (torch.softmax(x, 0) * g).sum(), "reduction", "the reduction over the samples is at fault"
        ),
        (lambda g, x, y: g[::2].mean(), "reduction", "the reduction over the samples is at fault"),
        (lambda g, x, y: g.sum() / len(g) ** 0.5, "factor", "√N times the gradient"),
        (lambda g, x, y: g.sum() / 32, "factor", "divided by 32, a fixed number in the place of N"),
    ],
)
def test_each_sample_right_and_the_batch_wrong_is_the_reduction(reduce: Any, key: str, told: str) -> None:
    cause = verified(lambda a, x, y: reduce(of_samples(a, x, y), x, y))
    assert (cause.key, cause.fields["certain"]) == (key, True)
    assert told in cause.message
    assert "alone:" not in cause.message


@pytest.mark.parametrize(
    ("candidate", "headline"),
    [
        (lambda a, x, y: 4 * ((a * x - y) ** 2).sum(), "your loss is 4 N times this loss: the sum was taken for the"),
        (
            lambda a, x, y: ((a * x - y) ** 2).sum() / 32,
            "your loss is N/32 times this loss: the sum is divided by 32, ",
        ),
        slow(
            lambda a, x, y: ((a * x - y) ** 2).sum(), "your loss is N times this loss: the sum was taken for the mean; "
        ),
    ],
)
def test_the_headline_of_a_wrong_reduction_is_a_sentence(candidate: Any, headline: str) -> None:
    candidate.__name__ = "loss"
    text = " ".join(str(verify(candidate, SQUARE, batch(20), AT)).split())
    assert text.startswith(f"FAIL {headline}")
    assert "; its gradient agrees with it " in text


@pytest.mark.parametrize("wrong", [3.14159, slow(3.14)])
def test_a_rounded_constant_that_multiplies_all_is_named_beside_its_factor(wrong: float) -> None:
    """A decimal that somebody wrote comes first; that it is a factor may be as true."""
    loss = Loss("pi*sin(a*x)", parameters="a", data="x")
    data = {"x": [0.4, 1.3, 2.2]}
    cause = cause_of(verify(lambda a, x: (wrong * torch.sin(a * x)).mean(), loss, data, {"a": 0.7}))
    assert cause.message.startswith(f"the constant {wrong} should be π; or else it is (1 − ")
    other = cause_of(verify(lambda a, x: (3.0123456789012345 * torch.sin(a * x)).mean(), loss, data, {"a": 0.7}))
    assert "constant" not in other.message and "times" in other.message


# ------------------------------------------------------------------------------------------------------------ clipping
@pytest.mark.parametrize(
    ("gradient", "told"),
    [
        (lambda a, x, y: of_samples(a, x, y).mean().clamp(-0.5, 0.5), "it is clipped at ±0.5"),
        (lambda a, x, y: of_samples(a, x, y).clamp(-0.5, 0.5).mean(), "the gradient of each sample is clipped at ±0.5"),
        (lambda a, x, y: (2 * (a * x - y).clamp(-0.5, 0.5) * x).mean(), "as if a·x − y were clipped at ±0.5"),
    ],
)
def test_clipping_is_told_with_its_threshold(gradient: Gradient, told: str) -> None:
    cause = cause_of(verify(gradient, SQUARE, batch(20), {"a": 2.5}, kind="gradient"))
    assert told in cause.message
    assert "is 0" not in cause.message


def test_a_clipped_loss_has_gradient_0_beyond_the_threshold_alone() -> None:
    report = verify(lambda a, x, y: ((a * x - y).clamp(-0.5, 0.5) ** 2).mean(), SQUARE, batch(20), {"a": 2.5})
    where, _, told = cause_of(report).message.partition(" (right elsewhere): ")
    assert where.startswith("where |a·x − y| > about 0.")
    assert told == "the gradient by a is 0"


def test_a_step_has_no_gradient_to_be_a_multiple_of() -> None:
    step = Loss("where(a*x > 0, 1, 0)", parameters="a", data="x")
    report = verify(lambda a, x: (4 * torch.sigmoid(4 * a * x) * torch.sigmoid(-4 * a * x) * x).mean(), step,
                    {"x": [0.3, -0.2, 0.5]}, AT, kind="gradient")  # fmt: skip
    assert cause_of(report).key == "surrogate"


# ------------------------------------------------------------------------------------------------ evidence and calls
def test_right_samples_are_no_evidence() -> None:
    def gradient(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        g = of_samples(a, x, y)
        return (g * torch.where(x > 0, 1 + torch.sin(5 * x * y * a) ** 2, 1.0)).mean()

    cause = verified(gradient, data={**batch(20), "y": batch(20)["x"] + 0.5})
    assert not cause.fields["certain"] or cause.key == "region"
    for told in cause.message.split("alone: ")[1:]:
        value, _, truth = told.partition(" where ")
        assert float(value) != pytest.approx(float(truth.split()[0]), rel=1e-9)


def test_a_candidate_of_one_size_is_judged_on_the_whole_batch() -> None:
    data = batch(20)
    best = float((data["x"] * data["y"]).sum() / (data["x"] ** 2).sum())  # where the partials of the samples cancel

    def candidate(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if len(x) != 20:
            raise ValueError("made for 20 samples")
        return ((a * x - y) ** 2).mean()

    assert verify(candidate, SQUARE, data, AT).verdict == "pass"
    report = verify(candidate, SQUARE, data, {"a": best})
    assert report.verdict == "inconclusive"
    assert "made for 20 samples" in report.skipped[0].reason
    cause = cause_of(verify(lambda a, x, y: 3.3 * candidate(a, x, y), SQUARE, data, AT))
    assert (cause.key, cause.fields["certain"]) == ("factor", True)
    with pytest.raises(UsageError, match="made for 20 samples"):
        verify(candidate, SQUARE, batch(7), AT)


def test_of_one_size_a_constant_and_n_are_not_told_apart() -> None:
    weights = torch.ones(3, dtype=torch.float64)
    cause = verified(lambda a, x, y: 3 * (weights * of_samples(a, x, y)).mean(), data=THREE)
    assert (cause.key, cause.fields["certain"]) == ("factor", False)
    assert "N times the gradient" in cause.message
    assert "3 times the gradient" in cause.message


@pytest.mark.parametrize("n", [slow(20), 1000])
def test_the_calls_for_a_cause_are_bounded(n: int) -> None:
    calls = 0

    def gradient(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return (of_samples(a, x, y) * torch.sin(7 * x * y)).mean()

    verified(gradient, data=batch(n))
    assert calls <= 12 + 36 + 4 + 2 * n.bit_length() + 16


def _spoiled(draw: np.random.Generator, data: dict[str, Any]) -> tuple[Gradient, set[str]]:
    """A gradient with one error drawn at random, and the causes that name it."""
    level, factor = float(np.median(data["x"])), float(draw.choice([0.0, -1.0, 2.0, 0.5, 1.25]))
    index, n = int(draw.integers(0, len(data["x"]))), len(data["x"])
    errors: list[tuple[Gradient, set[str]]] = [
        (lambda a, x, y: (torch.where(x > level, factor, 1.0) * of_samples(a, x, y)).mean(), {"region"}),
        (lambda a, x, y: (torch.where(y == 1, factor, 1.0) * of_samples(a, x, y)).mean(),
         {"region", "factor_of_input", "wrong_power"}),
        (_by_place(index, factor, n, 0.0), {"one_sample"}),
        (_of_one_size(index, factor, n, 0.0), {"one_sample"}),
        (lambda a, x, y: (2 * (a.detach() if factor else a) * x * x - 2 * factor * y * x).mean(),
         {"extra_term", "sign_of_term", "missing_term", "factor", "factor_of_input", "wrong_power", "cut_path", "region"}),
    ]  # fmt: skip
    return errors[int(draw.integers(len(errors)))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_no_random_error_gets_a_wrong_cause_with_certainty(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = int(draw.choice([5, 8, 20, 60]))
    data, at = batch(n), {"a": float(draw.normal())}
    gradient, keys = _spoiled(draw, data)
    report = verify(gradient, SQUARE, data, at, kind="gradient")
    if report.verdict == "fail":
        cause = cause_of(report)
        assert cause.key in keys or not cause.fields["certain"], cause
