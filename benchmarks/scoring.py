"""How a verification of a planted error ended: caught, below the stated power, missed, undecided; and what it named."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from benchmarks.candidates import Candidate, hessian_errors, planted_gradient, right_gradient
from benchmarks.given import Given
from benchmarks.planted import Kind
from diffexplore.checking.records import VALUE, Cause, Report, Row

RIGHT, FALSE_ALARM, CAUGHT, BELOW_POWER, HIDDEN, MISSED, INCONCLUSIVE, NO_ERROR, NOT_FINITE = (
    "right", "false alarm", "caught", "below power", "hidden", "MISSED", "inconclusive", "no error here", "not finite",
)  # fmt: skip

#: Names of a fitted factor that is made of the number of samples.
_SIZES = {
    "sqrt(N)": lambda n: n**0.5,
    "N": lambda n: n, "1/N": lambda n: 1 / n, "N/(N-1)": lambda n: n / (n - 1) if n > 1 else 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One cell. ``named`` is "right", "unexplained", "other" or "wrong, certain"; empty where nothing was caught."""

    ended: str
    named: str = ""
    cause: str = ""
    seconds: float = 0.0
    undecided: str = ""
    rivals: dict[str, str] = field(default_factory=dict)


def ended(kind: Kind, report: Report, candidate: Candidate) -> str:
    """How a cell ended. A miss is a pass, row by row, of an error larger than the row says it would see."""
    if report.verdict == "fail" and _only_nan(report) and kind.causes <= {"nan"}:
        return NOT_FINITE
    if not kind.causes:
        return {"pass": RIGHT, "fail": FALSE_ALARM, "inconclusive": INCONCLUSIVE}[report.verdict]
    if report.verdict == "fail":
        return CAUGHT
    if kind.modes:
        return _second_ended(kind, report, candidate.calls[0])
    if any(_overlooked(kind, row, given) for row, given in _compared(report, candidate)):
        return MISSED
    if not any(_error(kind, given) for given in candidate.calls[:1]):
        return NO_ERROR
    if report.verdict == "inconclusive":
        return INCONCLUSIVE
    return HIDDEN if _is_hidden(kind, report, candidate.calls[0]) else BELOW_POWER


def _only_nan(report: Report) -> bool:
    """Whether every fail is a number that is not finite: certain, and no matter of how wrong a gradient is."""
    return all(row.is_nan for row in report.rows if row.verdict == "fail")


def _is_hidden(kind: Kind, report: Report, batch: Given) -> bool:
    """Whether rounding hides the batch's own partial, and the sub-batches that stand for it do not have the error."""
    errors = _errors(kind, batch)
    for row in report.rows:
        power = report.summary.power.get(row.parameter)
        open_ = row.probe is None and row.sample is None and row.verdict != "pass" and row.parameter in errors
        if not open_ or row.truth is None or power is None:
            continue
        if float(errors[row.parameter]) > power * abs(float(row.truth.mid)):
            return True
    return False


def _compared(report: Report, candidate: Candidate) -> list[tuple[Row, Given]]:
    """The rows that passed, each with the tensors that the candidate was given for it."""
    batch = candidate.calls[0]
    probes = [row for row in report.rows if row.probe is not None]
    pairs = [(row, batch) for row in report.rows if row.probe is None]
    pairs += zip(probes, candidate.calls[1:], strict=False)  # the diagnosis asks again, after all probes
    return [(row, given) for row, given in pairs if row.verdict == "pass" and row.parameter != VALUE]


def _overlooked(kind: Kind, row: Row, given: Given) -> bool:
    error = _errors(kind, given)[row.parameter]
    return _sees(row, float(error if row.sample is None else error[row.sample]))


def _sees(row: Row, planted: float) -> bool:
    """Whether an error is larger than what the row says it would see."""
    if row.smallest_detectable is not None and row.truth is not None:
        return planted > row.smallest_detectable * abs(float(row.truth.mid))
    return row.smallest_detectable_abs is not None and planted > row.smallest_detectable_abs


def _second_ended(kind: Kind, report: Report, batch: Given) -> str:
    """How a cell ended that no row fails, where the error is in the entries of the Hessian."""
    errors = hessian_errors(kind, batch)
    passed = [row for row in report.rows if row.of in batch.names and row.probe is None and row.verdict == "pass"]
    if any(_sees(row, errors[row.of, row.parameter]) for row in passed if row.of is not None):
        return MISSED
    if not any(errors.values()):
        return NO_ERROR
    return INCONCLUSIVE if report.verdict == "inconclusive" else BELOW_POWER


def _error(kind: Kind, given: Given) -> bool:
    return kind.value_only or any(bool((error != 0).any()) for error in _errors(kind, given).values())


def _errors(kind: Kind, given: Given) -> dict[str, torch.Tensor]:
    """How far the planted gradient is from the right one, as both are computed in the dtype."""
    if kind.form == "output":
        return dict.fromkeys(given.names, torch.tensor(0.0))  # its upstream gradient is not among what it is given
    planted, right = planted_gradient(kind, given), right_gradient(kind, given)
    return {name: (planted[name].double() - right[name].double()).abs().detach() for name in given.names}


def named(kind: Kind, report: Report, batch: Given) -> tuple[str, str]:
    """How rightly the cause of the first failing row was named, and its key."""
    n = batch.n
    cause = next((row.cause for row in report.rows if row.verdict == "fail" and row.cause is not None), None)
    if cause is None:
        return "other", ""
    if cause.key in kind.causes and _factor_fits(kind, cause, n) and _sample_fits(kind, cause, batch):
        return "right", cause.key
    if cause.fields.get("or_else") in kind.causes and not cause.fields.get("certain"):
        return "right", cause.key  # told as the other of two that nothing tells apart
    if cause.key == "unexplained":
        return "unexplained", cause.key
    return ("wrong, certain" if cause.fields.get("certain") else "other"), cause.key


def _sample_fits(kind: Kind, cause: Cause, batch: Given) -> bool:
    """Whether the one sample that is named is the one with the error."""
    if cause.key != "one_sample" or kind.touched is None or "sample" not in cause.fields:
        return True
    touched = kind.touched(batch).nonzero().reshape(-1).tolist()
    return touched == [cause.fields["sample"]]


def _factor_fits(kind: Kind, cause: Cause, n: int) -> bool:
    found = cause.fields.get("factor")
    if cause.key != "factor" or kind.factor is None or found is None:
        return True
    if isinstance(found, str):
        found = _SIZES[found](n) if found in _SIZES else float("nan")
    slack = 4 * float(cause.fields.get("uncertainty", 0.0)) + 1e-9 * abs(found)
    return abs(found - kind.factor(n)) <= slack


def undecided(report: Report) -> str:
    """The causes of what was left open."""
    keys = {row.cause.key for row in report.rows if row.verdict == "inconclusive" and row.cause is not None}
    return ", ".join(sorted(keys))
