"""The gradient of the limit of an iteration, where the forward stops before it has converged.

A backward that solves u = g + Jᵀ u, as implicit layers and equilibrium models do, is right at a fixed point alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.edges import PathEdge, edges, steps_of_loops
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.other_factors import with_factor
from diffexplore.tensors.diagnosis.recording import RecordedSweep, centres
from diffexplore.tensors.diagnosis.repeated import with_way
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.memory import StorageRegion
from diffexplore.tensors.sweep import TapeEntry, swept

#: The equation is solved by so many steps at most.
_MOST_STEPS = 200

#: So much nearer to the gradient of the limit than to the truth the value has to be, in so many entries.
_NEARER, _ENTRIES = 1 / 16, 4


def of_limits(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """It is nearly the gradient of what a loop converges to."""
    sweep = scenes[0].sweep
    if sweep is None or int(scenes[0].wrong.sum()) < _ENTRIES:
        return
    seen = set()
    for steps in sorted(steps_of_loops(sweep), key=lambda several: -several[-1].number):
        numbers = tuple(edge.number for edge in steps)
        moved = None if numbers in seen else _last_step(sweep, steps)
        seen.add(numbers)
        if moved is not None:
            place = sweep.tape.places[numbers[-1]]
            message = (
                f"it is nearly the gradient of what {place} converges to: after {len(steps)} steps it still moves by "
                f"{short(moved)}, relative to its size, and the gradient of these steps is another one"
            )
            fields = {"path": str(place), "steps": len(steps), "moved": moved}
            yield Mistake("not_converged", message, partial(_value_near, numbers=numbers), fields, of_forward=True)


def _made(sweep: RecordedSweep, number: int) -> StorageRegion | None:
    several = sweep.tape.entries[number].results
    return several[0] if len(several) == 1 else None


def _last_step(sweep: RecordedSweep, steps: Sequence[PathEdge]) -> float | None:
    """By how much the last step moved its result, relative to its size; None where it does not come closer."""
    made = [_made(sweep, edge.number) for edge in steps[-3:]]
    values = [np.zeros(0) if one is None else one.layout.read(one.state.ball).high for one in made]
    if any(one.shape != values[-1].shape for one in values):
        return None
    first, second, last = values
    size = float(np.abs(last).max(initial=0.0))
    before, now = float(np.abs(second - first).max(initial=0.0)), float(np.abs(last - second).max(initial=0.0))
    return now / size if size and 0 < now < before else None


def _value_near(scene: GradientScene, numbers: tuple[int, ...]) -> np.ndarray | None:
    """The value itself where it is much nearer to the gradient of the limit than to the truth."""
    limit = None if scene.sweep is None else _of_limit(scene.sweep, numbers, scene.source)
    if limit is None or limit.shape != scene.shape or not np.isfinite(limit).all():
        return None
    off, error = np.abs(scene.value - limit)[scene.known], np.abs(scene.difference)[scene.known]
    return scene.value if off.max(initial=0.0) <= _NEARER * error.max(initial=0.0) else None


def _of_limit(sweep: RecordedSweep, numbers: tuple[int, ...], source: int) -> np.ndarray | None:
    """The gradient with u in the place of what comes back to the last result, by a step that begins and ends there."""
    entries, sources = edges(sweep)[1], sweep.tape.sources
    before, last = numbers[-2:]
    ends = [edge for edge in edges(sweep)[0] if edge.number == last]
    old, new = _made(sweep, before), _made(sweep, last)
    given = ends[0].given[0] if ends else None
    if old is None or new is None or given is None:
        return None
    step, total = _from(sweep, old, new, before + 1, last + 1), given.high
    for _ in range(_MOST_STEPS):
        (back,) = centres(swept(step, [(new, exact(np.ascontiguousarray(total)))], [old]))
        following = given.high + back
        if np.array_equal(following, total):
            break
        total = following
    outside = entries[: max(0, numbers[0] - (last - before) + 1)]
    of_loop = centres(swept(entries[: last + 1], [(new, given)], sources))[source]
    of_limit = centres(swept([*outside, *step], [(new, exact(np.ascontiguousarray(total)))], sources))[source]
    return np.asarray(sweep.truths[source] - of_loop + of_limit)


def _from(sweep: RecordedSweep, old: StorageRegion, new: StorageRegion, first: int, end: int) -> list[TapeEntry]:
    """The last step with the result for what it begins with, where that is a factor."""
    step = list(edges(sweep)[1][first:end])
    for edge in edges(sweep)[0]:
        operands = sweep.tape.entries[edge.number].operands
        other = operands[1 - edge.index] if len(operands) == 2 and edge.index < 2 else None
        if not first <= edge.number < end or other is None or other.state is not old.state:
            continue
        if len(new.state.ball.high) == len(old.state.ball.high):
            values = np.asarray(other.layout.read(new.state.ball).high)
            way = partial(with_factor, operator=sweep.tape.operators[edge.number], values=values)
            step[edge.number - first] = with_way(step[edge.number - first], edge, way)
    return step
