"""Another copy of a program, which no trace has run, held against its formulas at a proof's points and others."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from diffexplore.loss import Loss
from diffexplore.proof.records import Counterexample
from diffexplore.proving.conduct import Function
from diffexplore.proving.parts import Part
from diffexplore.proving.points_tried import Tensors
from diffexplore.proving.programs import Program, program_of
from diffexplore.proving.rerun import check_reading
from diffexplore.proving.upstream import without_weight
from diffexplore.tracing.declarations import Array, Spec


def again(candidate: Any, loss: Loss | None, parameters: Spec | None, data: Spec | None, program: Program) -> Function:
    """The function of a copy of a candidate, where it can be copied: a module keeps what it sees.

    It takes the arguments of ``program``, the upstream gradients among them.
    """
    try:
        copied = copy.deepcopy(candidate)
    except Exception:  # whatever the candidate's own classes raise
        copied = candidate
    other = program_of(copied, loss, parameters, data)
    return other.function if program.weights or not other.weights else without_weight(other).function


def run_again(program: Program, function: Function, parts: Sequence[Part], domain: Sequence[Any]) -> tuple[str, ...]:
    """Runs a program where it was proved or refuted; notes for the reader. Raises as :func:`check_reading` does."""
    notes: dict[str, None] = {}

    def meant(tensors: Tensors) -> bool:
        return _meant(program, domain, tensors)

    for part in parts:
        if part.as_run is None:
            notes["the program was not run again: its floats as they are have no formula"] = None
            continue
        own = _own_points(part)
        found = check_reading(program.name, function, part.as_run, one=part.one, own=own, domain=meant)
        notes |= dict.fromkeys(found)
    return tuple(notes)


def _own_points(part: Part) -> list[Counterexample]:
    """The points of the proofs: where the two sides differ, or both have a value."""
    decisions = [statement.decision for statement in part.statements]
    points = [decision.counterexample or decision.witness for decision in decisions]
    return [point for point in points if point is not None]


def _meant(program: Program, domain: Sequence[Any], tensors: Tensors) -> bool:
    """Whether no condition of the domain certainly fails for the arguments, with any of the samples."""
    if not domain:
        return True
    own = _numbers(program.parameters, {array.name: tensors[array.name] for array in program.parameters})
    count = max((tensors[array.name].shape[0] for array in program.data), default=0)
    rows = [{array.name: tensors[array.name][i] for array in program.data} for i in range(count)]
    samples = [_numbers(program.data, row) for row in rows] or [{}]
    return all(_may_hold(condition, {**own, **sample}) for condition in domain for sample in samples)


def _numbers(arrays: Sequence[Array], tensors: Tensors) -> dict[str, sympy.Rational]:
    """The value of each symbol, exactly."""
    return {
        symbol.name: sympy.Rational(number)
        for array in arrays
        for symbol, number in zip(array.symbols, tensors[array.name].reshape(-1).tolist(), strict=True)
    }


def _may_hold(condition: Any, numbers: Mapping[str, sympy.Rational]) -> bool:
    used = {symbol: numbers[symbol.name] for symbol in condition.free_symbols if symbol.name in numbers}
    return bool(condition.subs(used) != False)  # noqa: E712 (SymPy's false)
