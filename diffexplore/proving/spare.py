"""Another copy of a program, which no trace has run, held against its formulas at a proof's points and others."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from diffexplore.decide.records import Counterexample
from diffexplore.loss import Loss
from diffexplore.proving.parts import Part
from diffexplore.proving.programs import TensorProgram, program_of
from diffexplore.proving.rerun import check_reading
from diffexplore.proving.runs import Function
from diffexplore.proving.upstream import without_weight
from diffexplore.tracing.declarations import Spec


def again(
    candidate: Any, loss: Loss | None, parameters: Spec | None, data: Spec | None, program: TensorProgram
) -> Function:
    """The function of a copy of a candidate, where it can be copied: a module keeps what it sees.

    It takes the arguments of ``program``, the upstream gradients among them.
    """
    try:
        copied = copy.deepcopy(candidate)
    except Exception:  # whatever the candidate's own classes raise
        copied = candidate
    other = program_of(copied, loss, parameters, data)
    return other.function if program.weights or not other.weights else without_weight(other).function


def run_again(
    program: TensorProgram, function: Function, parts: Sequence[Part], domain: Sequence[Any]
) -> tuple[str, ...]:
    """Runs a program where it was proved or refuted; notes for the reader. Raises as :func:`check_reading` does."""
    notes: dict[str, None] = {}
    for part in parts:
        if part.as_run is None:
            notes["the program was not run again: its floats as they are have no formula"] = None
            continue
        own = _own_points(part)
        found = check_reading(program.name, function, part.as_run, one=part.one, own=own, domain=domain)
        notes |= dict.fromkeys(found)
    return tuple(notes)


def _own_points(part: Part) -> list[Counterexample]:
    """The points of the proofs: where the two sides differ, or both have a value."""
    decisions = [statement.decision for statement in part.statements]
    points = [decision.counterexample or decision.witness for decision in decisions]
    return [point for point in points if point is not None]
