"""Programs that choose by data or by a kink: each class is decided, equality included, and the headline leaves none out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from autograd_functions import function_of
from representatives import one_in, slow, these
from sympy.logic.boolalg import Boolean

import diffexplore as dx
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.proving.scope import sizes_of

Tensor = torch.Tensor


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def negated(hit: Callable[[Tensor], Tensor]) -> Any:
    """A square whose backward has the wrong sign where ``hit`` says so of the second argument."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor, t: Tensor) -> Tensor:
            ctx.save_for_backward(z, t)
            return z**2

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            z, t = ctx.saved_tensors
            return torch.where(hit(t), -2 * z, 2 * z) * upstream, None

    return Square


def crossed(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    z = a * x
    return torch.where(y == 1, -torch.log(torch.sigmoid(z)), -torch.log(1 - torch.sigmoid(z))).mean()


def crossed_cut(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    z = a * x
    return torch.where(y == 1, -torch.log(torch.sigmoid(z.detach())), -torch.log(1 - torch.sigmoid(z))).mean()


RIGHT: dict[str, Callable[..., Tensor]] = {
    "labels": crossed,
    "mask": lambda a, x, y: ((y == 1).to(x.dtype) * (a * x) ** 2 + (y != 1).to(x.dtype) * a * x).mean(),
    "ignored": lambda a, x, y: ((a * x - y) ** 2).masked_fill(y == -100, 0).mean(),
    "two seams": lambda a, x, y: torch.where((y == 1) & (x == 3), (a * x) ** 2, a * x).mean(),
    "inequality": lambda a, x, y: torch.where(y > 0, a * x, (a * x) ** 2).mean(),
    "nested": lambda a, x, y: torch.where(y == 1, torch.where(x == 2, a**2, a), a**3 * x).mean(),
    "squared": lambda a, x, y: torch.where(y * y == 4, a**2 * x, a * x).mean(),
    "line": lambda a, x, y: torch.where(x + y == 1, a**2, a * x).mean(),
    "outside the sum": lambda a, x, y: torch.where(y == 1, a * x, 2 * a * x).mean() ** 2,
    "function": lambda a, x, y: negated(lambda t: t != t).apply(a * x, y).mean(),
}

WRONG: dict[str, Callable[..., Tensor]] = {
    "labels": crossed_cut,
    "mask": lambda a, x, y: ((y == 1).to(x.dtype) * (a * x).detach() + (y != 1).to(x.dtype) * a * x).mean(),
    "ignored": lambda a, x, y: torch.where(y == -100, (a * x - y).detach(), (a * x - y) ** 2).mean(),
    "two seams": lambda a, x, y: torch.where((y == 1) & (x == 3), (a * x).detach(), a * x).mean(),
    "inequality": lambda a, x, y: torch.where(y > 0, a * x, torch.where(y < 0, a**2, a.detach()) * x).mean(),
    "nested": lambda a, x, y: torch.where(y == 1, torch.where(x == 2, a.detach(), a), a**3 * x).mean(),
    "squared": lambda a, x, y: torch.where(y * y == 4, a.detach() * x, a * x).mean(),
    "line": lambda a, x, y: torch.where(x + y == 1, a.detach(), a * x).mean(),
    "outside the sum": lambda a, x, y: torch.where(y == 1, (a * x).detach(), 2 * a * x).mean() ** 2,
    "function": lambda a, x, y: negated(lambda t: t == 2).apply(a * x, y).mean(),
}

#: What certainly holds of a sample in a counterexample.
THERE: dict[str, Callable[[float, float], bool]] = {
    "labels": lambda x, y: y == 1,
    "mask": lambda x, y: y == 1,
    "ignored": lambda x, y: y == -100,
    "two seams": lambda x, y: (x, y) == (3, 1),
    "inequality": lambda x, y: y == 0,
    "nested": lambda x, y: (x, y) == (2, 1),
    "squared": lambda x, y: abs(y) == 2,
    "line": lambda x, y: x + y == 1,
    "outside the sum": lambda x, y: y == 1,
    "function": lambda x, y: y == 2,
}


@pytest.mark.parametrize("name", these(set(list(RIGHT)[::3]) - {"labels"}, RIGHT))
def test_a_condition_on_data_is_a_case_and_no_side_condition(name: str) -> None:
    proof = dx.prove(RIGHT[name], parameters="a", data="x, y")
    assert (proof.status, proof.conditions) == ("proved", ())
    assert str(proof).endswith("for every input and every number of samples; traced in float64")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", one_in(6, WRONG, first=1))
def test_a_class_with_a_wrong_gradient_is_refuted_by_a_sample_of_it(name: str) -> None:
    proof = dx.prove(WRONG[name], parameters="a", data="x, y")
    assert proof.status == "refuted"
    found = proof.refuted[0].decision.counterexample
    assert found is not None
    samples = [{key: float(value) for key, value in sample.items()} for sample in found.samples]
    assert any(THERE[name](sample["x"], sample["y"]) for sample in samples)
    # What is said of the program is what it computes there.
    a = torch.tensor(float(found.point["a"]), dtype=torch.float64, requires_grad=True)
    x, y = (torch.tensor([sample[key] for sample in samples], dtype=torch.float64) for key in "xy")
    (slope,) = torch.autograd.grad(WRONG[name](a, x, y), a)
    assert slope.item() == pytest.approx(float(found.right.middle), rel=1e-12)
    apart = abs(float(found.left.middle) - float(found.right.middle))
    assert apart > 1e-3 * max(abs(float(found.left.middle)), abs(float(found.right.middle)))


#: On x = 0 the branch that is not taken lacks its value for some a alone, so that no rule holds on all of the seam.
HALF_DEFINED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "power": lambda a, x: torch.where(x == 0, 3 * a.detach(), x**a).mean(),
    "one side": lambda a, x: torch.where(x > 0, x**a, 3 * a.detach()).mean(),
    "with a root": lambda a, x: torch.where(x == 0, a.detach(), torch.sqrt(x) * a + x**a).mean(),
}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", one_in(3, HALF_DEFINED))
def test_a_seam_with_a_side_that_lacks_its_value_in_part_is_looked_at(name: str) -> None:
    """At x = 0 and a > 0 autograd computes 0, where the derivative is 3 or 1."""
    proof = dx.prove(HALF_DEFINED[name], parameters="a", data="x")
    assert proof.status == "refuted"
    found = proof.refuted[0].decision.counterexample
    assert found is not None and found.point["a"] > 0 and any(sample["x"] == 0 for sample in found.samples)


def test_a_seam_that_cannot_be_told_stands_in_the_headline() -> None:
    proof = dx.prove(
        lambda a, x: torch.where(x == 0, 3 * a.detach(), a * torch.log(x)).mean(), parameters="a", data="x"
    )
    assert (proof.status, proof.exclusions) == ("proved", ("x ≠ 0 for every sample",))


@pytest.mark.parametrize(
    ("program", "arguments", "stated"),
    [
        (lambda a, b: a**b, {"parameters": "a, b"}, ("a > 0",)),
        (lambda a, x: (x**a).mean(), {"parameters": "a", "data": "x"}, ("x > 0 for every sample",)),
    ],
)
def test_a_choice_that_follows_from_a_condition_is_not_stated(
    program: Any, arguments: dict[str, str], stated: tuple[str, ...]
) -> None:
    assert dx.prove(program, **arguments).conditions == stated


@pytest.mark.usefixtures("causes_unsought")
def test_a_domain_on_a_seam_is_decided() -> None:
    proof = dx.prove(RIGHT["inequality"], parameters="a", domain="y == 1")
    assert (proof.status, proof.exclusions) == ("proved", ("y = 1",))

    def cut(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.where(y == 1, (a * x).detach(), (a * x) ** 2).mean()

    assert dx.prove(cut, parameters="a", domain="y == 1").status == "refuted"
    assert dx.prove(cut, parameters="a", domain="y != 1").status == "proved"


@pytest.mark.usefixtures("causes_unsought")
def test_a_seam_of_a_parameter_is_a_case_for_the_others() -> None:
    def chosen(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
        return (torch.where(b == 0, a.detach(), a) * x).mean()

    proof = dx.prove(chosen, parameters="a, b", wrt="a")
    found = proof.refuted[0].decision.counterexample
    assert found is not None and found.point["b"] == 0


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("function", "exact", "computed"),
    [
        (lambda a: torch.where(a == 0, a, 2 * a), 2, 1),
        slow(lambda a: torch.where(a == 0, 0 * a, a), 1, 0),
        (lambda a: torch.relu(a) - torch.relu(-a), 1, 0),
        slow(lambda a: torch.where(a == 0, torch.ones_like(a), torch.exp(a)), 1, 0),
        (lambda a: torch.relu(a) - torch.where(a >= 0, a, 0), 0, -1),
    ],
)
def test_a_point_at_which_the_rule_is_wrong_is_a_counterexample(
    function: Callable[[Tensor], Tensor], exact: int, computed: int
) -> None:
    proof = dx.prove(function, parameters="a", data="")
    assert proof.status == "refuted"
    found = proof.refuted[0].decision.counterexample
    assert found is not None and dict(found.point) == {"a": 0}
    assert (float(found.left.middle), float(found.right.middle)) == (exact, computed)


@pytest.mark.parametrize(
    ("function", "conditions"),
    [
        (lambda a: a.abs(), ("a ≠ 0",)),
        (lambda a: torch.where(a >= 0, a, 2 * a), ("a ≠ 0",)),
        (lambda a: torch.where(a == 0, a + 1, a), ("a ≠ 0",)),
        (lambda a: torch.where(a >= 0, a**2, -(a**2)), ()),
        (lambda a: torch.where(a == 0, 2 * a, torch.where(a > 0, 2 * a, a + a)), ()),
        (lambda a: a.abs() ** 3, ()),
    ],
)
def test_a_kink_is_a_side_condition_and_a_smooth_seam_is_none(
    function: Callable[[Tensor], Tensor], conditions: tuple[str, ...]
) -> None:
    proof = dx.prove(function, parameters="a", data="")
    assert (proof.status, proof.conditions, proof.exclusions) == ("proved", conditions, ())


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("cut", "status"), [slow(False, "proved"), (True, "refuted")])
def test_a_corner_of_two_smooth_seams_is_looked_at(cut: bool, status: str) -> None:
    def corner(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        smooth = torch.where(x > 0, x, 0) ** 2 + torch.where(y > 0, y, 0) ** 2
        return torch.where((x == 0) & (y == 0), a.detach() if cut else a, a * smooth).mean()

    assert dx.prove(corner, parameters="a", data="x, y").status == status


def test_what_is_no_null_set_stands_in_the_headline() -> None:
    proof = dx.prove(lambda a, x, y: torch.where(y * y == 2, (a * x).detach(), a * x).mean(), parameters="a")
    assert proof.exclusions == ("y² ≠ 2 for every sample",)
    assert "where y² ≠ 2 for every sample" in str(proof)
    assert "every input" not in str(proof)
    logarithm = dx.prove(lambda s, x: (s.log() * x).mean(), parameters="s", domain=["s > 0", "s**2 + 1 > 0"])
    assert logarithm.conditions == ("s > 0",)  # what always holds is not listed
    assert "where s > 0" in str(logarithm)


def test_where_autograd_is_not_a_number_the_headline_says_so() -> None:
    trap = dx.prove(lambda a: torch.where(a > 0, a.sqrt(), 0), parameters="a", data="")
    assert str(trap).endswith("for a < 0 autograd computes NaN, where the derivative is 0; traced in float64")
    double = dx.prove(lambda a, x, d: torch.where(d == 0, 0, a * x / d).mean(), parameters="a", data="x, d")
    assert double.status == "proved"
    assert (
        "for samples with d = 0 autograd computes NaN or an infinity, where the derivative of their term is 0"
        in str(double)
    )
    safe = dx.prove(
        lambda a, x, d: torch.where(d == 0, 0, a * x / torch.where(d == 0, 1, d)).mean(), parameters="a", data="x, d"
    )
    assert (safe.status, safe.conditions) == ("proved", ())


@pytest.mark.parametrize(
    ("guard", "sizes"),
    one_in(
        3,
        [  # of numbers of samples at which the program cannot be read
            (lambda n: n % 2 == 0, ("N odd",)),
            (lambda n: n % 3 == 0, ("N not a multiple of 3",)),
            (lambda n: n == 5, ("N ≠ 5",)),
            (lambda n: n < 2, ("N ≥ 2",)),
            (lambda n: n == 1 or n < 3, ("N ≥ 3",)),
        ],
    ),
)
def test_conditions_on_the_number_of_samples_are_mathematics(guard: Any, sizes: tuple[str, ...]) -> None:
    proof = dx.prove(
        lambda a, x: torch.special.airy_ai(a * x).sum() if guard(x.shape[0]) else (a * x).mean(), parameters="a"
    )
    assert proof.status == "proved"
    assert proof.sizes == sizes
    assert f"every number of samples with {sizes[0]}" in str(proof)


def test_the_jump_of_the_angle_is_a_side_condition() -> None:
    proof = dx.prove(lambda a, b: torch.atan2(a, b), parameters="a, b", data="")
    assert proof.status == "proved"
    assert "a ≠ 0 or b > 0" in proof.conditions
    assert dx.prove(lambda a, b: torch.atan2(a, b**2 + 1), parameters="a, b", data="").conditions == ()


@pytest.mark.usefixtures("causes_unsought")
def test_counterexamples_are_of_ordinary_size() -> None:
    tiny = function_of(
        lambda a: torch.where(a < 0, a**2, a**3), lambda upstream, a: upstream * torch.where(a < 0, a, 3 * a**2)
    )

    proof = dx.prove(tiny, parameters="a", data="")
    found = proof.refuted[0].decision.counterexample
    assert found is not None
    assert all(0.1 < abs(value) < 10 for value in found.point.values())
    assert float(found.left.middle) == pytest.approx(2 * float(found.right.middle))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([sympy.Ge(SAMPLES, 2), sympy.Ne(SAMPLES, 1)], ("N ≥ 2",)),
        ([sympy.Ne(SAMPLES, 1), sympy.Ne(SAMPLES, 2), sympy.Gt(SAMPLES, 0, evaluate=False)], ("N ≥ 3",)),
        ([sympy.Gt(SAMPLES, 3), sympy.Le(2, SAMPLES, evaluate=False)], ("N ≥ 4",)),
        ([sympy.Le(SAMPLES, 8), sympy.Ne(SAMPLES, 8), sympy.Ne(SAMPLES, 5)], ("N ≤ 7", "N ≠ 5")),
        ([sympy.Ge(SAMPLES, 5), sympy.Lt(SAMPLES, 6)], ("N = 5",)),
        ([sympy.And(sympy.Ge(SAMPLES, 5), sympy.Lt(SAMPLES, 6))], ("N = 5",)),
        ([sympy.Lt(9, 2 * SAMPLES, evaluate=False), sympy.Gt(20 - SAMPLES, 0)], ("N ≥ 5", "N ≤ 19")),
        ([sympy.Eq(sympy.Mod(SAMPLES, 2), 0)], ("N even",)),
        ([sympy.Ne(sympy.Mod(SAMPLES, 2), 0), sympy.Eq(1, sympy.Mod(SAMPLES, 2))], ("N odd",)),
        ([sympy.Ne(sympy.Mod(SAMPLES, 3), 0)], ("N not a multiple of 3",)),
        ([sympy.Eq(sympy.Mod(SAMPLES, 4), 0)], ("N a multiple of 4",)),
        ([sympy.Ne(sympy.Mod(SAMPLES, 3), 1)], ("N = 0 or 2 modulo 3",)),
        ([sympy.Gt(sympy.floor(SAMPLES / 2), 3)], ("floor(N/2) > 3",)),
        ([sympy.Or(sympy.Lt(SAMPLES, 3), sympy.Gt(SAMPLES, 7))], ("N > 7 or N < 3",)),
    ],
)
def test_numbers_of_samples_are_told_once_and_the_weaker_condition_is_dropped(
    given: list[Boolean], words: tuple[str, ...]
) -> None:
    assert sizes_of(given) == words
