"""From failing rows to named causes: the simplest hypothesis that explains all numbers to within the bound."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import VALUE, Cause
from diffexplore.checking.unbounded import is_unexplained
from diffexplore.verifying.diagnosis import backward, behaviour, nonfinite
from diffexplore.verifying.diagnosis.in_blocks import block_of, by_block, numbered
from diffexplore.verifying.diagnosis.revision import revised
from diffexplore.verifying.diagnosis.search import Diagnosis
from diffexplore.verifying.point import CandidateCheck

_BITS = 320

#: What may be behind a factor of a gradient alone. Accumulation does not change the value of the loss.
_ACCUMULATED = re.compile(r", or it was accumulated twice without zeroing|accumulated \d+ times, or ")


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
        loss = check.laboratory().problem.loss.expression
        with precision(_BITS):
            found: dict[str, Cause] = {}
            for block, names in by_block(check, wrong).items():
                found |= Diagnosis(check, outcome, names, block).causes()
            causes = _as_one_finding({name: found[name] for name in wrong}, loss)
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
                block = block_of(check, row)
                first = check.blocks.rows(block)[0]
                there = replace(row, sample=None if row.sample is None else row.sample - first)
                found[key] = numbered(seek(there, check.laboratory(block)), first)
            row = replace(row, cause=found[key])
        rows.append(row)
    return replace(outcome, rows=tuple(rows))


# ------------------------------------------------------------------------------------- a loss with its own gradient
def _as_one_finding(causes: Mapping[str, Cause], loss: sympy.Expr) -> dict[str, Cause]:
    """The causes, where those of the value and of every partial are one factor, as one finding.

    The field ``loss_is`` then says what the candidate's loss is: ``2 times this loss: the ½ is missing``.
    """
    value = causes.get(VALUE)
    partials = [cause for name, cause in causes.items() if name != VALUE]
    if value is None or value.key != "factor" or not partials:
        return dict(causes)
    factor = value.fields["factor"]
    if any(cause.key != "factor" or cause.fields["factor"] != factor for cause in partials):
        return dict(causes)
    loss_is = _loss_is(value.message, loss)
    fields = {"loss_is": loss_is}
    found = {}
    for name, cause in causes.items():
        message = _narrowed(cause.message, loss)
        if name != VALUE:
            message += f" (the candidate's loss is {loss_is.partition(':')[0]}, and its gradient agrees with it)"
        found[name] = Cause(cause.key, message, {**cause.fields, **fields})
    return found


def _loss_is(message: str, loss: sympy.Expr) -> str:
    """``2 times this loss: the ½ is missing``, of the message ``it is 2 times the loss: …``."""
    words = _narrowed(message, loss).replace("the loss", "this loss", 1)
    wrong, colon, what = words.partition(": it is ")
    return f"{what}: {wrong}" if colon else words.removeprefix("it is ")


def _narrowed(message: str, loss: sympy.Expr) -> str:
    """The message without what a wrong value of the loss rules out; a ½ that the loss has is called by its article."""
    message, (coefficient, _) = _ACCUMULATED.sub("", message), sympy.factor_terms(loss).as_coeff_Mul()
    is_half = coefficient == sympy.S.Half
    return message.replace("a factor ½ is missing", "the ½ is missing") if is_half else message
