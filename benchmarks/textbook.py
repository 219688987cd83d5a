"""Figure 6: textbook formulas in their natural ranges neither crash nor fail.

    python -m benchmarks.textbook [--json FILE]

Each formula of :mod:`benchmarks.textbook_formulas` is checked by every method, at its point, on 20 samples drawn from
the natural range of its data (or without data), in float64 and float32.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from benchmarks._jobs import arguments, finish, one_thread
from benchmarks.textbook_formulas import FORMULAS, Formula
from diffexplore.checking.records import Report
from diffexplore.checking.run import check
from diffexplore.loss import Loss

SAMPLES = 20


def report(formula: Formula, dtype: str, seed: int = 0) -> Report:
    """The check of one formula by every method."""
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(low, high, SAMPLES) for name, (low, high) in formula.data.items()}
    loss = Loss(formula.text, parameters=list(formula.at), data=list(formula.data), name=formula.name)
    return check(loss, columns or None, formula.at, dtype=dtype, device="cpu")


def main() -> None:
    options = arguments(__doc__, len(FORMULAS)).parse_args()
    one_thread()
    started = time.monotonic()
    figures: dict[str, Any] = {"formulas": len(FORMULAS)}
    for dtype in ("float64", "float32"):
        verdicts: Counter[str] = Counter()
        open_rows: dict[str, str] = {}
        for formula in FORMULAS:
            result = report(formula, dtype, options.seed)
            verdicts[result.verdict] += 1
            if result.verdict != "pass":
                open_rows[formula.name] = f"{result.verdict}: {', '.join(result.summary.causes)}"
        figures[dtype] = dict(verdicts)
        figures[f"{dtype}, not passed"] = open_rows
    finish("textbook formulas", figures, started, options.json)


if __name__ == "__main__":
    main()
