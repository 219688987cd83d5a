"""What rounding did: steps that seem to go up, and runs that come apart."""

from __future__ import annotations

from diffexplore.fitting.explanation.words import each, number
from diffexplore.fitting.records import Finding, Fit, Run
from diffexplore.lists import listed
from diffexplore.writing.numbers import counted


def rises(fit: Fit) -> Finding | None:
    """Upward steps of the run that has most of them, held against the exact loss and against one ulp."""
    run = max(fit.runs, key=lambda one: one.rises.count)
    upward = run.rises
    if upward.count == 0 or not run.finite or upward.first is None:
        return None
    values = upward.to_dict() | {
        "dtype": run.dtype, "method": run.method, "mean_change": run.mean_change, "ulp": run.ulp,
    }  # fmt: skip
    seen = (f"in {run.dtype} the computed loss rises at {upward.count:,} of {counted(run.steps, 'step')} "
            f"({run.method}), first after step {upward.first:,}")  # fmt: skip
    return Finding("rises", f"{seen}{_cause(run)}{_others(fit, run)}", values)


def _cause(run: Run) -> str:
    upward = run.rises
    if upward.checked and upward.falls == upward.checked:
        all_of = "each of them" if upward.checked == upward.count else f"each of the first {upward.checked}"
        small = ""
        if run.mean_change and run.ulp is not None:
            small = (f"; its last {counted(run.changes, 'step')} change it by {number(run.mean_change, 2)} on average, "
                     f"where one ulp is {number(run.ulp, 2)}")  # fmt: skip
        return f": rounding, for the exact loss falls at {all_of}{small}"
    parts = [f"falls at {upward.falls} (rounding)"] if upward.falls else []
    parts += [f"rises at {upward.climbs} as well"] if upward.climbs else []
    of_them = "" if upward.checked == upward.count else f"of the first {upward.checked}, "
    return f": {of_them}the exact loss {listed(parts)}" if parts else ""


def _others(fit: Fit, run: Run) -> str:
    """The wider dtypes in which no step rises."""
    none = [other.dtype for other in fit.runs if other.dtype != run.dtype]
    still = {other.dtype for other in fit.runs if other.rises.count}
    quiet = list(dict.fromkeys(dtype for dtype in none if dtype not in still))
    return f"; in {listed(quiet)} none rises" if quiet else ""


def drift(fit: Fit) -> Finding | None:
    """How far two runs in one dtype came apart: the dtype in which that is most."""
    if not fit.drifts:
        return None
    worst = max(fit.drifts, key=lambda one: max(one.last.values()))
    values = worst.to_dict()
    first, second = worst.methods
    if not any(worst.largest.values()):
        return Finding("drift", f"{first} and {second} take the same steps to the last bit in {worst.dtype}", values)
    far = f"end {each(worst.last)} apart"
    if not any(worst.last.values()):
        far = f"come {each(worst.largest)} apart at most, and end at one point"
    why = "their exact gradients are the same, so that without rounding they would take the same steps"
    if worst.bound is not None:
        why = f"rounding, which is proved to make at most {each(worst.bound)}"
    return Finding("drift", f"in {worst.dtype} {first} and {second} {far}: {why}", values)
