"""The ways on which cotangents come back, each with what passes on it to the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.tensors.diagnosis.edges import PathEdge, added_up, edges, makers, name_of_edge
from diffexplore.tensors.diagnosis.other_factors import UNNAMED, name_of_region
from diffexplore.tensors.diagnosis.places import SourceLine
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.slope_expressions import one_number
from diffexplore.tensors.sweep import TapeEntry, swept


@dataclass(frozen=True, eq=False)
class PathShare:
    """A way on which cotangents come back: what passes on it to each source; ``name`` says by what it leads.

    ``slope_left_out`` is what would be there in its place if the derivative of its operation were 1; None where shapes
    differ. ``slope`` is that derivative where it is one number, or the other factor of a product.
    """

    name: str
    place: SourceLine
    shares: tuple[np.ndarray, ...]
    slope_left_out: tuple[np.ndarray, ...] | None = None
    slope: str | None = None


def paths(sweep: RecordedSweep) -> tuple[PathShare, ...]:
    """Each way that can be cut: first the expressions, then their operands; nearest to the sources first."""
    if not sweep.paths:
        sweep.paths.append(_paths(sweep))
    found: tuple[PathShare, ...] = sweep.paths[0]
    return found


def paths_of_edges(sweep: RecordedSweep) -> tuple[PathShare, ...]:
    """Those of single operands, in the order of the edges."""
    found = paths(sweep)
    return found[len(found) - len(edges(sweep)[0]) :]


def _paths(sweep: RecordedSweep) -> tuple[PathShare, ...]:
    with np.errstate(all="ignore"):
        several_edges, entries = edges(sweep)
        by_place: dict[SourceLine, list[tuple[PathEdge, tuple[np.ndarray, ...]]]] = {}
        found = []
        for edge in several_edges:
            place, before = sweep.tape.places[edge.number], entries[: edge.number]
            share = centres(swept(before, [(edge.operand, edge.cotangent)], sweep.tape.sources))
            by_place.setdefault(place, []).append((edge, share))
            left_out = _without_slope(sweep, before, edge, edge)
            found.append(
                PathShare(
                    name_of_edge(sweep, edge), place, share, left_out, _number(edge, edge) or _factor(sweep, edge)
                )
            )
        groups = [_group(sweep, entries, place, several) for place, several in by_place.items()]
        return (*(group for group in groups if group is not None), *found)


def _group(
    sweep: RecordedSweep,
    entries: Sequence[TapeEntry],
    place: SourceLine,
    several: Sequence[tuple[PathEdge, tuple[np.ndarray, ...]]],
) -> PathShare | None:
    """An expression as a whole: what leaves it for what it is computed from."""
    leaving = [(edge, share) for edge, share in several if not edge.inside and any(np.any(one) for one in share)]
    if not leaving:
        return None
    shares = tuple(np.sum(some, axis=0) for some in zip(*(share for _, share in leaving), strict=True))
    one_operand = len({id(edge.operand.state) for edge, _ in leaving}) == 1
    first, last = leaving[0][0], max((edge for edge, _ in several), key=lambda edge: edge.number)
    slope = _without_slope(sweep, entries[: first.number], first, last) if one_operand else None
    if slope is None:
        return PathShare(str(place), place, shares)
    right = _number(first, last) or (_factor(sweep, first) if first is last else None)
    return PathShare(str(place), place, shares, slope, right)


def _factor(sweep: RecordedSweep, edge: PathEdge) -> str | None:
    """The other factor of a product, in words."""
    operands = sweep.tape.entries[edge.number].operands
    other = operands[1 - edge.index] if sweep.tape.operators[edge.number] == "mul" and len(operands) == 2 else None
    name = UNNAMED if other is None else name_of_region(sweep, other, makers(sweep))
    return name if name != UNNAMED else None


def _number(first: PathEdge, last: PathEdge) -> str | None:
    given, back = last.given[0], first.cotangent.high
    if len(last.given) != 1 or given is None or given.high.shape != back.shape:
        return None
    number = one_number(back[given.high != 0] / given.high[given.high != 0])
    if number is None:
        return None
    whole = round(1 / number)
    return f"1/{whole}" if whole > 2 and abs(whole * number - 1) < 1e-12 else f"{number:.6g}".replace("-", "−")


def _without_slope(
    sweep: RecordedSweep, before: Sequence[TapeEntry], first: PathEdge, last: PathEdge
) -> tuple[np.ndarray, ...] | None:
    """What comes back where the cotangent of the result of ``last`` passes to the operand of ``first`` unchanged.

    It is added up along the axes along which the operand was broadcast.
    """
    given, operand = last.given, first.operand
    if len(given) != 1 or given[0] is None:
        return None
    passed = added_up(given[0].high, operand.layout.shape)
    return None if passed is None else centres(swept(before, [(operand, exact(passed))], sweep.tape.sources))
