"""How many comparisons agree with the truth, how many do not decide, by which methods and why, in words."""

from __future__ import annotations

from collections.abc import Mapping

from diffexplore.checking.records import LOSS, VALUE, Report
from diffexplore.writing.names import candidate_of, subject_of
from diffexplore.writing.numbers import counted

#: Causes of inconclusive comparisons, in few words.
_WHY: Mapping[str, str] = {
    "no_power": "rounding hides the gradient",
    "no_bound": "no error bound could be derived",
    "kink": "a kink or a jump",
    "undefined": "the gradient is singular or leaves the reals",
    "outside_domain": "outside the domain of the loss",
    "unresolved": "the truth could not be resolved",
    "overflow": "the truth is beyond the range of the dtype",
    "step": "a step overflows or leaves the domain",
    "convention": "a convention of the library",
    "precision": "digits are lost in this dtype",
    "not_deterministic": "it depends on random numbers",
}

#: Names that a sentence lists before it counts the rest.
_LISTED = 4


def total(report: Report) -> int:
    summary = report.summary
    return summary.passed + summary.failed + summary.inconclusive


def agreement(report: Report, scope: str) -> str:
    """What agreed and what was left open, of a report that passed; ``scope`` says how much was compared."""
    candidate, summary = candidate_of(report), report.summary
    if not summary.inconclusive:
        subject = f"{subject_of(candidate)} agrees" if candidate else "every partial agrees"
        return f"{subject} with the truth: {scope}"
    counts = f"{counted(summary.passed)} of {counted(total(report), 'comparison')}"
    if candidate:
        said = f"{subject_of(candidate)} agrees with the truth in {counts}"
    else:
        said = f"{counts} {'agrees' if total(report) == 1 else 'agree'} with the truth{_deciding(report)}"
    return f"{said}; {counted(summary.inconclusive)} inconclusive: {reasons(report)}"


def reasons(report: Report) -> str:
    """``rounding hides the gradient (reverse, forward), a kink or a jump (3)``: the most frequent cause first."""
    causes: dict[str, dict[str, None]] = {}
    for row in report.rows:
        if row.verdict == "inconclusive" and row.cause is not None:
            causes.setdefault(row.cause.key, {})[row.method] = None
    ranked = sorted(causes, key=lambda key: -report.summary.causes.get(key, 0))
    return ", ".join(_reason(report, key, list(causes[key]), alone=len(ranked) == 1) for key in ranked)


def _reason(report: Report, key: str, methods: list[str], *, alone: bool) -> str:
    words = _WHY.get(key, key.replace("_", " "))
    if candidate_of(report):
        count = report.summary.causes.get(key)
        return words if alone or count is None else f"{words} ({counted(count)})"
    return f"{words} ({_named(methods)})"


def _deciding(report: Report) -> str:
    """`` (all by symbolic and numpy)``: the methods that left nothing open, where others did."""
    tallies = [tally for tally in report.summary.tallies if tally.method != LOSS]
    left_open = {tally.method for tally in tallies if tally.inconclusive}
    decided = [
        name for name in dict.fromkeys(tally.method for tally in tallies if tally.passed) if name not in left_open
    ]
    deciding_alone = decided and not any(tally.passed for tally in tallies if tally.method in left_open)
    return f" (all by {_named(decided)})" if deciding_alone else ""


def _named(names: list[str]) -> str:
    """``a``, ``a and b``; of many how many there are, for the matrix has their names."""
    if len(names) > _LISTED:
        return counted(len(names), "method")
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def loss_note(report: Report) -> str:
    """That the loss itself has no finite value in the dtype, though its gradient may have."""
    row = next((row for row in report.rows if row.parameter == VALUE and row.method == LOSS), None)
    if row is None or row.verdict == "fail" or row.cause is None:
        return ""
    return f"; the loss itself is not finite in {report.dtype}: {_WHY.get(row.cause.key, row.cause.message)}".replace(
        "the gradient is", "it is"
    )
