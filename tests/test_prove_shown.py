"""Counterexamples show where the program itself is run: whoever tries the point sees that the gradient is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from representatives import slow

import diffexplore as dx

Tensor = torch.Tensor


class Overwrites(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = 2 * x
        return x**2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return ctx.slope.mul_(upstream)


def detached(A: Tensor) -> Tensor:
    return torch.linalg.det(A) * A.detach()[0, 0]


def _gradient(function: Any, A: list[list[float]]) -> list[float]:
    matrix = torch.tensor(A, dtype=torch.float64, requires_grad=True)
    function(matrix).backward()
    assert matrix.grad is not None
    return matrix.grad.flatten().tolist()


NAMES = ["A1_1", "A1_2", "A2_1", "A2_2"]


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("function", "wrt"), [(torch.linalg.det, ["A2_1"]), slow(torch.linalg.det, NAMES), slow(detached, NAMES)]
)
def test_partials_of_a_determinant_are_refuted_where_a_run_is_wrong(function: Any, wrt: list[str]) -> None:
    """Torch's backward gives 0 where the pivot is 0: at a singular matrix of which rounding leaves no pivot at 0, not."""
    proof = dx.prove(function, parameters="A[2,2]", data=[], wrt=wrt)
    assert [statement.name for statement in proof.refuted] == wrt
    for statement in proof.refuted:
        found = statement.decision.counterexample
        assert found is not None
        numbers = [float(found.point[name]) for name in NAMES]
        value = _gradient(function, [numbers[:2], numbers[2:]])[NAMES.index(statement.name)]
        assert value == pytest.approx(float(found.right), abs=1e-12)
        assert abs(value - float(found.left)) > 0.01


def test_what_no_run_shows_is_a_side_condition() -> None:
    """0.1·x = 0.3 where x is 3, but not in doubles: 3·0.1 is 0.30000000000000004."""

    def flat_at_three(x: Tensor) -> Tensor:
        return torch.where(0.1 * x == 0.3, 9 + 0 * x, x**2)

    proof = dx.prove(flat_at_three, parameters="x", data=[])
    assert (proof.status, proof.conditions) == ("proved", ("x/10 ≠ 3/10",))
    assert "at x = 3 the formula of ∂L/∂x gives 0 and 6 is right, but a run computes 6" in proof.notes


def test_numbers_that_no_run_shows_are_told_apart() -> None:
    def bent_at_three(x: Tensor) -> Tensor:
        return torch.where(0.1 * x == 0.3, 9 + 6.0000001 * (x - 3), x**2)

    (note,) = [one for one in dx.prove(bent_at_three, parameters="x", data=[]).notes if "a run computes" in one]
    assert "gives 6.0000001 and 6 is right, but a run computes 6" in note


@pytest.mark.usefixtures("causes_unsought")
def test_a_point_at_which_the_program_has_no_value_is_no_counterexample() -> None:
    """`inv` raises an exception for a singular matrix, also where its result is not chosen."""

    class Det(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor) -> Tensor:
            found = torch.linalg.det(A)
            ctx.save_for_backward(A, found)
            return found

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            A, found = ctx.saved_tensors
            whole = upstream * found * torch.linalg.inv(A).T
            return torch.where(found == 0, torch.zeros_like(A), whole)

    proof = dx.prove(Det, parameters="A[2,2]", data=[], wrt="A2_1")
    for statement in proof.refuted:
        found = statement.decision.counterexample
        assert found is not None
        numbers = [float(found.point[name]) for name in NAMES]
        assert _gradient(Det.apply, [numbers[:2], numbers[2:]])[2] != float(found.left)


@pytest.mark.usefixtures("causes_unsought")
def test_a_second_backward_call_is_run_as_one() -> None:
    (refuted,) = dx.prove(Overwrites, parameters="x", data=[]).refuted
    found = refuted.decision.counterexample
    assert refuted.call == 2 and found is not None
    x = torch.tensor(float(found.point["x"]), dtype=torch.float64, requires_grad=True)
    output = Overwrites.apply(x)
    weight = torch.tensor(float(found.point["upstream"]), dtype=torch.float64)
    output.backward(weight, retain_graph=True)
    x.grad = None
    output.backward(weight)
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(float(found.right))


@pytest.mark.usefixtures("causes_unsought")
def test_a_counterexample_with_samples_shows_in_a_batch() -> None:
    def twice(a: Tensor, x: Tensor) -> Tensor:
        return (a * x**2 + (a * x**2).detach() * a).mean()

    for name in ("a", "x"):
        (refuted,) = dx.prove(twice, parameters="a", wrt=name).refuted
        found = refuted.decision.counterexample
        assert found is not None
        assert found.samples
        a = torch.tensor(float(found.point["a"]), dtype=torch.float64, requires_grad=True)
        rows = [float(sample["x"]) for sample in found.samples]
        x = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
        twice(a, x).backward()
        gradient = a.grad if name == "a" else x.grad
        assert gradient is not None
        assert gradient.flatten()[0].item() == pytest.approx(float(found.right))
