"""Contributions that are overwritten where they are to be added up: one of several uses is left, in each entry."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.arithmetic.double_balls import exact
from diffexplore.tensors.diagnosis.edges import edges, name_of_edge
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.paths import paths_of_edges
from diffexplore.tensors.diagnosis.places import SourceLine
from diffexplore.tensors.diagnosis.recording import centres
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.sweep import swept

#: Up to so many contributions are told apart.
_MOST = 64

#: Beyond so many operations to be swept, counted over all contributions, no more are looked at.
_MOST_STEPS = 16_000

#: They may pick an entry several times.
_PICKS = frozenset("index index_select gather embedding take take_along_dim".split())

_WORDS = "it is overwritten where it is to be accumulated (use += or index_add_)"


def in_a_loop(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Of the uses of an input by one expression, as in a loop, one is left in each entry."""
    for place, several in _uses_by_expression(scenes[0]).items():
        if len(several) > 2:
            message = f"{_WORDS}: of its {len(several)} uses in {place} one is left"
            yield Mistake(
                "overwritten", message, partial(_one_of, parts=partial(_of_uses, numbers=several)),
                {"contributions": len(several)},
            )  # fmt: skip


def overwritten(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """In each entry one contribution is left: of the uses of an input, or of the entries of the output."""
    sweep = scenes[0].sweep
    if sweep is None:
        return
    numbers = [number for several in _uses_by_expression(scenes[0]).values() for number in several]
    if len(numbers) > 2:
        message = f"{_WORDS}: in each entry one of its {len(numbers)} uses is left"
        yield Mistake(
            "overwritten", message, partial(_one_of, parts=partial(_of_uses, numbers=numbers)),
            {"contributions": len(numbers)},
        )  # fmt: skip
    steps = 0
    for axes, count in _axes(sweep.upstream.shape):
        steps += count * len(edges(sweep)[1])
        if steps > _MOST_STEPS:
            return
        listed = f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
        fields = {"contributions": count, "axes": list(axes)}
        parts = partial(_by_output, axes=axes)
        message = f"{_WORDS}: in each entry one contribution along {listed} of the output is left"
        yield Mistake("overwritten", message, partial(_one_of, parts=parts), fields)
        if len(axes) > 1:
            message = f"{_WORDS}: the last contribution along {listed} of the output is left"
            yield Mistake("overwritten", message, partial(_last_of, parts=parts), fields)


def at_equal_indices(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Where an operation picks the same entry several times, one of these uses is left."""
    sweep, steps = scenes[0].sweep, 0
    if sweep is None:
        return
    for edge in edges(sweep)[0]:
        given = edge.given[0]
        if sweep.tape.operators[edge.number] not in _PICKS or given is None:
            continue
        name = name_of_edge(sweep, edge)
        for axes, count in _axes(given.high.shape):
            steps += count * edge.number
            if steps > _MOST_STEPS:
                return
            message = f"{_WORDS}: where {name} picks an entry several times, one of these is left"
            yield Mistake(
                "overwritten", message, partial(_one_pick, number=edge.number, axes=axes), {"contributions": count}
            )  # fmt: skip


def _one_pick(scene: GradientScene, number: int, axes: tuple[int, ...]) -> np.ndarray | None:
    several = [] if scene.sweep is None else [one for one in edges(scene.sweep)[0] if one.number == number]
    given = several[0].given[0] if several else None
    if scene.sweep is None or given is None:
        return None
    result = scene.sweep.tape.entries[number].results[0]
    assert result is not None
    parts = []
    for where in _places(given.high.shape, axes):
        chosen = np.zeros_like(given.high)
        chosen[where] = given.high[where]
        before = edges(scene.sweep)[1][: number + 1]
        parts.append(centres(swept(before, [(result, exact(chosen))], scene.sweep.tape.sources))[scene.source])
    rest = scene.exact - np.sum(parts, axis=0)
    return rest + _nearest(np.stack(parts), scene.value - rest, scene.room, np.zeros(scene.shape))


def _places(shape: tuple[int, ...], axes: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """The slices at each place along axes."""
    for place in np.ndindex(*(shape[axis] for axis in axes)):
        where: list[int | slice] = [slice(None)] * len(shape)
        for axis, index in zip(axes, place, strict=True):
            where[axis] = index
        yield tuple(where)


def _axes(shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """Axes along which the output has few entries, the fewest first."""
    found = [
        (axes, math.prod(shape[axis] for axis in axes))
        for number in range(1, len(shape) + 1)
        for axes in itertools.combinations(range(len(shape)), number)
        if all(shape[axis] > 1 for axis in axes)
    ]
    return sorted((one for one in found if one[1] <= _MOST), key=lambda one: one[1])


def _one_of(scene: GradientScene, parts: Callable[[GradientScene], list[np.ndarray]]) -> np.ndarray | None:
    """In each entry the contribution that is nearest to the value; contributions of 0 do not count."""
    several = parts(scene)
    if len(several) < 2:
        return None
    return _nearest(np.stack(several), scene.value, scene.room, scene.exact)


def _nearest(stacked: np.ndarray, value: np.ndarray, room: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Of contributions that are not 0 the nearest to a value, in each entry; ``without`` where there is none."""
    there = np.abs(stacked) > room
    distance = np.where(there, np.abs(stacked - value), np.inf)
    nearest = np.take_along_axis(stacked, distance.argmin(0)[None], 0)[0]
    return np.where(there.any(0), nearest, without)


def _last_of(scene: GradientScene, parts: Callable[[GradientScene], list[np.ndarray]]) -> np.ndarray | None:
    several = parts(scene)
    return several[-1] if several else None


def _uses_by_expression(scene: GradientScene) -> dict[SourceLine, list[int]]:
    """The numbers of the edges that lead to the input, by the expression that uses it."""
    found: dict[SourceLine, list[int]] = {}
    if scene.sweep is not None:
        source = scene.sweep.tape.sources[scene.source]
        for number, edge in enumerate(edges(scene.sweep)[0]):
            if edge.operand.state is source.state:
                found.setdefault(scene.sweep.tape.places[edge.number], []).append(number)
    return found


def _of_uses(scene: GradientScene, numbers: Sequence[int]) -> list[np.ndarray]:
    """What comes back through uses of the input."""
    if scene.sweep is None:
        return []
    several = paths_of_edges(scene.sweep)
    return [several[number].shares[scene.source] for number in numbers if number < len(several)]


def _by_output(scene: GradientScene, axes: tuple[int, ...]) -> list[np.ndarray]:
    """What comes back from each place along axes of the output."""
    if scene.sweep is None:
        return []
    upstream, found = scene.sweep.upstream, []
    for where in _places(upstream.shape, axes):
        chosen = np.zeros_like(upstream)
        chosen[where] = upstream[where]
        found.append(scene.sweep.gradients(chosen)[scene.source])
    return found
