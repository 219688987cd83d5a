"""Figure 1: right gradients never fail, and most checks are conclusive.

    python -m benchmarks.false_alarms [--cases 20000] [--seed 0] [--jobs 2] [--dtype float64]

A case is one check of a random loss at one point on one batch in one dtype, by SymPy's gradient, reverse mode and one
more method in turn, reduced and by sample. It is *not finite* where a method makes NaN or infinity of a finite
gradient, a fail of that method and no false alarm. It is *conclusive* where every partial has a passing comparison that
includes the reduction (the batch, a sub-batch or a probe) and *settled* where that happened at the point itself.
"""

from __future__ import annotations

import faulthandler
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from benchmarks.formulas import random_loss
from benchmarks.generator import DTYPES, Case, cases, in_range
from diffexplore import methods
from diffexplore.checking.batch import Batch
from diffexplore.checking.records import Report
from diffexplore.checking.run import run_check
from diffexplore.methods.problem import Problem

CASES_A_FORMULA = 20
_STUCK_SECONDS = 120
_ALWAYS = ("symbolic", "reverse")
_IN_TURN = tuple(name for name in methods.names() if name not in _ALWAYS)
_SINGULAR = frozenset({"kink", "undefined", "outside_domain", "overflow"})


@dataclass
class Tallies:
    """Counts by dtype, and what went wrong."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    ratio: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def add(self, other: Tallies) -> None:
        self.counts += other.counts
        self.causes += other.causes
        self.troubles += other.troubles
        self.undecided += other.undecided
        for method, ratio in other.ratio.items():
            self.ratio[method] = max(self.ratio.get(method, 0.0), ratio)


def run_case(case: Case, names: tuple[str, ...]) -> tuple[Report, bool]:
    """The report of a case, and whether its numbers stay in the range of the dtype."""
    columns = {name: torch.tensor(column, dtype=torch.float64) for name, column in case.columns.items()}
    problem = Problem(case.loss, case.loss.parameters, DTYPES[case.dtype], torch.device("cpu"))
    report = run_check(
        case.loss, Batch(columns, case.n, "sweep"), [case.point], methods=names, dtype=case.dtype, device="cpu"
    )
    return report, in_range(problem, case.point, columns)


def tally(case: Case, names: tuple[str, ...], into: Tallies) -> None:
    """Runs a case and counts how it went."""
    try:
        report, within = run_case(case, names)
    except Exception:
        into.counts[case.dtype, "crashed"] += 1
        into.troubles.append(f"CRASH {case.describe()} methods {names}\n{traceback.format_exc()}")
        return
    into.counts[case.dtype, "cases"] += 1
    into.counts[case.dtype, "comparisons"] += (
        report.summary.passed + report.summary.failed + report.summary.inconclusive
    )
    nan = report.summary.causes.get("nan", 0)
    into.counts[case.dtype, "not finite"] += nan > 0  # a certain fail, and no false alarm: counted by itself
    if report.summary.failed > nan:
        into.counts[case.dtype, "failed"] += 1
        failed = [(row.parameter, row.method, row.sample, row.probe, row.value, row.truth, row.error_abs, row.bound)
                  for row in report.rows if row.verdict == "fail" and not row.is_nan]  # fmt: skip
        into.troubles.append(f"FAIL {case.describe()}\n  {failed[:3]}")
    _note_ratios(report, into)
    if within and not _singular(report) and not _underflows(report, DTYPES[case.dtype]):
        _note_conclusions(case, report, into)


def _singular(report: Report) -> bool:
    """Whether some sample has no gradient: the truth itself says so."""
    return bool(_SINGULAR & set(report.summary.causes))


def _underflows(report: Report, dtype: torch.dtype) -> bool:
    """Whether some reduced partial is below the normal numbers of the dtype, and not 0."""
    sizes = [abs(float(row.truth.mid)) for row in report.rows if row.truth and row.sample is None and row.probe is None]
    return any(0 < size < torch.finfo(dtype).tiny for size in sizes)


def _note_conclusions(case: Case, report: Report, into: Tallies) -> None:
    passed = {
        row.parameter for row in report.rows if row.verdict == "pass" and row.sample is None and _exact(row.method)
    }
    into.counts[case.dtype, "inside"] += 1
    into.counts[case.dtype, "settled"] += report.verdict == "pass"
    missing = [name for name in case.loss.parameters if name not in passed]
    into.counts[case.dtype, "conclusive"] += not missing
    for name in missing:
        open_rows = [row for row in report.rows if row.parameter == name and row.sample is None]
        keys = sorted({f"{row.method}: {row.cause.key}" for row in open_rows if row.cause and row.method in _ALWAYS})
        into.causes[case.dtype, f"{case.condition}, {', '.join(keys)}"] += 1
        into.undecided.append(f"{name}: {keys} {case.describe()}")


def _exact(method: str) -> bool:
    return method not in ("forward_difference", "central_difference", "richardson", "complex_step")


def _note_ratios(report: Report, into: Tallies) -> None:
    for row in report.rows:
        if row.error_abs is not None and row.bound:
            into.ratio[row.method] = max(into.ratio.get(row.method, 0.0), row.error_abs / row.bound)


def work(task: tuple[int, int, int, tuple[str, ...]]) -> Tallies:
    """All cases of one formula."""
    seed, index, count, dtypes = task
    faulthandler.dump_traceback_later(_STUCK_SECONDS)  # says where, if a case should hang
    found = Tallies()
    loss = random_loss(seed, index)
    try:
        loss.gradient()
    except Exception:
        found.counts[dtypes[0], "crashed"] += count
        found.troubles.append(f"CRASH deriving {loss!r}\n{traceback.format_exc(limit=-3)}")
        return found
    for i, case in enumerate(cases(loss, count, f"{seed} {index}", dtypes)):
        tally(case, (*_ALWAYS, _IN_TURN[(index + i // len(dtypes)) % len(_IN_TURN)]), found)
    return found


def summary(total: Tallies) -> dict[str, Any]:
    """The figures, by dtype."""
    figures: dict[str, Any] = {}
    for dtype in DTYPES:
        counts = {key: count for (of, key), count in sorted(total.counts.items()) if of == dtype}
        if not counts:
            continue
        inside = max(1, counts.get("inside", 0))
        shares = {key: f"{100 * counts.get(key, 0) / inside:.2f} %" for key in ("conclusive", "settled")}
        figures[dtype] = {
            **counts,
            "failed": counts.get("failed", 0),
            **{f"{k} of inside": v for k, v in shares.items()},
        }
    causes = {f"{dtype}, {cause}": count for (dtype, cause), count in total.causes.most_common(20)}
    ratio = {method: f"{total.ratio[method]:.3g}" for method in methods.names() if method in total.ratio}
    return {**figures, "largest error / bound": ratio, "causes of inconclusive partials": causes}


def main() -> int:
    parser = arguments(__doc__, 20_000)
    parser.add_argument("--dtype", choices=DTYPES, help="one dtype only")
    parser.add_argument("--show", type=int, default=5, help="how many troubles to print (default 5)")
    parser.add_argument("--show-undecided", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    dtypes = (options.dtype,) if options.dtype else tuple(DTYPES)
    tasks = [(options.seed, index, count, dtypes) for index, count in spread_cases(options.cases, CASES_A_FORMULA)]
    total = Tallies()
    for found in outcomes(work, tasks, options.jobs):
        total.add(found)
        for trouble in found.troubles[: max(0, options.show)]:
            print(trouble, flush=True)
    for line in total.undecided[: options.show_undecided]:
        print(line)
    finish("false alarms", summary(total), started, options.json)
    return 1 if total.troubles else 0


if __name__ == "__main__":
    raise SystemExit(main())
