"""SymPy's simplified gradient, evaluated by NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.numpy_real import NUMPY
from diffexplore.bounds.created import fill_error
from diffexplore.bounds.numpy_watch import NumpyWatch
from diffexplore.methods.base import Estimate, Estimates, Values
from diffexplore.methods.prepared import Prepared
from diffexplore.methods.problem import Problem, spread_over


class NumpyEvaluation:
    """Runs on the CPU, whatever the device; NumPy has no bfloat16."""

    exact = True
    opaque = False

    def obstacle(self, problem: Problem) -> str | None:
        if problem.dtype == torch.bfloat16:
            return "NumPy has no bfloat16"
        missing = sorted(problem.closed_form_program.operations - set(NUMPY.operations))
        return f"NumPy has no {', '.join(missing)}" if missing else None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        numpy, partials = self._partials(problem, values, n)
        estimates = {}
        for name in problem.parameters:
            value, radius = numpy.reduce(partials[name], problem.loss.reduction)
            estimates[name] = Estimate(value.to(torch.float64), radius)
        return estimates

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        numpy, partials = self._partials(problem, values, n)
        return {name: Estimate(value.to(torch.float64), numpy.watch.radius(value)) for name, value in partials.items()}

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        arrays = {name: value.detach().cpu().numpy() for name, value in values.items()}
        program = problem.closed_form_program
        reduce = np.mean if problem.loss.reduction == "mean" else np.sum

        def call() -> Sequence[Any]:
            with np.errstate(all="ignore"):
                partials = [np.broadcast_to(output, (n,)) for output in program.run(NUMPY, arrays)]
                return [reduce(partial) for partial in partials] if problem.parameters else partials

        return Prepared(call, lambda outputs: tuple(np.asarray(output, np.float64) for output in outputs))

    def _partials(self, problem: Problem, values: Values, n: int) -> tuple[NumpyWatch, dict[str, Tensor]]:
        numpy = NumpyWatch()
        arrays = {name: value.detach().cpu() for name, value in values.items()}
        outputs = problem.closed_form_program.run(numpy, arrays)
        partials = {}
        for name, output in zip(problem.wrt, outputs, strict=True):
            partials[name] = spread_over(output, n, arrays).contiguous()  # a radius for each sample of its own
            known = isinstance(output, Tensor)
            radius = numpy.watch.radius(output) if known else fill_error(numpy.watch, output, partials[name])
            numpy.watch.set(partials[name], radius)
        return numpy, partials


METHOD = NumpyEvaluation()
