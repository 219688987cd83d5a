"""How many comparisons agree with the truth, how many do not decide, by which methods and why, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diffexplore.checking.records import LOSS, VALUE, Report, Verdict
from diffexplore.checking.tallies import Summary, Tally
from diffexplore.lists import grouped, listed
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


def total(*tallies: Tally | Summary) -> int:
    """How many comparisons there are."""
    return sum(one.passed + one.failed + one.inconclusive for one in tallies)


def tallies_of(report: Report, name: str, kind: str) -> list[Tally]:
    """The tallies of one partial, of the kind "reduced" or "samples"."""
    return [tally for tally in report.summary.tallies if tally.parameter == name and tally.kind == kind]


def outcomes(tallies: Sequence[Tally]) -> dict[Verdict, int]:
    """How many comparisons ended how, without the verdicts that none has."""
    passed, failed = sum(one.passed for one in tallies), sum(one.failed for one in tallies)
    counts: dict[Verdict, int] = {"pass": passed, "fail": failed, "inconclusive": total(*tallies) - passed - failed}
    return {verdict: count for verdict, count in counts.items() if count}


def agreement(report: Report, scope: str) -> str:
    """What agreed and what was left open, of a report that passed; ``scope`` says how much was compared."""
    candidate, summary = candidate_of(report), report.summary
    if not summary.inconclusive:
        subject = f"{subject_of(candidate)} agrees" if candidate else "every partial agrees"
        return f"{subject} with the truth: {scope}"
    every = total(summary)
    counts = f"{counted(summary.passed)} of {counted(every, 'comparison')}"
    if candidate:
        message = f"{subject_of(candidate)} agrees with the truth in {counts}"
    else:
        message = f"{counts} {'agrees' if every == 1 else 'agree'} with the truth{_deciding(report)}"
    return f"{message}; {counted(summary.inconclusive)} inconclusive: {reasons(report)}"


def reasons(report: Report) -> str:
    """``rounding hides the gradient (reverse, forward), a kink or a jump (3)``: the most frequent cause first."""
    rows = [(row.cause.key, row.method) for row in report.rows if row.verdict == "inconclusive" and row.cause]
    causes = grouped(dict.fromkeys(rows), lambda pair: pair[0])
    ranked = sorted(causes, key=lambda key: -report.summary.causes.get(key, 0))
    return ", ".join(
        _reason(report, key, [method for _, method in causes[key]], alone=len(ranked) == 1) for key in ranked
    )


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
    decided = list(dict.fromkeys(tally.method for tally in tallies if tally.passed))
    return "" if not decided or left_open.intersection(decided) else f" (all by {_named(decided)})"


def _named(names: list[str]) -> str:
    """The names; of many how many there are, for the matrix has them."""
    return counted(len(names), "method") if len(names) > _LISTED else listed(names)


def loss_note(report: Report) -> str:
    """That the loss itself has no finite value in the dtype, though its gradient may have."""
    row = next((row for row in report.rows if row.parameter == VALUE and row.method == LOSS), None)
    if row is None or row.verdict == "fail" or row.cause is None:
        return ""
    return f"; the loss itself is not finite in {report.dtype}: {_WHY.get(row.cause.key, row.cause.message)}".replace(
        "the gradient is", "it is"
    )
