"""Forward mode and double backward: right where they are right, found where they are wrong, skipped where absent."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch
from representatives import each_value, slow
from torch.autograd.function import once_differentiable

import diffexplore as dx
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.tallies import Tally
from diffexplore.verifying import modes as verification_modes
from diffexplore.verifying.double_backward import weighted_gradient
from diffexplore.verifying.modes import merged

Tensor = torch.Tensor

#: Of one parameter: the second derivatives by several have losses of their own below.
CUBE = dx.Loss("(a*x - 3/4)**3/3", parameters="a", data="x")
DATA = {"x": [0.5, 1.25, 2.0, -1.5]}
AT = {"a": 1.25}
BOTH = ("reverse", "forward", "double backward")


def mean_loss(a: Tensor, x: Tensor) -> Tensor:
    return ((a * x - 0.75) ** 3).mean() / 3


class Cube(torch.autograd.Function):
    """z³/3, with a forward mode and a backward that can be differentiated."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        ctx.save_for_forward(z)
        return z * z * z / 3

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return tangent * z * z


class WrongJvp(Cube):
    """Its backward is right."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return tangent * z


class Detached(Cube):
    """Its first derivative is right; the saved tensor is cut off, so that its second is 0."""

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * (z * z).detach()


class HalfDetached(Cube):
    """Its first derivative is right, and half of the second is missing."""

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z.detach()


class Once(Cube):
    """It says that it cannot be differentiated twice."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z


class NoJvp(torch.autograd.Function):
    """It has no forward mode."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z * z / 3

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z


def through(function: Any) -> Any:
    def candidate(a: Tensor, x: Tensor) -> Tensor:
        return function.apply(a * x - 0.75).mean()

    return candidate


def outputs_through(function: Any) -> Any:
    def candidate(a: Tensor, x: Tensor) -> Tensor:
        return function.apply(a * x - 0.75)

    return candidate


def failed(report: Any) -> set[str]:
    """The methods whose rows failed."""
    return {row.method for row in report.rows if row.verdict == "fail"}


@pytest.mark.parametrize(("candidate", "dtype"), each_value([mean_loss, through(Cube)], ["float64", "float32"]))
def test_right_modes_pass(candidate: Any, dtype: str) -> None:
    report = dx.verify(candidate, CUBE, DATA, AT, modes=BOTH, dtype=dtype)
    name = candidate.__name__
    assert report.verdict == "pass"
    assert {row.method for row in report.rows} == {name, f"{name} (forward mode)", f"{name} (double backward)"}
    assert report.skipped == ()


def test_one_mode_may_be_asked_for_by_its_name() -> None:
    methods = {row.method for row in dx.verify(mean_loss, CUBE, DATA, AT, modes="forward").rows}
    assert methods == {"mean_loss", "mean_loss (forward mode)"}


def test_only_the_reverse_mode_is_verified_by_itself() -> None:
    assert {row.method for row in dx.verify(through(WrongJvp), CUBE, DATA, AT).rows} == {"candidate"}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("function", "mode"),
    [(WrongJvp, "forward mode"), (Detached, "double backward"), slow(HalfDetached, "double backward")],
)
@pytest.mark.parametrize("upstream", [slow(None), [1.5, -0.5, 2.0, 0.25]])
def test_a_wrong_mode_fails_alone(function: Any, mode: str, upstream: Any) -> None:
    candidate = through(function) if upstream is None else outputs_through(function)
    report = dx.verify(candidate, CUBE, DATA, AT, upstream=upstream, modes=BOTH)
    assert report.verdict == "fail"
    assert {row.verdict for row in report.rows if row.method == "candidate"} == {"pass"}
    assert failed(report) == {f"candidate ({mode})"}


@pytest.mark.usefixtures("causes_unsought")
def test_a_function_that_is_the_whole_candidate() -> None:
    loss = dx.Loss("z**3/3", parameters="z")
    assert dx.verify(Cube, loss, at={"z": 1.25}, modes=BOTH).verdict == "pass"
    assert failed(dx.verify(WrongJvp, loss, at={"z": 1.25}, modes=BOTH)) == {"WrongJvp (forward mode)"}
    assert failed(dx.verify(Detached, loss, at={"z": 1.25}, modes=BOTH)) == {"Detached (double backward)"}


@pytest.mark.parametrize(
    ("function", "mode", "reason"),
    [(NoJvp, "forward mode", "jvp"), (Once, "double backward", "once_differentiable")],
)
def test_a_mode_that_is_absent_is_skipped_with_the_reason(function: Any, mode: str, reason: str) -> None:
    report = dx.verify(through(function), CUBE, DATA, AT, modes=BOTH)
    assert report.verdict == "pass"
    (skipped,) = report.skipped
    assert skipped.method == f"candidate ({mode})"
    assert reason in skipped.reason
    assert "\n" not in skipped.reason


def test_kinds_without_further_modes_say_so() -> None:
    def gradient(a: Tensor, x: Tensor) -> Tensor:
        return ((a * x - 0.75) ** 2 * x).mean()

    report = dx.verify(gradient, CUBE, DATA, AT, kind="gradient", modes=BOTH)
    assert report.verdict == "pass"
    assert [skipped.method for skipped in report.skipped] == ["gradient (forward mode)", "gradient (double backward)"]


@pytest.mark.usefixtures("causes_unsought")
def test_a_double_backward_by_data() -> None:
    report = dx.verify(through(Cube), CUBE, DATA, AT, wrt="x", modes="double backward")
    assert report.verdict == "pass"
    report = dx.verify(through(HalfDetached), CUBE, DATA, AT, wrt="x", modes="double backward")
    assert failed(report) == {"candidate (double backward)"}


def test_forward_mode_by_data_alone_is_skipped() -> None:
    report = dx.verify(through(Cube), CUBE, DATA, AT, wrt="x", modes="forward")
    assert [skipped.method for skipped in report.skipped] == ["candidate (forward mode)"]


def test_a_linear_loss_has_a_double_backward_of_zero() -> None:
    linear = dx.Loss("a*x + b", parameters="a, b", data="x", reduction="sum")
    report = dx.verify(lambda a, b, x: (a * x + b).sum(), linear, DATA, {"a": 1.25, "b": 0.75}, modes=BOTH)
    assert report.verdict == "pass"


def test_a_kink_has_no_double_backward_to_verify() -> None:
    kinked = dx.Loss("abs(a*x)", parameters="a", data="x")
    report = dx.verify(lambda a, x: (a * x).abs().mean(), kinked, DATA, AT, modes=BOTH)
    assert report.verdict != "fail"


@pytest.mark.parametrize(
    ("other", "settled"),
    [({"a": 1e-9, "b": 1e-15}, {"a": 1e-9, "b": 1e-12}), ({"a": 1e-15}, {"a": 1e-12}), ({}, {})],
)
def test_a_partial_is_settled_where_every_mode_settles_it(other: dict[str, float], settled: dict[str, float]) -> None:
    at = {"a": 1.25, "b": 0.75}
    tallies = tuple(Tally(name, "m", at, "reduced", 1, 0, 0, None, None) for name in at)
    outcomes = [PointOutcome((), tallies, {}, (), at, powers, False) for powers in ({"a": 1e-12, "b": 1e-12}, other)]
    assert merged(*outcomes).settled == settled


class CutDifference(torch.autograd.Function):
    """d², whose second derivative is cut off: along (1, …, 1) that of (a − b)² is 0 as well."""

    @staticmethod
    def forward(ctx: Any, d: Tensor) -> Tensor:
        ctx.save_for_backward(d)
        return d**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (d,) = ctx.saved_tensors
        return 2 * upstream * d.detach()


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ProductBackward.apply(*ctx.saved_tensors, upstream)


class ProductBackward(torch.autograd.Function):
    """Its two second gradients are swapped: their sum is right."""

    swapped = True

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, g: Tensor) -> Any:
        ctx.save_for_backward(a, b, g)
        return g * b, g * a

    @classmethod
    def backward(cls, ctx: Any, by_a: Tensor, by_b: Tensor) -> Any:
        a, b, g = ctx.saved_tensors
        first, second = by_b * g, by_a * g
        found = (second, first) if cls.swapped else (first, second)
        return *found, by_a * b + by_b * a


class CrossEntropy(torch.autograd.Function):
    """log Σ exp(zₖ) − z₁, with probabilities that are detached: each row of its Hessian sums to 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return torch.logsumexp(z, 0) - z[0]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * (torch.softmax(z, 0).detach() - torch.eye(len(z), dtype=z.dtype)[0])


def wrong_entries(report: Any) -> dict[tuple[str, str], str]:
    """The second partials whose row failed, with their causes."""
    failed = [row for row in report.rows if row.verdict == "fail" and row.probe is None]
    return {(str(row.of), row.parameter): row.cause.key for row in failed}


def test_a_second_derivative_that_is_cut_off_is_wrong_in_every_entry() -> None:
    loss, at = dx.Loss("(a - b)**2", parameters="a, b"), {"a": 1.5, "b": 0.25}
    assert dx.verify(lambda a, b: (a - b) ** 2, loss, None, at, modes=BOTH).verdict == "pass"
    report = dx.verify(lambda a, b: CutDifference.apply(a - b), loss, None, at, modes="double backward")
    assert wrong_entries(report) == dict.fromkeys([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")], "zero")
    assert "∂²L/∂a² is wrong (" in str(report)
    assert "∂L/∂a is wrong" not in str(report)
    assert "the derivative by b of ∂L/∂a is 0, whatever the input" in " ".join(str(report).split())


@pytest.mark.usefixtures("causes_unsought")
def test_second_derivatives_that_are_swapped() -> None:
    loss, at = dx.Loss("a*b", parameters="a, b"), {"a": 1.5, "b": 0.25}
    report = dx.verify(Product, loss, None, at, modes="double backward")
    assert report.verdict == "fail"
    values = {(row.of, row.parameter): row.value for row in report.rows if row.of is not None and row.probe is None}
    assert values == {("a", "a"): 1.0, ("a", "b"): 0.0, ("b", "a"): 0.0, ("b", "b"): 1.0}
    assert set(wrong_entries(report)) == set(values)


@pytest.mark.usefixtures("causes_unsought")
def test_swapped_second_derivatives_are_seen_in_their_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many parameters one sum is compared first: what one entry has too much, another has too little."""
    monkeypatch.setattr(verification_modes, "_ENTRIES", 1)
    loss, at = dx.Loss("a*b", parameters="a, b"), {"a": 1.5, "b": 0.25}
    report = dx.verify(Product, loss, None, at, modes="double backward")
    assert report.verdict == "fail"
    assert set(wrong_entries(report)) == {("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")}


def test_the_second_derivatives_of_a_product_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductBackward, "swapped", False)
    loss, at = dx.Loss("a*b", parameters="a, b"), {"a": 1.5, "b": 0.25}
    assert dx.verify(Product, loss, None, at, modes="double backward").verdict == "pass"


def cross_entropy(count: int) -> Any:
    names = [f"z{k}" for k in range(1, count + 1)]
    loss = dx.Loss(f"log({' + '.join(f'exp({name})' for name in names)}) - z1", parameters=names)
    return loss, {name: 0.25 * (k % 3) - 0.1 * k for k, name in enumerate(names)}, {"z": names}


@pytest.mark.usefixtures("causes_unsought")
def test_probabilities_that_are_detached_fail() -> None:
    loss, at, pack = cross_entropy(2)

    def right(z: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(z[None], torch.tensor([0]))

    assert dx.verify(right, loss, None, at, pack=pack, modes="double backward").verdict == "pass"
    report = dx.verify(CrossEntropy, loss, None, at, pack=pack, modes="double backward")
    assert report.verdict == "fail"
    assert len(wrong_entries(report)) == 4


@pytest.mark.parametrize(("count", "each"), [(3, 2), slow(9, 8)])
def test_many_parameters_are_weighted_first(count: int, each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than have their second derivatives compared one by one at once."""
    monkeypatch.setattr(verification_modes, "_ENTRIES", each)
    names = [f"w{k}" for k in range(1, count + 1)]
    loss = dx.Loss(f"({' + '.join(names)})**2", parameters=names)
    at = {name: 0.5 + 0.125 * k for k, name in enumerate(names)}
    pack = {"w": names}
    report = dx.verify(lambda w: w.sum() ** 2, loss, None, at, pack=pack, modes="double backward")
    assert report.verdict == "pass"
    assert {row.of for row in report.rows} == {None, "Σ"}

    def first_cut(w: Tensor) -> Tensor:
        return w[1:].sum() ** 2 + 2 * w[0] * w[1:].sum() + CutDifference.apply(w[0])

    wrong = dx.verify(first_cut, loss, None, at, pack=pack, modes="double backward")
    assert wrong_entries(wrong) == {("w1", "w1"): "zero"}


def test_a_mode_that_is_none() -> None:
    with pytest.raises(dx.UsageError, match="unknown mode 'forwards': did you mean 'forward'"):
        dx.verify(mean_loss, CUBE, DATA, AT, modes="forwards")


def test_the_weighted_gradient_keeps_all_symbols() -> None:
    loss = dx.Loss("a**2*x + b", parameters="a, b", data="x")
    derived = weighted_gradient(loss, {"a": 1.5, "b": 1.25})
    assert derived.parameters == loss.parameters
    assert derived.expression == 3 * derived.symbols["a"] * derived.symbols["x"] + sympy.Rational(5, 4)
    assert loss.formula == "a**2*x + b"
    assert str(derived.gradient()["a"]) == "3*x"
