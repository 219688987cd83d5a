"""Figure 2: no error above the stated power is missed, and that power is small.

    python -m benchmarks.missed_errors [--json FILE]

Every row of a check of every catalogue loss, in every dtype, states the smallest relative error that it is sure to
report. Its value is moved by just that, up and down, and judged again: it has to fail. Then the powers themselves: at
the default points of the perpendicular loss, and at the best probe of every loss.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from benchmarks._jobs import arguments, finish, one_thread
from diffexplore import losses
from diffexplore.checking.batch import make_batch
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.judge import FAIL, judge
from diffexplore.checking.probe_search import ProbeSearch
from diffexplore.checking.records import Row
from diffexplore.checking.run import check
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.inputs.points import make_points
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem


def caught(row: Row, dtype: torch.dtype, sign: int) -> bool:
    """Whether the row's value, moved by the error that it states, fails."""
    assert row.truth is not None and row.value is not None and row.bound is not None
    mid = Fraction(row.truth.mid)
    high = float(mid)
    low = float(mid - Fraction(high))
    radius = float(Fraction(row.truth.rad)) * (1 + 2.0**-50) + abs(low) * 2.0**-52
    truth = Enclosures(np.array([high]), np.array([low]), np.array([radius]), np.array([Status.RESOLVED], np.int8))
    relative = row.smallest_detectable
    step = relative * abs(high) if relative is not None else row.smallest_detectable_abs
    assert step is not None
    least = Fraction(math.nextafter(step, math.inf))
    moved = float(Fraction(row.value) + sign * least)
    while abs(Fraction(moved) - Fraction(row.value)) < least:  # rounded to less, or not moved at all
        moved = math.nextafter(moved, sign * math.inf)
    return int(judge(np.array([moved]), np.array([row.bound]), truth, math.inf, dtype, stepped=None).verdict[0]) == FAIL


def moved_rows() -> dict[str, Counter[str]]:
    """For each dtype, how many moved values were caught and how many were missed."""
    counts: dict[str, Counter[str]] = {}
    for name in losses.names():
        for dtype in FLOAT_FORMATS:
            for row in check(name, dtype=dtype, device="cpu").rows:
                if row.truth is None or row.bound is None or row.value is None or row.verdict == "fail":
                    continue
                if row.smallest_detectable is None and row.smallest_detectable_abs is None:
                    continue
                for sign in (-1, 1):
                    outcome = "caught" if caught(row, FLOAT_FORMATS[dtype].dtype, sign) else "missed"
                    counts.setdefault(dtype, Counter())[outcome] += 1
    return counts


def probe_powers(loss: Loss) -> dict[str, float]:
    """For each dtype, the worst power over the parameters at their best probes."""
    batch, points = make_batch(loss), make_points(loss)
    columns = {name: torch.as_tensor(column) for name, column in batch.columns.items()}
    worst = {}
    for name, known in FLOAT_FORMATS.items():
        problem = Problem(loss, loss.parameters, known.dtype, torch.device("cpu"))
        search, powers = ProbeSearch(problem, points, columns, batch.n, 0), []
        for parameter in loss.parameters:
            probe = search.best(parameter)
            powers.append(math.inf if probe is None else search.power(parameter, probe))
        worst[name] = max(powers, default=0.0)
    return worst


def default_powers() -> dict[str, float]:
    """The largest smallest_detectable of a method's reduced rows at the perpendicular loss's default points."""
    rows = [row for row in check("perpendicular", device="cpu").rows if row.sample is None and row.probe is None]
    methods = ("symbolic", "reverse", "central_difference")
    return {name: max(row.smallest_detectable or math.inf for row in rows if row.method == name) for name in methods}


def main() -> None:
    options = arguments(__doc__, 0).parse_args()
    one_thread()
    started = time.monotonic()
    figures: dict[str, Any] = {f"moved values, {dtype}": dict(counts) for dtype, counts in moved_rows().items()}
    figures["default points, float64"] = {name: f"{power:.2g}" for name, power in default_powers().items()}
    for name in losses.names():
        loss = losses.get(name)
        if loss.parameters:
            figures[f"best probe, {name}"] = {dtype: f"{power:.2g}" for dtype, power in probe_powers(loss).items()}
    finish("missed errors", figures, started, options.json)


if __name__ == "__main__":
    main()
