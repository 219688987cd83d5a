"""Which closed forms a batch is computed by: of each derivative the simplified one, or the one that shares more."""

from __future__ import annotations

from collections.abc import Sequence

from diffexplore.kernels.plan import Plan
from diffexplore.kernels.reduction import Reduction
from diffexplore.kernels.summation import reduced

#: With more outputs than this they are chosen together, not one by one.
_MOST_ONE_BY_ONE = 12


def fewest(plan: Plan) -> Reduction:
    """The reduction with the fewest operations a sample, as far as a search one output after the other finds it."""
    summed = [not plan.by_sample(key) for key in plan.keys]

    def made(simplified: Sequence[bool]) -> Reduction:
        return reduced(plan.program(simplified), plan.loss.data, summed)

    every = len(plan.keys)
    choices = [[False] * every, [True] * every]
    found = [made(choice) for choice in choices]
    best, choice = min(zip(found, choices, strict=True), key=lambda pair: pair[0].operations)
    for place in range(every if every <= _MOST_ONE_BY_ONE else 0):
        other = [one != (place == i) for i, one in enumerate(choice)]
        tried = made(other)
        if tried.operations < best.operations:
            best, choice = tried, other
    return best
