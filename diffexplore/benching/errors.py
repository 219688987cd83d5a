"""How far gradients are from the certified truth, in ulps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.judge import judge
from diffexplore.methods.problem import Problem


class BenchTruths:
    """The exact gradient of a problem at one point, on one batch of n samples.

    With ``by_sample`` they are the partials of each sample, by data; else those of the reduced loss.
    """

    def __init__(
        self, problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], n: int,
        *, by_sample: bool,
    ) -> None:  # fmt: skip
        self._problem = problem
        evaluator = Evaluator(problem, point, columns, n)
        if by_sample:
            parts = [chunk.truths for chunk in evaluator.chunks([], lambda done: None)]
        else:
            parts = [{name: truth for name, (truth, _) in evaluator.reduced_truths().items()}]
        self._found = {name: [part[name] for part in parts] for name in problem.wrt}

    def errors(self, gradient: Sequence[np.ndarray]) -> dict[str, tuple[float | None, float | None]]:
        """For each symbol the largest error in ulps, and the largest relative one; None where a value is not finite."""
        pairs = zip(self._problem.wrt, gradient, strict=True)
        return {name: self._worst(name, np.atleast_1d(values)) for name, values in pairs}

    def _worst(self, name: str, values: np.ndarray) -> tuple[float | None, float | None]:
        first, ulps, relative = 0, [], []
        for truth in self._found[name]:
            part = values[first : first + len(truth.high)]
            first += len(truth.high)
            nothing = np.full(len(part), math.inf)  # no bound is requested: the judge measures
            judged = judge(part, nothing, truth, 0.0, self._problem.dtype, stepped=None)
            ulps.append(judged.error_ulp)
            relative.append(judged.error_relative)
        if not np.isfinite(values).all():
            return None, None
        return _largest(np.concatenate(ulps)), _largest(np.concatenate(relative))


def _largest(values: np.ndarray) -> float | None:
    """The largest of those that exist: where the truth is 0 there is none."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None
