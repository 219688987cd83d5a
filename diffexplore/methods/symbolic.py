"""SymPy's gradient, evaluated by torch: in its simplified form, and as derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.methods.base import Estimates, Values, watched
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program


@dataclass(frozen=True)
class ClosedFormMethod:
    """Evaluates the program that ``gradient`` picks, and reduces over the samples."""

    gradient: Callable[[Problem], Program]
    exact: bool
    opaque: bool = False

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        def run() -> tuple[Tensor, ...]:
            partials = self._partials(problem, values, n)
            return tuple(problem.reduce(partials[problem.wrt.index(name)]) for name in problem.parameters)

        return watched(problem.parameters, run)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        return watched(problem.wrt, lambda: self._partials(problem, values, n))

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        program, reduced = self.gradient(problem), bool(problem.parameters)

        def call() -> Sequence[Tensor]:
            partials = [spread_over(output, n, values) for output in program.run(TORCH, values)]
            return [problem.reduce(partial) for partial in partials] if reduced else partials

        return of_tensors(call, problem.device)

    def _partials(self, problem: Problem, values: Values, n: int) -> tuple[Tensor, ...]:
        outputs = self.gradient(problem).run(TORCH, values)
        return tuple(spread_over(output, n, values) for output in outputs)


METHOD = ClosedFormMethod(lambda problem: problem.closed_form_program, exact=True)
RAW = ClosedFormMethod(lambda problem: problem.raw_gradient_program, exact=True)
