"""Planted errors as candidates, and as torch functions that other checkers can be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.given import Given, sample_count
from benchmarks.planted import Kind
from benchmarks.scenes import Scene
from diffexplore.checking.records import Report
from diffexplore.methods.problem import Problem
from diffexplore.verifying import verify

Tensor = torch.Tensor

#: Calls of a candidate that are kept: the batch and the probes of three partials.
_KEPT = 12


class Candidate:
    """What a user would hand in; it keeps what it was given in its first calls."""

    def __init__(self, kind: Kind, problem: Problem) -> None:
        self.calls: list[Given] = []
        self._kind = kind
        self._problem = problem
        self._output = output_function(kind, problem) if kind.form == "output" else None

    def __call__(self, *tensors: Tensor) -> Any:
        given = Given(self._problem, dict(zip(self._problem.inputs, tensors, strict=True)))
        if self._kind.one_size and self.calls and given.n != self.calls[0].n:
            raise ValueError(f"made for {self.calls[0].n} samples, not for {given.n}")
        if len(self.calls) < _KEPT:
            self.calls.append(given)
        return self._kind.plant(given) if self._output is None else self._output(*tensors)


def verified(scene: Scene, kind: Kind) -> tuple[Report, Candidate]:
    """The report on a candidate with an error of some kind, and the candidate."""
    problem = scene.problem(by_data=kind.by_data)
    candidate = Candidate(kind, problem)
    candidate.__name__ = "candidate"  # type: ignore[attr-defined]
    report = verify(
        candidate, scene.loss, scene.columns, scene.point,
        kind="gradient" if kind.form == "gradient" else "loss",
        upstream=scene.upstream if kind.form == "output" else None,
        wrt=problem.wrt, dtype=scene.dtype, device="cpu", modes=("reverse", *kind.modes),
    )  # fmt: skip
    return report, candidate


def planted_gradient(kind: Kind, given: Given) -> dict[str, Tensor]:
    """The wrong gradient at what a candidate was given; of an output, its sum without an upstream gradient."""
    if kind.form != "loss":
        return {name: partial.detach() for name, partial in kind.plant(given).items()}
    return _by_autograd(kind.plant, given)


def right_gradient(kind: Kind, given: Given) -> dict[str, Tensor]:
    """The gradient that the candidate would give without its error, computed in the same way."""
    return given.reduced() if kind.form != "loss" else _by_autograd(Given.value, given)


def _by_autograd(loss: Callable[[Given], Tensor], given: Given) -> dict[str, Tensor]:
    leaves = {name: given.values[name].detach().clone().requires_grad_() for name in given.names}
    value = loss(given.moved(**leaves))
    found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(given.names, found, strict=True))


def hessian_errors(kind: Kind, given: Given) -> dict[tuple[str, str], float]:
    """How far each second derivative of the planted loss is from the right one, as both are computed in the dtype."""
    planted, right = _hessian(kind.plant, given), _hessian(Given.value, given)
    return {entry: abs(planted[entry] - right[entry]) for entry in right}


def _hessian(loss: Callable[[Given], Tensor], given: Given) -> dict[tuple[str, str], float]:
    leaves = {name: given.values[name].detach().clone().requires_grad_() for name in given.names}
    inputs = list(leaves.values())
    gradient = torch.autograd.grad(loss(given.moved(**leaves)), inputs, create_graph=True, materialize_grads=True)
    found = {}
    for of, partial in zip(leaves, gradient, strict=True):
        row = (
            torch.autograd.grad(partial, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)
            if partial.requires_grad
            else [torch.zeros_like(leaf) for leaf in inputs]
        )
        found.update({(of, by): float(entry) for by, entry in zip(leaves, row, strict=True)})
    return found


def differentiable(kind: Kind, problem: Problem, values: dict[str, Tensor]) -> Callable[..., Tensor]:
    """The loss (or output) as a function of the differentiated tensors, whose backward is the planted gradient."""
    if kind.form == "loss":
        return lambda *inputs: kind.plant(Given(problem, {**values, **dict(zip(problem.wrt, inputs, strict=True))}))
    function = output_function(kind, problem) if kind.form == "output" else _scalar_function(kind, problem)

    def call(*inputs: Tensor) -> Tensor:
        every = {**values, **dict(zip(problem.wrt, inputs, strict=True))}
        return function(*(every[name] for name in problem.inputs))

    return call


def _scalar_function(kind: Kind, problem: Problem) -> Callable[..., Tensor]:
    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            ctx.save_for_backward(*tensors)
            return Given(problem, dict(zip(problem.inputs, tensors, strict=True))).value()

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
            found = kind.plant(Given(problem, dict(zip(problem.inputs, ctx.saved_tensors, strict=True))))
            return tuple(found[name] * upstream if name in found else None for name in problem.inputs)

    return Planted.apply


def output_function(kind: Kind, problem: Problem) -> Callable[..., Tensor]:
    """The summands as an output with the planted backward."""

    class Output(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            ctx.save_for_backward(*tensors)
            values = dict(zip(problem.inputs, tensors, strict=True))
            summands = problem.summands(values, sample_count(problem, values))
            ctx.kept = torch.ones_like(summands)
            return summands

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
            given = Given(problem, dict(zip(problem.inputs, ctx.saved_tensors, strict=True)))
            found = kind.plant(given, upstream, ctx.kept)
            return tuple(found.get(name) for name in problem.inputs)

    return Output.apply


def given_at(scene: Scene, kind: Kind) -> Given:
    """The whole batch at the point."""
    problem = scene.problem(by_data=kind.by_data)
    columns = {name: torch.from_numpy(np.ascontiguousarray(column)) for name, column in scene.columns.items()}
    return Given(problem, problem.values(scene.point, columns))
