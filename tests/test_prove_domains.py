"""What cancels from a formula still needs its value where torch computes it: its domain is a condition of a proof."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import each_value, one_in, slow

import diffexplore as dx

Tensor = torch.Tensor
Map = Callable[[Tensor], Tensor]

#: How a function leaves no trace in the formula of a program.
CANCELLED: dict[str, Callable[[Map, Tensor], Tensor]] = {
    "difference": lambda f, a: f(a) - f(a),
    "product": lambda f, a: 0 * f(a),
    "power": lambda f, a: f(a) ** 0,
}

#: What torch gives at 0, −1, −2, … is infinite, NaN or, by rounding, a number that is none of the function's.
WITH_POLES: dict[str, Map] = {
    "lgamma": torch.lgamma,
    "digamma": torch.digamma,
    "trigamma": lambda a: torch.polygamma(1, a),
}

POLES = "a is not 0, −1, −2, …"


@pytest.mark.parametrize(("name", "way"), each_value(list(WITH_POLES), list(CANCELLED)))
def test_poles_of_what_cancels_are_left_out(name: str, way: str) -> None:
    proof = dx.prove(lambda a: (CANCELLED[way](WITH_POLES[name], a) + a * a).sum(), parameters="a")
    assert (proof.status, proof.conditions, proof.exclusions) == ("proved", (POLES,), ())


def test_poles_of_data_are_left_out_for_every_sample() -> None:
    proof = dx.prove(lambda a, x: (a * (torch.lgamma(x) - torch.lgamma(x)) + a).sum(), parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("proved", ("x is not 0, −1, −2, … for every sample",))


def test_what_is_positive_is_at_no_pole() -> None:
    assert dx.prove(lambda a: 0 * torch.lgamma(a.exp()) + a, parameters="a").conditions == ()
    assert dx.prove(lambda a: 0 * torch.lgamma(a) + a, parameters="a", domain="a > 0").conditions == ("a > 0",)


@pytest.mark.parametrize(
    ("written", "condition"),
    one_in(3, [
        (torch.Tensor.log_, "a > 0"), (torch.Tensor.sqrt_, "a ≥ 0"), (torch.Tensor.rsqrt_, "a > 0"),
        (torch.Tensor.reciprocal_, "a ≠ 0"), (torch.Tensor.log1p_, "a > −1"), (torch.Tensor.tan_, "cos(a) ≠ 0"),
        (torch.Tensor.lgamma_, POLES), (lambda b: b.div_(b - 1), "a ≠ 1"), (lambda b: b.pow_(-1), "a ≠ 0"),
    ], first=1),
)  # fmt: skip
def test_what_writes_in_place_needs_its_value_where_it_was_before(written: Map, condition: str) -> None:
    def cancelled(a: Tensor) -> Tensor:
        copy = a.clone()
        written(copy)
        return (0 * copy + a).sum()

    proof = dx.prove(cancelled, parameters="a")
    assert proof.status == "proved" and condition in proof.conditions
    assert all("tan(a)" not in one and "gamma(a)" not in one for one in proof.conditions), "of what it wrote"


@pytest.mark.parametrize(
    ("outer", "inner"), each_value([torch.atanh, torch.asin, torch.sqrt], [lambda a: 1 / a, torch.log])
)
def test_a_domain_that_has_no_value_somewhere_is_not_met_there(outer: Map, inner: Map) -> None:
    proof = dx.prove(lambda a: (0 * outer(inner(a)) + a).sum(), parameters="a")
    assert proof.status == "proved" and proof.conditions


def test_a_condition_that_always_holds_is_not_stated() -> None:
    proof = dx.prove(lambda a: (0 * torch.atan2(a, a) + a).sum(), parameters="a")
    assert (proof.status, proof.conditions) == ("proved", ())


def test_a_domain_without_a_value_at_a_point_is_not_met_there() -> None:
    proof = dx.prove(lambda a: (a * a).sum(), parameters="a", domain="log(a) > 0")
    assert proof.status == "proved"


@pytest.mark.parametrize(
    ("program", "condition"),
    [
        pytest.param(lambda a, x: (a * x / x.sum()).sum(), "Σ(x) ≠ 0", id="only the condition has a sum"),
        pytest.param(lambda a, x: a * a + 0 * x.sum().log(), "Σ(x) > 0", id="one with a sign"),
    ],
)
def test_what_conditions_need_of_samples_is_met_where_both_sides_are_looked_at(
    program: Callable[..., Tensor], condition: str
) -> None:
    proof = dx.prove(program, parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("proved", (condition,))


class _Call(torch.autograd.Function):
    """The price of a European call (F. Black, M. Scholes, 1973), with its greeks as they are derived on paper."""

    @staticmethod
    def forward(ctx: Any, spot: Tensor, strike: Tensor, time: Tensor, volatility: Tensor) -> Tensor:
        spread = volatility * time.sqrt()
        upper = (torch.log(spot / strike) + 0.5 * volatility**2 * time) / spread
        ctx.save_for_backward(spot, strike, time, volatility, upper)
        return spot * torch.special.ndtr(upper) - strike * torch.special.ndtr(upper - spread)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        spot, _strike, time, volatility, upper = ctx.saved_tensors
        density = torch.exp(-upper * upper / 2) / math.sqrt(2 * math.pi)
        lower = upper - volatility * time.sqrt()
        slopes = torch.special.ndtr(upper), -torch.special.ndtr(lower)
        return *(upstream * one for one in slopes), upstream * spot * density * volatility / (2 * time.sqrt()), None


@pytest.mark.parametrize("name", [slow("spot"), "time"])
def test_the_greeks_of_a_call_are_proved(name: str) -> None:
    """That S·φ(d₁) = K·φ(d₂) takes the exponents apart, of which log(S/K)/2 is a part."""
    proof = dx.prove(_Call, parameters="spot, strike, time, volatility", data=[], wrt=name)
    assert proof.status == "proved"


def test_where_the_program_has_no_value_nothing_is_said_of_its_gradient() -> None:
    """SymPy reads a·u/u as a; written, it is 0/0 for v ≤ 0."""
    proof = dx.prove(lambda a, v: (a * torch.relu(v) / torch.relu(v)).mean(), parameters="a, v")
    assert (proof.status, proof.exclusions, proof.unvalued) == ("proved", ("v > 0",), ())
    proof = dx.prove(lambda a, v: torch.where(v > 0, a * torch.relu(v) / torch.relu(v), a).sum(), parameters="a, v")
    assert proof.exclusions == ("v > 0",)
    assert "for v < 0 autograd computes NaN or an infinity" in proof.unvalued[0]
    proof = dx.prove(lambda a, v: (a * torch.log(torch.relu(v)) / torch.log(torch.relu(v))).sum(), parameters="a, v")
    assert proof.status == "proved" and not any("False" in one for one in proof.conditions)
    assert "v > 0" in proof.exclusions


def entropy(p: Tensor, q: Tensor) -> Tensor:
    return torch.special.entr(p).sum() + torch.special.entr(q).sum()


#: A function of parameters, the equations of its domain, and what is proved.
ON_SURFACES: dict[str, tuple[Callable[..., Tensor], str, str | list[str], str]] = {
    "simplex": (entropy, "p, q", "p + q == 1", "proved"),
    "level": (lambda a, b: (torch.sqrt(a) * b).sum(), "a, b", "a == 2", "proved"),
    "circle": (lambda a, b: torch.relu(a - b).sum() + a * b, "a, b", "a**2 + b**2 == 1", "proved"),
    "kink": (lambda a, b: torch.relu(a - b).sum() + a * b, "a, b", "a == b", "unknown"),
    "empty": (lambda a, b: (a * b).sum(), "a, b", ["a*b == 1", "a > 2", "b > 2"], "unknown"),
    "kink_with_values": (lambda a, b: torch.abs(a + b - 1).sum(), "a, b", "a + b == 1", "unknown"),
    "without_value": (entropy, "p, q", "p + q == -1", "unknown"),
}


@pytest.mark.parametrize("name", ON_SURFACES)
def test_a_domain_may_be_a_surface(name: str) -> None:
    function, parameters, equation, status = ON_SURFACES[name]
    proof = dx.prove(function, parameters=parameters, domain=equation)
    assert proof.status == status
    if status == "proved":
        assert isinstance(equation, str)
        assert proof.exclusions[0] == equation.replace("==", "=").replace("**2", "²")
        assert all(statement.decision.witness is not None for statement in proof.statements)


class TwiceOnALine(torch.autograd.Function):
    """Right where a + b = 1, and nowhere else."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return upstream * b * (a + b), upstream * a


def test_what_differs_beside_a_surface_is_no_counterexample_on_it() -> None:
    assert dx.prove(TwiceOnALine.apply, parameters="a, b", domain="a + b == 1").status == "unknown"
    assert dx.prove(TwiceOnALine.apply, parameters="a, b").status == "refuted"


class TimesLogarithm(torch.autograd.Function):
    """xlogy, whose backward by a is 0 in place of log(x) where the factor is 0 and ``zero`` holds."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor, zero: Map) -> Tensor:
        ctx.save_for_backward(a, x)
        ctx.zero = zero
        return torch.xlogy(a, x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        a, x = ctx.saved_tensors
        return torch.where((a == 0) & ctx.zero(x), 0.0, upstream * x.log()), upstream * a / x, None


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("zero", "status"),
    [
        (lambda x: x <= 0, "proved"), slow(lambda x: x < 0, "proved"), (lambda x: x <= 1, "refuted"),
        slow(lambda x: x < 2, "refuted"), slow(lambda x: x == 2, "refuted"), slow(lambda x: x != 2, "refuted"),
    ],
)  # fmt: skip
def test_a_boundary_ends_where_the_function_ends_beside_it(zero: Map, status: str) -> None:
    """At a = 0 and x ≤ 0 xlogy is 0, and it has no value beside that as a moves: nothing is claimed there."""
    proof = dx.prove(lambda a, x: TimesLogarithm.apply(a, x, zero), parameters="a x", data="", wrt="a")
    assert (proof.status, proof.conditions) == (status, ())


@pytest.mark.parametrize("function", [torch.xlogy, slow(torch.special.xlog1py)])
def test_xlogy_is_proved_without_a_condition(function: Callable[..., Tensor]) -> None:
    assert dx.prove(function, parameters="a x", data="").conditions == ()
