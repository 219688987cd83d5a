"""What rounding did: steps that seem to go up, and runs that come apart."""

from __future__ import annotations

from diffexplore.fitting.explanation.words import listed, number, steps
from diffexplore.fitting.records import Drift, Finding, Fit, Run


def rises(fit: Fit) -> Finding | None:
    """Upward steps of the run that has most of them, held against the exact loss and against one ulp."""
    run = max(fit.runs, key=lambda one: one.rises.count)
    counted = run.rises
    if counted.count == 0 or not run.finite or counted.first is None:
        return None
    values = {
        "dtype": run.dtype, "method": run.method, "count": counted.count, "first": counted.first,
        "checked": counted.checked, "falls": counted.falls, "mean_change": run.mean_change, "ulp": run.ulp,
    }  # fmt: skip
    seen = (f"in {run.dtype} the computed loss rises at {counted.count:,} of {steps(run.steps)} ({run.method}), "
            f"first after step {counted.first:,}")  # fmt: skip
    return Finding("rises", f"{seen}{_cause(run)}{_others(fit, run)}", values)


def _cause(run: Run) -> str:
    counted = run.rises
    if counted.checked and counted.falls == counted.checked:
        all_of = "each of them" if counted.checked == counted.count else f"each of the first {counted.checked}"
        small = ""
        if run.mean_change is not None and run.ulp is not None:
            small = (f", and over the last {steps(run.changes)} the computed loss changes by {number(run.mean_change, 2)} on "
                     f"average, where one ulp of it is {number(run.ulp, 2)}")  # fmt: skip
        return f": rounding, for the exact loss falls at {all_of}{small}"
    if counted.falls:
        return f"; the exact loss falls at {counted.falls} of {counted.checked} of them: those are rounding"
    return ""


def _others(fit: Fit, run: Run) -> str:
    """The wider dtypes in which no step rises."""
    none = [other.dtype for other in fit.runs if other.dtype != run.dtype]
    still = {other.dtype for other in fit.runs if other.rises.count}
    quiet = list(dict.fromkeys(dtype for dtype in none if dtype not in still))
    return f"; in {listed(quiet)} none does" if quiet else ""


def drift(fit: Fit) -> Finding | None:
    """How far two runs in one dtype came apart: the dtype in which that is most."""
    if not fit.drifts:
        return None
    worst = max(fit.drifts, key=lambda one: max(one.last.values()))
    values = worst.to_dict()
    first, second = worst.methods
    if not any(worst.largest.values()):
        return Finding("drift", f"{first} and {second} take the same steps to the last bit in {worst.dtype}", values)
    apart = listed([f"{number(x, 2)} in {name}" for name, x in worst.last.items()])
    return Finding("drift", f"in {worst.dtype} {first} and {second} end {apart} apart{_why(worst)}", values)


def _why(one: Drift) -> str:
    if one.bound is None:
        return ": both follow the same exact gradient, so that only rounding can do that" if one.reason else ""
    bound = listed([f"{number(x, 2)} in {name}" for name, x in one.bound.items()])
    return (f": rounding, which is proved to drive them at most {bound} apart (the gradients are off by "
            f"{number(one.gradient_error, 2)} at most)")  # fmt: skip
