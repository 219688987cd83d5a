"""Methods whose operations cannot be watched: what they refuse, and their second run where they fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from diffexplore.checking.chunked import in_blocks
from diffexplore.checking.evaluate import Evaluator, Running
from diffexplore.checking.judge import FAIL, Judged, rejudged
from diffexplore.methods.base import Estimates, Values, unwatched
from diffexplore.methods.torch_loss import Unavailable


def again_in_float64(
    judged: Judged, evaluator: Evaluator, running: Running, name: str, first: int | None = None
) -> Judged:
    """The comparisons of an opaque method, judged again by its values in float64 at the same inputs.

    ``first`` is the first of the samples that were compared, None for the reduced partial. Methods that are watched,
    comparisons in float64, and those of which none failed stay as they are.
    """
    problem = evaluator.problem
    if not running.method.opaque or problem.dtype == torch.float64 or not (judged.verdict == FAIL).any():
        return judged
    wide = replace(problem, dtype=torch.float64)

    def values(start: int, stop: int) -> Values:
        return {key: value.to(torch.float64) for key, value in evaluator.values(start, stop).items()}

    def reduced(start: int, stop: int) -> Estimates:
        return running.method.reduced(wide, values(start, stop), stop - start)

    with unwatched():  # only the values count
        try:
            if first is not None:
                estimates = running.method.samples(wide, values(first, first + len(judged.value)), len(judged.value))
            elif evaluator.blocks.count == 1:
                estimates = reduced(0, evaluator.n)
            else:
                estimates = in_blocks(evaluator, reduced)
        except Unavailable:
            return judged
    return rejudged(judged, np.atleast_1d(estimates[name].value.cpu().numpy()), problem.dtype)


def refused_by_sample(evaluator: Evaluator, running: Running) -> str | None:
    """Why the library of an opaque method gives no partials of single samples; None where it does.

    It is tried on two samples, before the long work begins: some libraries differentiate a loss, and not by sample.
    """
    if not running.method.opaque:
        return None
    count = min(2, evaluator.n)
    with unwatched():
        try:
            running.method.samples(evaluator.problem, evaluator.values(0, count), count)
        except Unavailable as error:
            return str(error)
    return None
