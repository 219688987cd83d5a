"""From failing rows to named causes: the simplest hypothesis that explains all numbers to within the bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import Cause
from diffexplore.checking.unbounded import is_unexplained
from diffexplore.verifying.diagnosis import backward, behaviour, nonfinite
from diffexplore.verifying.diagnosis.consistency import with_consistency
from diffexplore.verifying.diagnosis.revision import revised
from diffexplore.verifying.diagnosis.search import Diagnosis
from diffexplore.verifying.point import CandidateCheck

_BITS = 320


def diagnosed(check: CandidateCheck, outcome: PointOutcome, accept: Sequence[str] = ()) -> PointOutcome:
    """The outcome with a named cause on each failing row; conventions do not fail, and pass where accepted."""
    side_effect = behaviour.modified(check.observed)
    if side_effect is not None:
        return revised(outcome, {row.parameter: side_effect for row in outcome.rows}, accept, every=True)
    wrong = tuple(dict.fromkeys(row.parameter for row in outcome.rows if row.verdict == "fail" and not row.is_nan))
    again = backward.causes(check.backward, dict.fromkeys(row.parameter for row in outcome.rows), wrong)
    if again:
        outcome = revised(outcome, again, accept, every=True)
        wrong = tuple(name for name in wrong if name not in again)
    refused = backward.skipped(check.backward, check.observed.candidate.name)
    outcome = replace(outcome, skipped=(*outcome.skipped, *refused))
    causes: dict[str, Cause] = {}
    if wrong:
        with precision(_BITS):
            causes = with_consistency(
                Diagnosis(check, outcome, wrong).causes(), check.laboratory().problem.loss.expression
            )
    return revised(_with_origins(check, outcome), causes, accept)


def _with_origins(check: CandidateCheck, outcome: PointOutcome) -> PointOutcome:
    """Values that are not finite, and values without a bound, with the operation that made them so."""
    if not check.observed.candidate.repeatable:
        return outcome
    found: dict[tuple[str, int | None], Cause] = {}
    rows = []
    for row in outcome.rows:
        unexplained = is_unexplained(row.cause)
        if (row.is_nan or unexplained) and row.probe is None:
            key = (row.parameter, row.sample)
            if key not in found:
                seek = nonfinite.culprit_of if unexplained else nonfinite.origin_of
                found[key] = seek(row, check.laboratory())
            row = replace(row, cause=found[key])
        rows.append(row)
    return replace(outcome, rows=tuple(rows))
