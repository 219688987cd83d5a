"""Programs that are wrong where nobody looks: for one sample, another upstream gradient, a second call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from autograd_functions import function_of, function_of_all
from representatives import one_in, slow

import diffexplore as dx

Tensor = torch.Tensor


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("is_one", [slow(lambda n: n <= 1), lambda n: n == 1])
def test_a_branch_for_one_sample_is_decided_as_well(is_one: Callable[[int], bool]) -> None:
    def branches(a: Tensor, x: Tensor) -> Tensor:
        return (a.detach() * x).mean() + 0 * a if is_one(x.shape[0]) else (a * x).mean()

    def same(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).sum() if is_one(x.shape[0]) else (a * x).mean()

    proof = dx.prove(branches, parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("refuted", ("N = 1",))
    assert dx.prove(same, parameters="a", data="x").conditions == ()
    assert dx.prove(lambda a, x: (a * x).mean(), parameters="a", data="x").conditions == ()
    assert dx.prove(lambda a, x: (a * x).var(), parameters="a", data="x").conditions == ("N ≥ 2",)


@pytest.mark.usefixtures("causes_unsought")
def test_an_argument_may_be_called_upstream() -> None:
    def half_detached(upstream: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return (a * x + upstream.detach() * x).sum()

    proof = dx.prove(half_detached, parameters="upstream, a")
    assert [statement.name for statement in proof.refuted] == ["upstream"]
    weighted = dx.prove(lambda upstream, x: upstream * x, parameters="upstream", data="x")
    assert (weighted.status, [s.name for s in weighted.statements]) == ("proved", ["upstream"])


@pytest.mark.usefixtures("causes_unsought")
def test_a_backward_that_ignores_the_upstream_gradient_of_one_number() -> None:
    forgets = function_of(lambda x: (x**3).mean(), lambda upstream, x: 3 * x**2 / x.shape[0])
    right = function_of(lambda x: (x**3).mean(), lambda upstream, x: upstream * 3 * x**2 / x.shape[0])
    assert dx.prove(forgets, parameters="", data="x").status == "refuted"
    assert dx.prove(right, parameters="", data="x").status == "proved"
    assert dx.prove(right, dx.Loss("x**3", parameters="", data="x")).status == "proved"
    assert dx.prove(function_of(lambda x: x**3, lambda g, x: 3 * x**2), parameters="x", data="").status == "refuted"


def test_a_module_is_not_called_before_it_is_traced() -> None:
    class Centred(torch.nn.Module):
        calls = 0

        def forward(self, a: Tensor, x: Tensor) -> Tensor:
            self.calls += 1
            return (0.1 * a * x).sum()

    module = Centred()
    assert dx.prove(module, parameters="a").status == "proved"
    assert module.calls == 2  # for any number of samples and for one: each graph is read in as many ways as it takes


@pytest.mark.usefixtures("causes_unsought")
def test_data_require_gradients_only_where_they_are_asked_for() -> None:
    def asks(a: Tensor, x: Tensor) -> Tensor:
        return ((a if x.requires_grad else a.detach()) * x).sum() + 0 * a

    assert dx.prove(asks, parameters="a").status == "refuted"
    assert dx.prove(asks, parameters="a", wrt="a, x").status == "proved"


@pytest.mark.usefixtures("causes_unsought")
def test_the_domain_is_a_condition_for_each_sample() -> None:
    identity = function_of(torch.abs, lambda upstream, x: upstream)
    proof = dx.prove(identity, parameters="", data="x", domain="x > 0")
    assert (proof.status, proof.conditions) == ("proved", ("x > 0",))
    assert dx.prove(identity, parameters="", data="x").status == "refuted"
    mixing = function_of(lambda x: x.abs().cumsum(0), lambda g, x: g.flip(0).cumsum(0).flip(0))
    proof = dx.prove(mixing, parameters="", data="x", domain="x > 0")
    assert (proof.status, proof.samples) == ("proved", 4)


def test_symbols_of_samples_that_are_taken_are_refused() -> None:
    with pytest.raises(dx.UsageError, match="x_1"):
        dx.prove(lambda x_1, x: (x_1 * x.cumsum(0)).sum(), parameters="x_1", data="x")


@pytest.mark.parametrize("power", one_in(4, [1.1, 0.7, 1 / 3, 2.2], first=2))
def test_powers_with_decimal_exponents(power: float) -> None:
    proof = dx.prove(lambda a, x: ((a * x) ** power).mean(), parameters="a", data="x", domain=["a > 0", "x > 0"])
    assert proof.status == "proved"
    assert any("read as" in note for note in proof.notes)


@pytest.mark.usefixtures("causes_unsought")
def test_a_decimal_that_is_nearly_another_is_itself() -> None:
    nearly = function_of(lambda x: x**1.1, lambda g, x: g * 1.1 * x**0.10000000000000019)
    assert dx.prove(nearly, parameters="", data="x", domain="x > 0").status != "proved"


def test_a_choice_does_not_undo_what_is_not_a_number() -> None:
    """The derivative of √x times 0 is no number for x < 0, in torch."""
    trap = dx.prove(lambda x: torch.where(x > 0, torch.sqrt(x), 0).sum(), parameters="", data="x")
    assert trap.status == "proved"
    assert "x ≥ 0 for every sample" in trap.conditions
    point = torch.tensor([-1.0], dtype=torch.float64, requires_grad=True)
    torch.where(point > 0, torch.sqrt(point), 0).sum().backward()
    assert point.grad is not None
    assert point.grad.isnan().all()
    safe = dx.prove(lambda x: torch.sqrt(torch.where(x > 0, x, 1)).sum(), parameters="", data="x")
    assert (safe.status, safe.conditions) == ("proved", ("x ≠ 0 for every sample",))


@pytest.mark.parametrize(
    ("slope", "condition"),
    one_in(
        3,
        [
            (lambda x: 2 * x.log().exp(), "x > 0 for every sample"),
            (lambda x: 2 * x.sqrt() ** 2, "x ≥ 0 for every sample"),
            (lambda x: 2 * x.asin().sin(), "x ≤ 1 for every sample"),
            (lambda x: 2 * x + 0 * x.sqrt(), "x ≥ 0 for every sample"),
            (lambda x: 2 * x * x.relu() / x.relu(), "x > 0 for every sample"),
            (lambda x: 2 * x * (x - 1) / (x - 1), "x ≠ 1 for every sample"),
        ],
    ),
)
def test_what_cancels_in_a_formula_is_still_asked_for(slope: Callable[[Tensor], Tensor], condition: str) -> None:
    square = function_of(lambda x: x**2, lambda upstream, x: upstream * slope(x))
    proof = dx.prove(square, parameters="", data="x")
    assert proof.status == "proved"
    assert condition in proof.conditions


def test_the_largest_of_some_numbers_is_one_of_them() -> None:
    proof = dx.prove(lambda w, x: (w * x).amax(1).mean(), parameters="w[2]", data="x[2]")
    assert (proof.status, proof.conditions) == ("proved", ("w1·x1 − w2·x2 ≠ 0 for every sample",))


def test_every_pair_of_operands_that_meet_has_its_condition() -> None:
    """A power of a column by a row has all bases with all exponents: at weight 0, √x₁ is NaN for x₁ < 0 all the same."""

    def outer(x: Tensor) -> Tensor:
        powers = torch.pow(x.reshape(2, 1), torch.tensor([[2.0, 0.5]]))
        return (powers * torch.tensor([[1.0, 0.0], [1.0, 1.0]])).sum()

    assert outer(torch.tensor([-1.0, 1.0])).isnan()
    proof = dx.prove(outer, parameters="x[2]")
    assert (proof.status, set(proof.conditions)) == ("proved", {"x1 > 0", "x2 ≠ 0"})


@pytest.mark.parametrize(
    ("times_log", "conditions"),
    [
        (lambda x: torch.xlogy(torch.tensor([1.0, 0.0]), x), {"x1 > 0", "x2 ≠ 0"}),
        (lambda x: torch.special.xlog1py(torch.tensor([1.0, 0.0]), x), {"x1 > −1", "x2 ≠ −1"}),
    ],
)
def test_a_logarithm_that_a_weight_of_0_cancels_has_its_condition(
    times_log: Callable[[Tensor], Tensor], conditions: set[str]
) -> None:
    def loss(x: Tensor) -> Tensor:
        return (times_log(x) * torch.tensor([0.0, 1.0])).sum() + x.sum()

    assert loss(torch.tensor([-2.0, 1.0])).isnan()
    assert loss(torch.tensor([2.0, -2.0])).isfinite()
    proof = dx.prove(loss, parameters="x[2]")
    assert (proof.status, set(proof.conditions)) == ("proved", conditions)


RECTIFIED = function_of(torch.relu, lambda upstream, x: upstream * torch.where(x > 0, 1.0, 0.0))


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("candidate", "formula", "status"),
    [
        (RECTIFIED, "exp(log(x))", "proved"), (RECTIFIED, "sqrt(x)**2", "proved"), (RECTIFIED, "(x)", "refuted"),
        (function_of(torch.relu, lambda upstream, x: upstream * torch.where(x == 2, 3.0, 1.0)), "exp(log(x))", "refuted"),
    ],
)  # fmt: skip
def test_a_loss_counts_where_it_has_a_value_as_it_was_written(candidate: Any, formula: str, status: str) -> None:
    """SymPy makes x of each formula, which has a value everywhere."""
    proof = dx.prove(candidate, formula, parameters="x")
    assert proof.status == status
    assert (proof.exclusions == ("x > 0",)) == (formula != "(x)")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    "backward",
    [
        lambda g, x: g * torch.where(x > 20, 7.0, torch.sigmoid(x)),
        slow(lambda g, x: g * torch.where(x > 25, 0.5, torch.sigmoid(x))),
        lambda g, x: g * torch.where((x > 30) & (x < 31), 7.0, torch.sigmoid(x)),
    ],
)
def test_a_convention_excuses_no_other_fault_in_its_region(backward: Callable[[Tensor, Tensor], Tensor]) -> None:
    proof = dx.prove(function_of(F.softplus, backward), parameters="x")
    assert proof.status == "refuted"
    assert proof.refuted[0].decision.counterexample.point["x"] > 20
    right = dx.prove(function_of(F.softplus, lambda g, x: g * torch.sigmoid(x)), parameters="x")
    assert (right.status, len(right.exclusions)) == ("proved", 1)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("forward", "domain"),
    [
        slow(lambda p: F.binary_cross_entropy(p, torch.ones_like(p)), ["p > 0", "p < 1"]),
        (lambda p: F.gaussian_nll_loss(torch.ones_like(p), torch.zeros_like(p), p), "p > 0"),
        (torch.special.i1, ()),
    ],
)
def test_a_fault_beside_a_convention_is_seen(forward: Callable[[Tensor], Tensor], domain: Any) -> None:
    """The wrong branch lies inside of the region that the convention leaves out."""
    doubled = function_of(lambda x: x, lambda g, x: g * torch.where((x > 0) & (x < 1e-50), 2.0, 1.0))
    program = lambda p: forward(doubled.apply(p))  # noqa: E731
    assert dx.prove(forward, parameters="p", domain=domain).status == "proved"
    assert dx.prove(program, parameters="p", domain=domain).status != "proved"


@pytest.mark.usefixtures("causes_unsought")
def test_a_loss_is_no_other_one_beyond_a_threshold() -> None:
    wrong = dx.prove(lambda x: torch.where(x > 30, 2 * x, F.softplus(x)), "softplus(x)", parameters="x")
    assert wrong.status == "refuted"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("condition", [lambda x: (x > 0).sum() == 2, slow(lambda x: (x > 0).double().mean() == 0.5)])
def test_a_condition_that_counts_samples_is_about_all_of_them(condition: Callable[[Tensor], Tensor]) -> None:
    """SymPy would take the choice of each sample for that of the sample outside the sum."""
    forgets = function_of(lambda x: x**2, lambda g, x: g * 2 * x * torch.where(condition(x), 2.0, 1.0))
    proof = dx.prove(forgets, parameters="", data="x")
    assert (proof.status, proof.samples) == ("refuted", 4)


@pytest.mark.usefixtures("causes_unsought")
def test_a_counterexample_beside_a_threshold_has_few_decimals() -> None:
    late = function_of(lambda x: x**2, lambda g, x: g * torch.where(x > 20, 7.0, 2 * x))
    (wrong,) = dx.prove(late, parameters="x").refuted
    assert wrong.decision.counterexample is not None
    assert wrong.decision.counterexample.point["x"].denominator <= 1000


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("condition", "parameters", "data"),
    [
        (lambda x: x.mean() > 1000, "", "x"),
        slow(lambda x: x.var(unbiased=False) < 1e-12, "", "x"),
        (lambda x: x.std(unbiased=False) < 1e-6, "", "x"),
        (lambda x: x.norm() == 1, "x[3]", ""),
    ],
)
def test_a_rule_that_is_wrong_where_few_look_is_refuted(
    condition: Callable[[Tensor], Tensor], parameters: str, data: str
) -> None:
    """A mean far off, samples that are nearly equal, a vector of length 1."""
    slope = lambda g, x: g * (2 * x + 1) * torch.where(condition(x), 2.0, 1.0)  # noqa: E731
    proof = dx.prove(function_of(lambda x: x**2 + x, slope), parameters=parameters, data=data)
    assert proof.status == "refuted"


def test_weights_of_a_module_are_said_to_be_constants() -> None:
    class Frozen(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return (self.scale.detach() * x).sum()

    proof = dx.prove(Frozen())
    assert proof.status == "proved"
    assert any("gradients by scale are not looked at" in note for note in proof.notes)


def test_one_number_at_the_counterexample_does_not_show_where_a_gradient_is_clipped() -> None:
    def back(g: Tensor, a: Tensor) -> Tensor:
        norm = a.norm()
        return (g - (g * a).sum() * a / norm**2) / norm.clamp_min(1e-3)

    function = function_of_all(lambda a: F.normalize(a, dim=0), back)
    proof = dx.prove(function, parameters={"a": (2,)}, wrt="a1")
    assert proof.status == "refuted"
    assert "clipped" not in str(proof)
