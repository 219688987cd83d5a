"""One operation whose way back is another's: a matrix transposed, an operand taken for its value, a mask inverted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.tensors.diagnosis.edges import PathEdge, edges, expressions, makers, name_of_edge
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.other_factors import other_factors, values_of
from diffexplore.tensors.diagnosis.places import SourceLine
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.sweep import swept

#: Cotangents that stand in the places of those of some edges.
_Instead = Sequence[tuple[PathEdge, np.ndarray]]

_INVERSES = ("linalg_inv_ex", "inverse")


@dataclass(frozen=True, eq=False)
class WrongOperation:
    """A mistake in the way back of one operation, and by how much it moves the gradient by each source.

    ``inverse`` is the expression with an inverse that it belongs to.
    """

    key: str
    message: str
    moves: tuple[np.ndarray, ...]
    fields: dict[str, str] = field(default_factory=dict)
    inverse: SourceLine | None = None


def of_operations(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One operation is taken for another on the way back."""
    sweep = scenes[0].sweep
    if sweep is None:
        return
    several = list(enumerate(_alternatives(sweep)))
    for number, one in several:
        yield Mistake(one.key, one.message, partial(_with, numbers=[number]), one.fields, of_forward=True)
    of_inverses = [(number, one) for number, one in several if one.inverse is not None]
    for (first, one), (second, other) in itertools.combinations(of_inverses, 2):
        if one.inverse == other.inverse:  # a solution depends on the matrix and on the right side
            message = f"on the way back to both operands of {one.inverse}, the inverse is used for its transpose"
            yield Mistake("transposed", message, partial(_with, numbers=[first, second]), {"path": str(one.inverse)})


def _with(scene: GradientScene, numbers: Sequence[int]) -> np.ndarray | None:
    if scene.sweep is None or max(numbers) >= len(_alternatives(scene.sweep)):
        return None
    moves = [_alternatives(scene.sweep)[number].moves[scene.source] for number in numbers]
    return np.asarray(scene.exact + np.sum(moves, axis=0))


def moved_by(sweep: RecordedSweep, instead: _Instead) -> tuple[np.ndarray, ...]:
    """By how much the gradient by each source moves where other cotangents come back to the operands of one entry."""
    first = instead[0][0]
    seeds = [
        (edge.operand, exact(np.ascontiguousarray(other - edge.cotangent.high, np.float64))) for edge, other in instead
    ]
    return centres(swept(edges(sweep)[1][: first.number], seeds, sweep.tape.sources))


def _alternatives(sweep: RecordedSweep) -> tuple[WrongOperation, ...]:
    if not sweep.alternatives:
        with np.errstate(all="ignore"):
            sweep.alternatives.append(tuple(_found(sweep)))
    found: tuple[WrongOperation, ...] = sweep.alternatives[0]
    return found


def _found(sweep: RecordedSweep) -> Iterator[WrongOperation]:
    made_by, tape = makers(sweep), sweep.tape
    of_inverses = {place for place, one in zip(tape.places, tape.operators, strict=True) if one in _INVERSES}
    for edge, last in expressions(sweep):
        yield from _mask(sweep, [edge], last)
    for _, grouped in groupby(edges(sweep)[0], key=lambda edge: edge.number):
        several = list(grouped)
        yield from _mask(sweep, several, several[0].number)
        for edge in several:
            name = name_of_edge(sweep, edge)
            for key, words, back in other_factors(sweep, edge, made_by):
                message = f"on the way back to {name}, {words}"
                yield WrongOperation(key, message, moved_by(sweep, [(edge, back)]), {"path": name})
            for words, back in _transposed(sweep, edge):
                message = f"on the way back to {name}, {words}"
                place = sweep.tape.places[edge.number]
                inverse = place if place in of_inverses else None
                yield WrongOperation("transposed", message, moved_by(sweep, [(edge, back)]), inverse=inverse)


def _mask(sweep: RecordedSweep, several: Sequence[PathEdge], last: int) -> Iterator[WrongOperation]:
    inverted = _inverted(several)
    if inverted is not None:
        yield WrongOperation(
            "mask_inverted", f"the mask of {sweep.tape.places[last]} is inverted", moved_by(sweep, inverted)
        )


def _inverted(several: Sequence[PathEdge]) -> _Instead | None:
    """The cotangents of what an operation chooses among, where another was chosen; None where it does not choose."""
    instead = []
    for edge in several:
        given, back = edge.given[0], edge.cotangent.high
        if len(edge.given) != 1 or given is None or given.high.shape != back.shape:
            return None
        passed = back == given.high
        if not (passed | (back == 0)).all() or passed.all() or not passed.any():
            return None
        instead.append((edge, np.where(passed, 0.0, given.high)))
    return instead


def _transposed(sweep: RecordedSweep, edge: PathEdge) -> Iterator[tuple[str, np.ndarray]]:
    """What comes back where a matrix beside the operand, or the cotangent, is transposed."""
    operands, operator = sweep.tape.entries[edge.number].operands, sweep.tape.operators[edge.number]
    given, shape = edge.given[0], edge.operand.layout.shape
    if given is None:
        return
    if operator in ("mm", "bmm") and len(operands) == 2 and operands[1 - edge.index] is not None:
        factor = values_of(operands[1 - edge.index])
        for left, right in ((factor.mT, given.high), (factor, given.high.mT)):
            a, b = (right, left.mT) if edge.index == 0 else (left.mT, right)
            if a.shape[-1] == b.shape[-2] and (a @ b).shape == shape:
                yield "the matrix beside it is used for its transpose", a @ b
    elif operator in _INVERSES and given.high.shape == shape:
        inverse = values_of(sweep.tape.entries[edge.number].results[0])
        for left, right in ((inverse, inverse.mT), (inverse.mT, inverse), (inverse, inverse)):
            yield "the inverse is used for its transpose", -left @ given.high @ right
