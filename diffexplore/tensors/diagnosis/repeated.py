"""One operation of a loop whose way back is wrong at every step: what each step passes on is wrong at the next, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add, exact
from diffexplore.tensors.diagnosis.edges import (
    FEWEST_STEPS,
    PathEdge,
    added_up,
    edges,
    makers,
    name_of_edge,
    steps_of_loops,
)
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.other_factors import other_factors, with_factor
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import SLOPES, meaning
from diffexplore.tensors.sweep import TapeEntry, swept

#: Beyond so many operations to be swept, counted over all that is tried, no more is.
_MOST_STEPS = 12_000

#: What comes back to the operand of an edge, whose cotangents are those of a sweep; None where that is not clear.
_Way = Callable[[PathEdge], "np.ndarray | None"]


@dataclass(frozen=True, eq=False)
class _EveryStep:
    """A mistake in the way back of one operation at every step, and the gradients by each source that it makes."""

    key: str
    message: str
    path: str
    gradients: tuple[np.ndarray, ...]


def in_every_step(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One operation of a loop is cut, negated, or has another's way back, at each of its steps."""
    sweep = scenes[0].sweep
    for number, one in enumerate(() if sweep is None else _found(sweep)):
        yield Mistake(one.key, one.message, partial(_gradient, number=number), {"path": one.path}, of_forward=True)


def _gradient(scene: GradientScene, number: int) -> np.ndarray | None:
    several = () if scene.sweep is None else _found(scene.sweep)
    return several[number].gradients[scene.source] if number < len(several) else None


def _found(sweep: RecordedSweep) -> tuple[_EveryStep, ...]:
    if not sweep.repeated:
        with np.errstate(all="ignore"):
            sweep.repeated.append(tuple(_tried(sweep)))
    found: tuple[_EveryStep, ...] = sweep.repeated[0]
    return found


def _tried(sweep: RecordedSweep) -> Iterator[_EveryStep]:
    left = _MOST_STEPS
    for several, (key, words, way) in ((one, way) for one in steps_of_loops(sweep) for way in _ways(sweep, one)):
        left -= len(edges(sweep)[1])
        if left < 0:
            return
        name = name_of_edge(sweep, several[0])
        message = words.format(name=name, count=len(several))
        yield _EveryStep(key, message, name, _swept_with(sweep, several, way))


def _ways(sweep: RecordedSweep, several: Sequence[PathEdge]) -> Iterator[tuple[str, str, _Way]]:
    at = "each of the {count} times that it runs"  # in a loop, or in one function of torch
    first = several[0]
    yield "cut_path", f"the gradient through {{name}} is missing, {at}", lambda edge: 0 * edge.cotangent.high
    yield "sign_of_term", f"the gradient through {{name}} has the wrong sign, {at}", lambda edge: -edge.cotangent.high
    if _passed(first) is not None:
        yield "local_slope", f"the derivative of {{name}} is left out: it counts as 1, {at}", _passed
    for words, way in (*_shifted(sweep, several, 1), *_shifted(sweep, several, -1)):
        yield "wrong_operand", f"on the way back to {{name}}, {words}", way
    for place, (key, words, _) in enumerate(other_factors(sweep, first, makers(sweep))):
        yield key, f"on the way back to {{name}}, {words}, {at}", partial(_with_other_factor, sweep=sweep, place=place)
    result = sweep.tape.entries[first.number].results[0]
    if not first.several and result is not None and result.layout.shape == first.operand.layout.shape:
        for text in SLOPES:
            words = f"the derivative of {{name}} counts as {text}{meaning(text)}, {at}"
            yield "wrong_slope", words, partial(_with_slope, sweep=sweep, text=text)


def _passed(edge: PathEdge) -> np.ndarray | None:
    given = edge.given[0]
    return None if len(edge.given) != 1 or given is None else added_up(given.high, edge.operand.layout.shape)


def _with_other_factor(edge: PathEdge, sweep: RecordedSweep, place: int) -> np.ndarray | None:
    several = list(other_factors(sweep, edge, makers(sweep)))
    return several[place][2] if place < len(several) else None


def _with_slope(edge: PathEdge, sweep: RecordedSweep, text: str) -> np.ndarray | None:
    given, result = edge.given[0], sweep.tape.entries[edge.number].results[0]
    if given is None or result is None:
        return None
    x, y = (np.asarray(region.layout.read(region.state.ball).high) for region in (edge.operand, result))
    return np.where(given.high == 0, 0.0, given.high * SLOPES[text](x, y))


def _shifted(sweep: RecordedSweep, several: Sequence[PathEdge], by: int) -> Iterator[tuple[str, _Way]]:
    """The other factor is that of the step after, or before; where the loop began with a constant, with it or not."""
    entries, made_by = sweep.tape.entries, makers(sweep)
    others = {edge.number: entries[edge.number].operands[1 - edge.index] for edge in several
              if len(entries[edge.number].operands) == 2}  # fmt: skip
    made = {number: made_by.get(id(other.state)) for number, other in others.items() if other is not None}
    known = [maker for maker in made.values() if maker is not None]
    if not known:
        return
    tape, last = sweep.tape, known[-1]
    like = [
        number for number in range(len(entries))
        if tape.places[number] == tape.places[last] and tape.operators[number] == tape.operators[last]
    ]  # fmt: skip
    when = "next" if by > 0 else "last"

    def way(edge: PathEdge) -> np.ndarray | None:
        maker, other = made.get(edge.number), others.get(edge.number)
        if maker not in like or other is None:
            return edge.cotangent.high
        place = like.index(maker) + by
        result = entries[like[place]].results[0] if 0 <= place < len(like) else None
        if result is None or len(result.state.ball.high) != len(other.state.ball.high):
            return edge.cotangent.high if result is not None else np.zeros(edge.cotangent.high.shape)
        return with_factor(edge, tape.operators[edge.number], np.asarray(other.layout.read(result.state.ball).high))

    if len(like) >= FEWEST_STEPS:
        yield f"{tape.places[last]} of the {when} step is used at each of {{count}} steps", way


def _swept_with(sweep: RecordedSweep, several: Sequence[PathEdge], way: _Way) -> tuple[np.ndarray, ...]:
    """The gradients where that comes back to the operands of some edges, all of which are changed at once."""
    entries = list(edges(sweep)[1])
    for edge in several:
        entries[edge.number] = with_way(entries[edge.number], edge, way)
    return centres(swept(entries, [(sweep.end, exact(sweep.upstream))], sweep.tape.sources))


def with_way(entry: TapeEntry, edge: PathEdge, way: _Way) -> TapeEntry:
    """An entry where ``way`` says what comes back to the operand of an edge."""

    def pullback(given: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        back = list(entry.pullback(given))
        right = back[edge.index]
        for place, operand in enumerate(entry.operands):
            same = operand is not None and operand.state is edge.operand.state and operand.layout == edge.operand.layout
            other = back[place] if place != edge.index and same else None
            if right is not None and other is not None:
                right, back[place] = add(right, other), None
        found = None if right is None else way(replace(edge, given=given, cotangent=right))
        if right is not None and found is not None:
            back[edge.index] = exact(np.ascontiguousarray(found, np.float64))
        return back

    return replace(entry, pullback=pullback)
