"""Figure 3: every truth encloses a 1,000-bit evaluation by an independent library.

    python -m benchmarks.truth_encloses [--cases 20000] [--seed 0] [--jobs 2]

A case is one partial of a random formula at one sample; of a batch, up to six samples are compared. Half of the batches
are large enough for double-double balls, the others go to Arb at once. mpmath walks the unsimplified SymPy derivative;
what is undefined there (a kink, a pole, a complex value) is counted apart, as no truth is claimed of it.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import mpmath
import torch
from flint import arb

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from benchmarks.formulas import random_loss
from benchmarks.generator import DTYPES, Case, cases
from diffexplore.arithmetic.balls import precision
from diffexplore.checking.enclosures import Status
from diffexplore.checking.evaluate import Evaluator
from diffexplore.methods.problem import Problem
from tests.reference import evaluate

_BITS = 1000
_CASES_A_FORMULA = 40

#: Batches that Arb encloses alone, and such that double-double balls come first.
_SIZES = (1, 5, 20, 128, 160, 256)
_MOST_SAMPLES = 6


def count(task: tuple[int, int, int]) -> Counter[str]:
    """Outcomes of ``number`` comparisons of one formula, and how many were not to be made before these."""
    seed, index, number = task
    loss = random_loss(seed, index)
    found: Counter[str] = Counter()
    for case in cases(loss, 2 * number, f"{seed} {index}", ("float64", "float32"), _SIZES):
        found += _compare(case, number - _compared(found))
        if _compared(found) >= number:
            break
    return found


def _compared(found: Counter[str]) -> int:
    return found["enclosed"] + found["NOT ENCLOSED"]


def _compare(case: Case, most: int) -> Counter[str]:
    loss = case.loss
    problem = Problem(loss, loss.parameters, DTYPES[case.dtype], torch.device("cpu"))
    columns = {name: torch.tensor(column, dtype=torch.float64) for name, column in case.columns.items()}
    n = len(next(iter(columns.values()))) if columns else 1
    evaluator = Evaluator(problem, case.point, columns, n)
    values = evaluator.values()
    truths, _ = evaluator.truths(values, n, {})
    found: Counter[str] = Counter()
    for name, truth in truths.items():
        for i in range(0, n, -(-n // _MOST_SAMPLES)):
            if _compared(found) == most:
                return found
            if truth.status[i] != Status.RESOLVED:
                found["not claimed"] += 1
                continue
            at = {key: float(value[i] if value.dim() else value) for key, value in values.items()}
            try:
                exact = evaluate(loss.gradient().raw[name], at, _BITS)
                check = evaluate(loss.gradient().raw[name], at, 2 * _BITS)
            except (ZeroDivisionError, ValueError, OverflowError, TypeError, NotImplementedError):
                found["no reference"] += 1  # mpmath leaves the reals, or meets a pole, in a part that cancels
                continue
            found[_verdict(exact, check, truth.ball(i))] += 1
    return found


def _verdict(exact: Any, check: Any, ball: arb) -> str:
    if not (mpmath.isfinite(exact) and mpmath.isfinite(check)) or mpmath.im(exact) != 0:
        return "no reference"
    with precision(4 * _BITS), mpmath.workprec(4 * _BITS):
        reference = _exactly(exact)
        # The reference has rounding errors of its own: twice as many bits tell how large they are.
        slack = 2 * abs(reference - _exactly(check))
        return "enclosed" if ball.overlaps(reference + arb(0, 1) * slack) else "NOT ENCLOSED"


def _exactly(number: Any) -> arb:
    """A finite mpmath number as an Arb number, without rounding."""
    sign, mantissa, exponent, _ = mpmath.re(number)._mpf_
    return arb(int(mantissa)) * arb(2) ** int(exponent) * (-1 if sign else 1)


def main() -> None:
    options = arguments(__doc__, 20_000).parse_args()
    started = time.monotonic()
    tasks = [(options.seed, i, number) for i, number in spread_cases(options.cases, _CASES_A_FORMULA)]
    total: Counter[str] = Counter()
    for found in outcomes(count, tasks, options.jobs):
        total += found
    finish("truth against 1,000 bits", dict(total), started, options.json)


if __name__ == "__main__":
    main()
