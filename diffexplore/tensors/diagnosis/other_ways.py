"""What else may come back to an operand: the cotangents that people compute in the place of the right one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.tensors.diagnosis.edges import PathEdge, distinct_operands, edges, makers
from diffexplore.tensors.diagnosis.other_factors import UNNAMED, name_of_region
from diffexplore.tensors.diagnosis.recording import RecordedSweep
from diffexplore.tensors.memory import StorageRegion


@dataclass(frozen=True, eq=False)
class OtherWay:
    """A mistake in what comes back to the operand of an edge.

    Attributes:
        key: that of its cause.
        words: what is done, in the message.
        label: tells it from others of the same edge, whatever the upstream gradient is.
        back: computes what comes back then; None where shapes do not fit.
    """

    key: str
    words: str
    label: Hashable
    back: Callable[[], np.ndarray | None]


#: Yields what may come back to the operand of an edge.
Ways = Callable[[RecordedSweep, PathEdge], Iterator[OtherWay]]


@dataclass(frozen=True, eq=False)
class NamedTensor:
    """A tensor of the forward in one of its shapes; ``number`` is its place among all."""

    number: int
    name: str
    values: np.ndarray


def named_tensors(sweep: RecordedSweep) -> list[NamedTensor]:
    """The inputs, and the operands and results of the operations, those of equal numbers and shapes once."""
    if not sweep.named:
        made_by, seen = makers(sweep), set()
        found = _sources(sweep) + [(one.name, one.values) for one in sweep.constants]
        found.append(("the upstream gradient", sweep.upstream))
        for entry in sweep.tape.entries:
            for region in (*entry.operands, *entry.results):
                if region is not None:
                    found.append((_name(sweep, region, made_by), region.layout.read(region.state.ball).high))
        kept: list[NamedTensor] = []
        for number, (name, values) in enumerate(found):
            key = (values.shape, np.ascontiguousarray(values).tobytes())
            if name != UNNAMED and key not in seen and np.isfinite(values).all():
                seen.add(key)
                kept.append(NamedTensor(number, name, values))
        sweep.named.append(kept)
    several: list[NamedTensor] = sweep.named[0]
    return several


def _sources(sweep: RecordedSweep) -> list[tuple[str, np.ndarray]]:
    return [
        (name, source.layout.read(source.state.ball).high)
        for name, source in zip(sweep.names, sweep.tape.sources, strict=True)
    ]


def _name(sweep: RecordedSweep, region: StorageRegion, made_by: dict[int, int]) -> str:
    name = name_of_region(sweep, region, made_by)
    whole = region.layout.is_whole(len(region.state.ball.high))
    return name if whole or name == UNNAMED else f"a part of {name}"


def pulled_back(sweep: RecordedSweep, edge: PathEdge, given: np.ndarray) -> np.ndarray | None:
    """What comes back to the operand of an edge where that is the cotangent of the result."""
    entry = edges(sweep)[1][edge.number]
    if len(edge.given) != 1 or edge.given[0] is None or edge.given[0].high.shape != given.shape:
        return None
    back = entry.pullback([exact(np.ascontiguousarray(given, np.float64))])
    found = {index: one.high for index, _, one in distinct_operands(entry, back)}
    return found.get(edge.index)
