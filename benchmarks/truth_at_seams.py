"""Truths at corners, jumps, gaps and seams, against difference quotients of an independent library from both sides.

    python -m benchmarks.truth_at_seams [--cases 5000] [--seed 0] [--jobs 2]

A case is the partial of a random formula with branches, at a point of small whole numbers and halves, where conditions
tie, roots end and quotients are 0/0. mpmath evaluates the formula itself in 3,000 bits, at the point and 2⁻⁴⁰⁰
beside it.
A resolved truth has to be what both quotients show; a kink has to have two slopes or a jump; what is undefined has to
have a gap or a slope beyond 2²⁰. Of what is unresolved nothing is claimed: it is counted.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping

import mpmath
import numpy as np
import sympy

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.truth import TruthFinder
from diffexplore.errors import UsageError
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse
from diffexplore.program.program import lower
from tests.one_sided_reference import agrees, both_sides

_FUNCTIONS = (
    "abs exp sin cos tan tanh atan asinh erf erfc sigmoid softplus sign heaviside relu square cbrt sqrt log log1p "
    "expm1 "
    "gamma digamma asin acos acosh atanh sinc"
).split()
_POWERS = ("2", "3", "4", "(-1)", "0.5", "(3/2)", "y")
_LEAVES = ("x", "x", "x", "y", "0", "1", "2", "3", "1/2")
_PLACES = (0.0, 0.0, 1.0, -1.0, 0.5, 2.0)
_CASES_A_TASK = 100
_X = sympy.Symbol("x", real=True)


def formula(draw: random.Random, depth: int) -> str:
    """A random formula in x and y; often with branches."""
    kind = draw.random() if depth else 0.0
    inner = [formula(draw, depth - 1) for _ in range(4)] if kind >= 0.15 else []
    if kind < 0.15:
        return draw.choice(_LEAVES)
    if kind < 0.45:
        return f"({inner[0]} {draw.choice('+-*/*')} {inner[1]})"
    if kind < 0.62:
        return f"{draw.choice(_FUNCTIONS)}({inner[0]})"
    if kind < 0.72:
        return f"({inner[0]})**{draw.choice(_POWERS)}"
    if kind < 0.88:
        relation = draw.choice(("<", "<=", ">", ">=", "==", "!="))
        return f"where({inner[0]} {relation} {inner[1]}, {inner[2]}, {inner[3]})"
    return f"{draw.choice(('max', 'min', 'atan2'))}({inner[0]}, {inner[1]})"


def count(task: tuple[int, int, int]) -> Counter[str]:
    """Outcomes of so many cases, by what the truth claims."""
    seed, index, number = task
    draw = random.Random(f"{seed} {index}")
    found: Counter[str] = Counter()
    compared = 0
    while compared < number:
        at = {"x": draw.choice(_PLACES), "y": draw.choice(_PLACES)}
        outcome = _compared(formula(draw, draw.choice((2, 3, 3, 4))), at)
        if outcome is not None:
            found[outcome] += 1
            compared += 1
    return found


def _compared(text: str, at: Mapping[str, float]) -> str | None:
    """What became of a case; None for a text that is no case: it is refused, or does not hold x."""
    try:
        loss = parse(text)
    except UsageError:
        return None
    if _X not in loss.free_symbols:
        return None
    partial = differentiate(loss, _X)
    if partial.has(sympy.Derivative, sympy.Subs):
        return None
    try:
        truth = _truth(partial, loss, at)
        sides = both_sides(loss, at, "x")
    except (TypeError, OverflowError, NotImplementedError, mpmath.libmp.NoConvergence):
        return "no operation, or beyond mpmath"
    status = Status(int(truth.status[0])).name.lower()
    return status if agrees(truth, sides) else f"WRONG {status}: {text} at {dict(at)}"


def _truth(partial: sympy.Expr, loss: sympy.Expr, at: Mapping[str, float]) -> Enclosures:
    names = sorted(at)
    finder = TruthFinder(["x"], lower([partial], names), lower([loss], names), lower([], names), {}, names)
    found, _ = finder.samples({name: np.array([at[name]]) for name in names}, 1, 53, -1022, {})
    return found["x"]


def main() -> None:
    options = arguments(__doc__, 5_000).parse_args()
    started = time.monotonic()
    tasks = [(options.seed, i, number) for i, number in spread_cases(options.cases, _CASES_A_TASK)]
    total: Counter[str] = Counter()
    for found in outcomes(count, tasks, options.jobs):
        total += found
    finish("truths at seams", dict(total.most_common()), started, options.json)


if __name__ == "__main__":
    main()
