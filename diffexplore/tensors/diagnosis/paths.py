"""The ways on which cotangents come back, each with what passes on it to the sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add, exact
from diffexplore.tensors.diagnosis.places import SourceLine
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.memory import StorageRegion
from diffexplore.tensors.sweep import TapeEntry, swept

#: Beyond so many operations to be swept, counted over all paths, paths are not looked at one by one.
_MOST_STEPS = 8_000


@dataclass(frozen=True, eq=False)
class PathShare:
    """A way on which cotangents come back: what passes on it to each source; ``name`` says by what it leads.

    ``slope_left_out`` is what would be there in its place if the derivative of its operation were 1; None where shapes
    differ. ``transposed`` are what would be there if a matrix beside it were transposed; ``for_results`` if the factor
    beside it were what that was computed from, each with words for it.
    """

    name: str
    place: SourceLine
    shares: tuple[np.ndarray, ...]
    slope_left_out: tuple[np.ndarray, ...] | None = None
    transposed: tuple[tuple[np.ndarray, ...], ...] = ()
    for_results: tuple[tuple[str, tuple[np.ndarray, ...]], ...] = ()


@dataclass(frozen=True, eq=False)
class _Edge:
    """An operand of an entry, with the cotangents of both sides; ``inside`` says that its own expression made it."""

    number: int
    index: int
    operand: StorageRegion
    cotangent: DoubleBall
    given: Sequence[DoubleBall | None]
    inside: bool
    several: bool


def paths(sweep: RecordedSweep) -> tuple[PathShare, ...]:
    """Each way that can be cut: first the expressions, then their operands; nearest to the sources first."""
    if not sweep.paths:
        sweep.paths.append(_paths(sweep))
    found: tuple[PathShare, ...] = sweep.paths[0]
    return found


def _paths(sweep: RecordedSweep) -> tuple[PathShare, ...]:
    with np.errstate(all="ignore"):
        edges, entries = _edges(sweep)
        by_place: dict[SourceLine, list[tuple[_Edge, tuple[np.ndarray, ...]]]] = {}
        found = []
        entries_at, makers = Counter(sweep.tape.places), _makers(sweep)
        for edge in edges:
            place, before = sweep.tape.places[edge.number], entries[: edge.number]
            share = centres(swept(before, [(edge.operand, edge.cotangent)], sweep.tape.sources))
            by_place.setdefault(place, []).append((edge, share))
            name = str(place) if entries_at[place] == 1 else f"{sweep.tape.operators[edge.number]} in {place}"
            name = f"operand {edge.index + 1} of {name}" if edge.several else name
            slope, transposed = _without_slope(sweep, before, edge, edge), _transposed(sweep, before, edge)
            instead = _for_results(sweep, before, edge, makers)
            found.append(PathShare(name, place, share, slope, transposed, instead))
        groups = [_group(sweep, entries, place, several) for place, several in by_place.items()]
        return (*(group for group in groups if group is not None), *found)


def _edges(sweep: RecordedSweep) -> tuple[list[_Edge], list[TapeEntry]]:
    """The operands that something comes back to, and the entries without the others.

    What a cotangent of 0 comes back to, as to the shift of a softmax, has no part in the gradient: each of its two ways
    has one, which cancel, and nobody writes them into a backward.
    """
    tape = sweep.tape
    passed: list[tuple[int, Sequence[DoubleBall | None], Sequence[DoubleBall | None]]] = []
    swept(tape._entries, [(sweep.end, exact(sweep.upstream))], tape.sources, passed=passed)
    if sum(number * len(back) for number, _, back in passed) > _MOST_STEPS:
        return [], []
    made_at = {state: tape.places[number] for state, number in _makers(sweep).items()}
    found, entries = [], list(tape._entries)
    for number, given, back in reversed(passed):
        idle = [cotangent is not None and _is_nothing(cotangent) for cotangent in back]
        if any(idle):
            operands_left = zip(entries[number].operands, idle, strict=True)
            entries[number] = replace(
                entries[number], operands=tuple(None if nothing else operand for operand, nothing in operands_left)
            )
        operands = _distinct_operands(entries[number], back)
        for index, operand, cotangent in operands:
            inside = made_at.get(id(operand.state)) == tape.places[number]
            found.append(_Edge(number, index, operand, cotangent, given, inside, len(operands) > 1))
    return found, entries


def _is_nothing(cotangent: DoubleBall) -> bool:
    return bool((np.abs(cotangent.high + cotangent.low) <= cotangent.radius).all())


def _group(
    sweep: RecordedSweep,
    entries: Sequence[TapeEntry],
    place: SourceLine,
    several: Sequence[tuple[_Edge, tuple[np.ndarray, ...]]],
) -> PathShare | None:
    """An expression as a whole: what leaves it for what it is computed from."""
    leaving = [(edge, share) for edge, share in several if not edge.inside and any(np.any(one) for one in share)]
    if not leaving:
        return None
    shares = tuple(np.sum(some, axis=0) for some in zip(*(share for _, share in leaving), strict=True))
    one_operand = len({id(edge.operand.state) for edge, _ in leaving}) == 1
    first, last = leaving[0][0], max((edge for edge, _ in several), key=lambda edge: edge.number)
    slope = _without_slope(sweep, entries[: first.number], first, last) if one_operand else None
    return PathShare(str(place), place, shares, slope)


def _distinct_operands(
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


def _transposed(sweep: RecordedSweep, before: Sequence[TapeEntry], edge: _Edge) -> tuple[tuple[np.ndarray, ...], ...]:
    """What comes back to a factor of a product of matrices where the other factor, or the cotangent, is transposed."""
    operands = sweep.tape._entries[edge.number].operands
    given = edge.given[0]
    if sweep.tape.operators[edge.number] not in ("mm", "bmm") or len(operands) != 2 or given is None:
        return ()
    other = operands[1 - edge.index]
    if other is None:
        return ()
    factor, cotangent = other.layout.read(other.state.ball).high, given.high
    found = []
    for left, right in ((factor.mT, cotangent), (factor, cotangent.mT)):
        a, b = (right, left.mT) if edge.index == 0 else (left.mT, right)
        if a.shape[-1] == b.shape[-2] and (a @ b).shape == edge.operand.layout.shape:
            seeds = [(edge.operand, exact(np.ascontiguousarray(a @ b)))]
            found.append(centres(swept(before, seeds, sweep.tape.sources)))
    return tuple(found)


def _makers(sweep: RecordedSweep) -> dict[int, int]:
    """The number of the entry that made each state."""
    return {
        id(region.state): number
        for number, entry in enumerate(sweep.tape._entries)
        for region in entry.results
        if region is not None
    }


def _for_results(
    sweep: RecordedSweep, before: Sequence[TapeEntry], edge: _Edge, makers: dict[int, int]
) -> tuple[tuple[str, tuple[np.ndarray, ...]], ...]:
    """What comes back to a factor of a product where X stands for the other factor, f(X)."""
    tape, given = sweep.tape, edge.given[0]
    operands, operator = tape._entries[edge.number].operands, tape.operators[edge.number]
    if operator not in ("mul", "mm", "bmm") or len(operands) != 2 or given is None:
        return ()
    other = operands[1 - edge.index]
    maker = None if other is None else makers.get(id(other.state))
    if other is None or maker is None or other.state is edge.operand.state:
        return ()
    found = []
    for x in tape._entries[maker].operands:
        if x is None or x.layout.shape != other.layout.shape:
            continue
        factor, cotangent = x.layout.read(x.state.ball).high, given.high
        back = cotangent * factor if operator == "mul" else _beside(cotangent, factor.mT, edge.index)
        if back.shape == edge.operand.layout.shape:
            words = f"the value of {_name(sweep, x, makers)} is used for {_name(sweep, other, makers)}"
            seeds = [(edge.operand, exact(np.ascontiguousarray(back)))]
            found.append((words, centres(swept(before, seeds, sweep.tape.sources))))
    return tuple(found)


def _beside(cotangent: np.ndarray, factor: np.ndarray, place: int) -> np.ndarray:
    product: np.ndarray = cotangent @ factor if place == 0 else factor @ cotangent
    return product


def _name(sweep: RecordedSweep, region: StorageRegion, makers: dict[int, int]) -> str:
    number = makers.get(id(region.state))
    if number is not None:
        place = sweep.tape.places[number]
        last = max(other for other, same in enumerate(sweep.tape.places) if same == place)
        return str(place) if number == last else f"{sweep.tape.operators[number]} in {place}"
    found = [n for n, source in zip(sweep.names, sweep.tape.sources, strict=True) if source.state is region.state]
    return found[0] if found else "a constant"


def _without_slope(
    sweep: RecordedSweep, before: Sequence[TapeEntry], first: _Edge, last: _Edge
) -> tuple[np.ndarray, ...] | None:
    """What comes back where the cotangent of the result of ``last`` passes to the operand of ``first`` unchanged."""
    given, operand = last.given, first.operand
    if len(given) != 1 or given[0] is None or np.shape(given[0].high) != operand.layout.shape:
        return None
    return centres(swept(before, [(operand, given[0])], sweep.tape.sources))
