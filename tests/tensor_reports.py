"""Reports of checks of tensors, large and small, by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from tensor_functions import PLANTED, NumPyExpWrong, Step, leaves, weighted

import diffexplore as dx

WRONG = weighted(PLANTED["both"][0])


def checked(fn: Any, inputs: Any, **options: Any) -> dx.TensorReport:
    return dx.gradcheck(fn, inputs, raise_exception=False, **options)


class Many(torch.autograd.Function):
    """Fifteen inputs of long names, each with a wrong gradient."""

    @staticmethod
    def forward(ctx: Any, *inputs: torch.Tensor) -> Any:
        return tuple(one * 3 for one in inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> Any:
        return tuple(one * (2 + 1e-3 * place) for place, one in enumerate(upstream))


def of_many_layers() -> dx.TensorReport:
    """The report of a module of forty layers: its rows are those of eight inputs, under longer names."""
    report = report_named("many")
    rows = [
        replace(row, output=f"hidden state {layer}", input=f"encoder.layers.{layer}.attention.{row.input}.weight")
        for layer in range(40)
        for row in report.rows[:9]
    ]
    return replace(report, rows=tuple(rows), notes=tuple(f"note {place}: {'text ' * 30}" for place in range(9)))


REPORTS = {
    "wrong": lambda: checked(WRONG, leaves((4, 3), (3,))),
    "many": lambda: checked(Many, leaves(*[(2, 1, 3, 2, 1, 2)] * 8)),
    "large": lambda: checked(WRONG, leaves((300, 40), (40,))),
    "estimated": lambda: checked(NumPyExpWrong, leaves((5, 9))),
    "step": lambda: checked(Step, leaves((4,))),
    "raises": lambda: checked(weighted(lambda x, w, g: (g.T, None)), leaves((4, 3), (3,))),
    "a module of many layers": of_many_layers,
    "a module of many layers, undecided": lambda: replace(
        of_many_layers(),
        verdict="inconclusive",
        rows=tuple(replace(row, verdict="inconclusive") for row in of_many_layers().rows),
    ),
    "a module of many layers, right": lambda: replace(
        of_many_layers(),
        verdict="pass",
        rows=tuple(replace(row, verdict="pass", cause=None) for row in of_many_layers().rows),
    ),
    "many axes": lambda: checked(Many, leaves(*[(1, 2) * 12] * 4), battery="none"),
    "undecided": lambda: checked(torch.abs, torch.zeros(3, requires_grad=True)),
}


@cache
def report_named(name: str) -> dx.TensorReport:
    return REPORTS[name]()
