"""The named cause of a refuted gradient: what the verification of the program finds at the counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffexplore.check.records import VALUE, Cause
from diffexplore.errors import DiffexploreError
from diffexplore.loss import Loss
from diffexplore.proof.records import Counterexample
from diffexplore.proving.programs import Program, packs
from diffexplore.proving.records import Statement
from diffexplore.tracing.reading import loss_of
from diffexplore.tracing.trace import Traced


def cause_of(
    candidate: Any, program: Program, traced: Traced, loss: Loss | None, statements: Sequence[Statement]
) -> Cause | None:
    """The cause that verification names at the first counterexample of a gradient, if it finds one."""
    from diffexplore.verify.run import verify

    refuted = [statement for statement in statements if statement.decision.counterexample is not None]
    wrong = [statement for statement in refuted if statement.name != VALUE] or refuted
    if not wrong or traced.samples is not None:
        return None
    found = wrong[0].decision.counterexample
    assert found is not None
    try:
        meant = loss or _alone(loss_of(traced), program)
        columns = {name: [float(sample[name]) for sample in _samples(found)] for name in meant.data}
        upstream = None
        if program.weight is not None and program.by_sample:
            upstream = [float(sample[program.weight.name]) for sample in _samples(found)]
        point = {name: float(found.point[name]) for name in meant.parameters}
        report = verify(
            candidate, meant, columns, point, upstream=upstream, pack=packs(program.arrays) or None, device="cpu"
        )  # fmt: skip
    except (DiffexploreError, KeyError):
        return None
    rows = [row for row in report.rows if row.verdict == "fail" and row.cause is not None]
    named = [row for row in rows if row.parameter == wrong[0].name] or rows
    return named[0].cause if named else None


def _alone(loss: Loss, program: Program) -> Loss:
    """The loss of the program itself, without the upstream gradient that its output was contracted with."""
    if program.weight is None:
        return loss
    weight = program.weight.name
    return Loss(
        loss.expression.subs(loss.symbols[weight], 1),
        parameters=[name for name in loss.parameters if name != weight],
        data=[name for name in loss.data if name != weight],
        reduction=loss.reduction,
        domain=loss.domain_text,
    )


def _samples(found: Counterexample) -> Sequence[Any]:
    return found.samples or (found.point,)
