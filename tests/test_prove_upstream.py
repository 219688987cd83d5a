"""Proofs for every upstream gradient: outputs of any shape, backward passes that ignore theirs or can run once only."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from autograd_functions import function_of
from representatives import each_value, one_in

import diffexplore as dx
from diffexplore.errors import UsageError

Tensor = torch.Tensor


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def function(forward: Any, backward: Any) -> Any:
    """An autograd Function of one tensor x from its value and its vector-Jacobian product (x, g) → gradient."""
    return function_of(forward, lambda upstream, x: backward(x, upstream))


def centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def softmax_backward(x: Tensor, g: Tensor) -> Tensor:
    p = torch.softmax(x, -1)
    return p * (g - (p * g).sum(-1, keepdim=True))


def softmax_diagonal(x: Tensor, g: Tensor) -> Tensor:
    """Its Jacobian has the rows' sums of the right one: summed, the error does not show."""
    p = torch.softmax(x, -1)
    return p * g - (p * g).mean(-1, keepdim=True)


def log_softmax_backward(x: Tensor, g: Tensor) -> Tensor:
    return g - torch.softmax(x, -1) * g.sum(-1, keepdim=True)


def unit(x: Tensor) -> Tensor:
    return x / x.square().sum(-1, keepdim=True)


def unit_backward(x: Tensor, g: Tensor) -> Tensor:
    s = x.square().sum(-1, keepdim=True)
    return g / s - 2 * x * (x * g).sum(-1, keepdim=True) / s**2


SHAPES = {
    "(k,)": {"parameters": "x[2]", "data": []},
    "(N, k)": {"parameters": [], "data": "x[2]"},
    "(N,)": {"parameters": [], "data": "x"},
    "(2, k)": {"parameters": "x[2,2]", "data": []},
}


NORMALISED = {
    "centred": (centred, lambda x, g: g - g.mean(-1, keepdim=True), lambda x, g: g),
    "softmax": (lambda x: torch.softmax(x, -1), softmax_backward, softmax_diagonal),
    "log-softmax": (
        lambda x: torch.log_softmax(x, -1), log_softmax_backward, lambda x, g: g - torch.softmax(x, -1) * g,
    ),
    "unit": (unit, unit_backward, lambda x, g: g / x.square().sum(-1, keepdim=True)),
}  # fmt: skip


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *one_in(8, [(name, shape) for name in NORMALISED for shape in ("(k,)", "(N, k)")]),
        *one_in(8, [(name, shape) for name in ("centred", "softmax") for shape in ("(N,)", "(2, k)")]),
    ],
)
def test_every_entry_of_an_output_has_its_upstream_gradient(name: str, shape: str) -> None:
    forward, right, wrong = NORMALISED[name]
    assert dx.prove(function(forward, right), **SHAPES[shape]).status == "proved"
    assert dx.prove(function(forward, wrong), **SHAPES[shape]).status == "refuted"


@pytest.mark.usefixtures("causes_unsought")
def test_a_sum_hides_what_the_output_shows() -> None:
    wrong = function(centred, lambda x, g: 2 * (g - g.mean(-1, keepdim=True)))
    assert dx.prove(lambda x: wrong.apply(x).sum(), parameters="x[2]", data=[]).status == "proved"
    assert dx.prove(wrong, parameters="x[2]", data=[]).status == "refuted"


@pytest.mark.usefixtures("causes_unsought")
def test_the_numbers_at_a_counterexample_are_those_of_torch() -> None:
    written = function(unit, lambda x, g: g / x.square().sum(-1, keepdim=True))
    proof = dx.prove(written, parameters="x[2]", data=[])
    statement = proof.refuted[0]
    found = statement.decision.counterexample
    assert found is not None
    at = {name: float(value) for name, value in found.point.items()}
    x = torch.tensor([at["x1"], at["x2"]], dtype=torch.float64, requires_grad=True)
    upstream = torch.tensor([at["upstream1"], at.get("upstream2", 0.5)], dtype=torch.float64)
    (computed,) = torch.autograd.grad(written.apply(x), x, upstream)
    (exact,) = torch.autograd.grad(unit(x), x, upstream)
    place = ["x1", "x2"].index(statement.name)
    assert float(computed[place]) == pytest.approx(float(Fraction(found.right.middle)), rel=1e-12)
    assert float(exact[place]) == pytest.approx(float(Fraction(found.left.middle)), rel=1e-12)


def test_outputs_over_pairs_of_samples_are_proved_for_a_few() -> None:
    proof = dx.prove(lambda x: (x[:, None] - x[None, :]) ** 2, data="x")
    assert (proof.status, proof.samples) == ("proved", 4)
    assert proof.mixing == "the output of shape (N, N)"


@pytest.mark.usefixtures("causes_unsought")
def test_several_outputs_are_weighted_each() -> None:
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x)
            return x**2, x**3

        @staticmethod
        def backward(ctx: Any, first: Tensor, second: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return 2 * x * first + 3 * x**2 * second

    class One(Both):
        @staticmethod
        def backward(ctx: Any, first: Tensor, second: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return 2 * x * first + 3 * x**2 * first

    assert dx.prove(Both, data="x").status == "proved"
    assert dx.prove(One, data="x").status == "refuted"
    assert dx.prove(lambda x: {"loss": Both.apply(x)[0].mean(), "all": Both.apply(x)}, data="x").status == "proved"
    proof = dx.prove(lambda x: (x.square().mean(), x.detach()), data="x")
    assert proof.status == "proved"
    assert any("output 2 of candidate has no gradient" in note for note in proof.notes)


@pytest.mark.parametrize("declared", one_in(3, [{"parameters": "x"}, {"data": "x"}, {}]))
def test_a_loss_whose_backward_ignores_its_upstream_gradient(declared: Any) -> None:
    ignoring = function(lambda x: x.square().sum(), lambda x, g: 2 * x)
    heeding = function(lambda x: x.square().sum(), lambda x, g: 2 * x * g)
    assert dx.prove(heeding, **declared).status == "proved"
    proof = dx.prove(ignoring, **declared)
    assert proof.status == "refuted"
    assert proof.cause is not None and proof.cause.key == "upstream_ignored"
    loss = dx.Loss("x**2", parameters=(), data="x", reduction="sum")
    assert dx.prove(ignoring, loss).status == "refuted"
    assert dx.prove(heeding, loss).status == "proved"


@pytest.mark.usefixtures("causes_unsought")
def test_a_hook_that_ignores_what_it_is_given() -> None:
    def hooked(a: Tensor, x: Tensor) -> Tensor:
        loss = (a * x).square().mean()
        loss.register_hook(torch.ones_like)
        return loss

    assert dx.prove(hooked, parameters="a").status == "refuted"


def test_an_upstream_gradient_that_only_multiplies_is_not_shown() -> None:
    proof = dx.prove(lambda a, x: (a * x).square().mean(), parameters="a")
    assert (proof.status, proof.parameters) == ("proved", ("a",))
    assert "upstream" not in proof.formula


# ------------------------------------------------------------------------------------------- a second backward call
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = 2 * x
        return x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return ctx.slope * upstream


class Overwrites(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return ctx.slope.mul_(upstream)


class OverwritesSaved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(2 * x)
        return x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return slope.mul_(upstream)


class ForgetsAfterwards(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        slope, ctx.slope = ctx.slope, torch.zeros_like(ctx.slope)
        return slope * upstream


class WritesIntoUpstream(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return upstream.mul_(ctx.slope)


class WorksOnACopy(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return upstream.clone().mul_(ctx.slope)


class RaisesTheSecondTime(Square):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        slope = ctx.slope
        del ctx.slope
        return slope * upstream


@pytest.mark.parametrize(
    ("written", "wrap"),
    each_value([Overwrites, ForgetsAfterwards], [lambda f: f, lambda f: lambda x: f.apply(x).mean()]),
)
def test_what_a_second_backward_call_makes_of_it_is_refuted(written: Any, wrap: Any) -> None:
    proof = dx.prove(wrap(written), data="x")
    assert proof.status == "refuted"
    assert proof.cause is not None and proof.cause.key == "saved_overwritten"
    assert [(statement.status, statement.call) for statement in proof.statements] == [("proved", 1), ("refuted", 2)]
    assert proof.to_dict()["statements"][1]["call"] == 2
    assert "of a second backward call is wrong" in str(proof)


@pytest.mark.parametrize("written", [Square, WorksOnACopy])
def test_a_backward_that_can_be_called_again_is_proved(written: Any) -> None:
    proof = dx.prove(written)
    assert (proof.status, proof.notes, len(proof.statements)) == ("proved", (), 1)


@pytest.mark.parametrize(
    ("written", "reason"),
    [(OverwritesSaved, "overwrites a tensor that it saved"), (WritesIntoUpstream, "writes into the upstream gradient")],
)
def test_a_backward_that_torch_refuses_to_call_again_cannot_be_read(written: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        dx.prove(written)


def test_a_second_call_that_raises_is_noted() -> None:
    proof = dx.prove(RaisesTheSecondTime)
    assert proof.status == "proved"
    assert any(note.startswith("of the first backward call alone") for note in proof.notes)


# --------------------------------------------------------------------------------- arguments that are not declared
class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, y = ctx.saved_tensors
        return g * y, g * x


class WrongBySecond(Product):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        _, y = ctx.saved_tensors
        return g * y, g * y


class IgnoresSecond(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return 2 * g, 0 * g


class IgnoresSecondWrongly(IgnoresSecond):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return 2 * g, g


@pytest.mark.usefixtures("causes_unsought")
def test_without_declarations_every_argument_is_differentiated_by() -> None:
    proof = dx.prove(Product)
    assert (proof.status, [statement.name for statement in proof.statements]) == ("proved", ["x", "y"])
    assert [statement.name for statement in dx.prove(WrongBySecond).refuted] == ["y"]
    assert dx.prove(lambda w, x: (w * x).mean(), data="x").parameters == ("w",)


@pytest.mark.usefixtures("causes_unsought")
def test_by_what_a_program_ignores_its_gradient_is_0() -> None:
    assert dx.prove(IgnoresSecond).status == "proved"
    assert [statement.name for statement in dx.prove(IgnoresSecondWrongly).refuted] == ["y"]
    double = dx.Loss("2*a*x", parameters="a", data="x")
    for written, status in ((IgnoresSecond, "proved"), (IgnoresSecondWrongly, "refuted")):

        def loss(a: Tensor, b: Tensor, x: Tensor, written: Any = written) -> Tensor:
            return (written.apply(a, b) * x).mean()

        assert dx.prove(loss, double, parameters="a, b").status == status


def test_an_entry_that_is_ignored_keeps_its_symbol() -> None:
    wrong = function(lambda w: 1 * w, lambda w, g: g + g.sum() - g)

    def first(w: Tensor, x: Tensor) -> Tensor:
        return (wrong.apply(w)[0] * x).mean()

    proof = dx.prove(first, parameters="w[2]")
    assert [statement.name for statement in proof.refuted] == ["w2"]
    assert proof.cause is not None


def test_a_loss_of_one_number_is_not_held_against_an_output_of_several() -> None:
    with pytest.raises(UsageError, match=r"shape \(N, 3\)"):
        dx.prove(lambda x: 2 * x, dx.Loss("2*x1", parameters=(), data="x1"), data="x[3]")


@pytest.mark.usefixtures("causes_unsought")
def test_a_long_wrong_backward_is_refuted_by_values_first() -> None:
    def forward(x: Tensor) -> Tensor:
        return centred(x) * (centred(x).square().mean(-1, keepdim=True) + 2.0**-17).rsqrt()

    def backward(x: Tensor, g: Tensor) -> Tensor:
        r = (centred(x).square().mean(-1, keepdim=True) + 2.0**-17).rsqrt()
        y = centred(x) * r
        return r * (g - y * (g * y).mean(-1, keepdim=True))

    proof = dx.prove(function(forward, backward), parameters="x[2]", data=[])
    assert proof.status == "refuted"
    assert {statement.decision.tried[0] for statement in proof.refuted} == {"certified values at a point"}
