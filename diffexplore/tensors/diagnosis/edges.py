"""The operands that cotangents come back to, each with the cotangents of both sides of its operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add, exact
from diffexplore.tensors.diagnosis.places import SourceLine
from diffexplore.tensors.diagnosis.recording import RecordedSweep
from diffexplore.tensors.memory import StorageRegion
from diffexplore.tensors.sweep import TapeEntry, swept

#: Beyond so many operations to be swept, counted over all paths, paths are not looked at one by one.
_MOST_STEPS = 8_000

#: From so many steps on an operation counts as that of a loop.
FEWEST_STEPS = 3


@dataclass(frozen=True, eq=False)
class PathEdge:
    """An operand of an entry, with the cotangents of both sides; ``inside`` says that its own expression made it."""

    number: int
    index: int
    operand: StorageRegion
    cotangent: DoubleBall
    given: Sequence[DoubleBall | None]
    inside: bool
    several: bool


def edges(sweep: RecordedSweep) -> tuple[list[PathEdge], list[TapeEntry]]:
    """The edges of a sweep, nearest to the sources first, and its entries without what nothing comes back to."""
    if not sweep.edges:
        with np.errstate(all="ignore"):
            sweep.edges.append(_found(sweep))
    found: tuple[list[PathEdge], list[TapeEntry]] = sweep.edges[0]
    return found


def _found(sweep: RecordedSweep) -> tuple[list[PathEdge], list[TapeEntry]]:
    """The operands that something comes back to, and the entries without the others.

    What a cotangent of 0 comes back to, as to the shift of a softmax, has no part in the gradient: each of its two ways
    has one, which cancel, and nobody writes them into a backward.
    """
    tape = sweep.tape
    passed: list[tuple[int, Sequence[DoubleBall | None], Sequence[DoubleBall | None]]] = []
    swept(tape.entries, [(sweep.end, exact(sweep.upstream))], tape.sources, passed=passed)
    if sum(number * len(back) for number, _, back in passed) > _MOST_STEPS:
        return [], []
    made_at = {state: tape.places[number] for state, number in makers(sweep).items()}
    found, entries = [], list(tape.entries)
    for number, given, back in reversed(passed):
        idle = [cotangent is not None and _is_nothing(cotangent) for cotangent in back]
        if any(idle):
            operands_left = zip(entries[number].operands, idle, strict=True)
            entries[number] = replace(
                entries[number], operands=tuple(None if nothing else operand for operand, nothing in operands_left)
            )
        operands = distinct_operands(entries[number], back)
        for index, operand, cotangent in operands:
            inside = made_at.get(id(operand.state)) == tape.places[number]
            found.append(PathEdge(number, index, operand, cotangent, given, inside, len(operands) > 1))
    return found, entries


def expressions(sweep: RecordedSweep) -> list[tuple[PathEdge, int]]:
    """Expressions of several operations and one operand: an edge into that, and the number of the last operation."""
    by_place: dict[SourceLine, list[PathEdge]] = {}
    for edge in edges(sweep)[0]:
        by_place.setdefault(sweep.tape.places[edge.number], []).append(edge)
    found = []
    for several in by_place.values():
        leaving, last = [edge for edge in several if not edge.inside], max(several, key=lambda edge: edge.number)
        places = {(id(edge.operand.state), edge.operand.layout) for edge in leaving}
        if len(several) < 2 or len(places) != 1 or last.several:
            continue
        cotangent = leaving[0].cotangent
        for edge in leaving[1:]:
            cotangent = add(cotangent, edge.cotangent)
        first = min(leaving, key=lambda edge: edge.number)
        found.append((replace(first, cotangent=cotangent, given=last.given, several=False), last.number))
    return found


def steps_of_loops(sweep: RecordedSweep) -> list[list[PathEdge]]:
    """The edges of each operation that runs several times by the same expression on operands of the same shapes.

    They are in the order of the forward.
    """
    if not sweep.steps:
        found: dict[tuple[SourceLine, str, int, tuple[object, ...]], list[PathEdge]] = {}
        for edge in sorted(edges(sweep)[0], key=lambda edge: edge.number):
            tape, entry = sweep.tape, sweep.tape.entries[edge.number]
            shapes = (*(None if one is None else one.layout.shape for one in (*entry.operands, *entry.results)),)
            key = tape.places[edge.number], tape.operators[edge.number], edge.index, shapes
            found.setdefault(key, []).append(edge)
        sweep.steps.append([several for several in found.values() if len(several) >= FEWEST_STEPS])
    kept: list[list[PathEdge]] = sweep.steps[0]
    return kept


def name_of_edge(sweep: RecordedSweep, edge: PathEdge) -> str:
    """By what it leads: the expression, its operator where it has several, and which operand of several it is."""
    place = sweep.tape.places[edge.number]
    name = str(place) if sweep.tape.places.count(place) == 1 else f"{sweep.tape.operators[edge.number]} in {place}"
    return f"operand {edge.index + 1} of {name}" if edge.several else name


def _is_nothing(cotangent: DoubleBall) -> bool:
    return bool((np.abs(cotangent.high + cotangent.low) <= cotangent.radius).all())


def distinct_operands(
    entry: TapeEntry, back: Sequence[DoubleBall | None]
) -> list[tuple[int, StorageRegion, DoubleBall]]:
    """The operands that a cotangent comes back to, each once: in x · x there is one."""
    found: list[tuple[int, StorageRegion, DoubleBall]] = []
    for k, (operand, cotangent) in enumerate(zip(entry.operands, back, strict=True)):
        if operand is None or not operand.varies or cotangent is None:
            continue
        for place, (first, other, known) in enumerate(found):
            if other.state is operand.state and other.layout == operand.layout:
                found[place] = (first, other, add(known, cotangent))
                break
        else:
            found.append((k, operand, cotangent))
    return found


def makers(sweep: RecordedSweep) -> dict[int, int]:
    """The number of the entry that made each state."""
    return {
        id(region.state): number
        for number, entry in enumerate(sweep.tape.entries)
        for region in entry.results
        if region is not None
    }


def added_up(cotangent: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """A cotangent summed along the axes along which an operand of that shape was broadcast; None where it was not."""
    more = cotangent.ndim - len(shape)
    if more < 0 or any(one not in (1, length) for one, length in zip(shape, cotangent.shape[more:], strict=True)):
        return None
    spread = [more + axis for axis, one in enumerate(shape) if one != cotangent.shape[more + axis]]
    return np.asarray(cotangent.sum((*range(more), *spread), keepdims=True)).reshape(shape)
