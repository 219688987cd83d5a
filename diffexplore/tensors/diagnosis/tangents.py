"""How operands move where an input moves: what another cotangent there would do to the gradient, without a sweep.

Where an input moves along r, an operand moves along t, and ⟨gradient, r⟩ = Σ ⟨cotangent, t⟩. So two numbers, for two
directions r, tell of each cotangent that may be thought of whether it can explain a gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diffexplore.tensors.diagnosis.edges import PathEdge
from diffexplore.tensors.diagnosis.recording import ChangedForward, RecordedSweep
from diffexplore.tensors.diagnosis.scene import GradientScene

#: So many directions are taken.
_DIRECTIONS = 2

#: Tangents are differences over steps of √u: off by u, times what third derivatives make of it.
_OFF = 2.0**8

#: Double precision keeps so much of a sum of products.
_LEAST_OFF = 2.0**-40

#: Beyond it nothing can be told of a number.
_MOST_OFF = 2.0**-10


@dataclass(frozen=True, eq=False)
class _Direction:
    """A direction in one input, and the recorded forwards at both ends of a step along it, which is ``length`` long."""

    way: np.ndarray
    above: RecordedSweep
    below: RecordedSweep
    length: float

    def tangent(self, edge: PathEdge) -> np.ndarray:
        """Along what the operand of an edge moves."""
        high, low = 0.0, 0.0
        for sweep, sign in ((self.above, 1), (self.below, -1)):
            region = sweep.tape.entries[edge.number].operands[edge.index]
            assert region is not None
            ball = region.layout.read(region.state.ball)
            high, low = high + sign * ball.high, low + sign * ball.low
        return np.nan_to_num(np.asarray((high + low) / self.length), nan=0.0, posinf=0.0, neginf=0.0)  # of masks


class CotangentSieve:
    """Tells which cotangents of operands may explain the gradient of a scene; all that do pass."""

    def __init__(self, scene: GradientScene, found: list[_Direction]) -> None:
        self._directions = found
        self._off = _relative(scene)
        known = np.where(scene.known, scene.difference, 0.0)
        self._differences = [float((one.way * known).sum()) for one in found]
        self._rooms = [float((np.abs(one.way) * np.where(scene.known, scene.room, 0.0)).sum()) for one in found]
        self._tangents: dict[tuple[int, int], list[np.ndarray]] = {}

    def weight(self, edge: PathEdge, back: np.ndarray) -> tuple[float, float] | None:
        """The number c, and how uncertain it is, for which c times ``back`` may stand for the cotangent of an edge."""
        return self._fitted(edge, edge.cotangent.high, back)

    def added(self, edge: PathEdge, part: np.ndarray) -> tuple[float, float] | None:
        """The same where c times ``part`` is added to the cotangent."""
        return self._fitted(edge, np.zeros(1), part)

    def _fitted(self, edge: PathEdge, removed: np.ndarray, part: np.ndarray) -> tuple[float, float] | None:
        key = edge.number, edge.index
        if key not in self._tangents:
            self._tangents[key] = [one.tangent(edge) for one in self._directions]
        low, high = -math.inf, math.inf
        for tangent, difference, room in zip(self._tangents[key], self._differences, self._rooms, strict=True):
            size, gone = float(np.linalg.norm(tangent)), float((tangent * removed).sum())
            meant, made = difference + gone, float(np.vdot(tangent, part))
            blurred = self._off * size * float(np.linalg.norm(part))
            if not abs(made) > 2 * blurred:  # NaN too
                return None
            away = self._off * (size * float(np.linalg.norm(removed)) + abs(difference))
            middle, width = meant / made, (room + away + abs(meant / made) * blurred) / abs(made)
            low, high = max(low, middle - width), min(high, middle + width)
        return ((low + high) / 2, (high - low) / 2) if low <= high else None


def sieve_of(scene: GradientScene) -> CotangentSieve | None:
    """That of a scene; None where the forward cannot be recorded at inputs close by."""
    if scene.sweep is None or _relative(scene) > _MOST_OFF:
        return None
    kept = scene.sweep.directions
    if scene.source not in kept:
        kept[scene.source] = [_direction(scene, scene.sweep, seed) for seed in range(_DIRECTIONS)]
    found = [one for one in kept[scene.source] if one is not None]
    return CotangentSieve(scene, found) if len(found) == _DIRECTIONS else None


def _relative(scene: GradientScene) -> float:
    return max(_OFF * scene.unit, _LEAST_OFF)


def _direction(scene: GradientScene, sweep: RecordedSweep, seed: int) -> _Direction | None:
    name, source = sweep.names[scene.source], sweep.tape.sources[scene.source]
    values = source.layout.read(source.state.ball).high
    generator = np.random.default_rng(seed)
    sizes = np.abs(values) + (float(np.abs(values).mean()) or 1.0) / 8
    step = math.sqrt(scene.unit) * sizes * generator.uniform(0.5, 1.5, values.shape)
    step *= np.where(scene.known, generator.choice([-1.0, 1.0], values.shape), 0.0)
    ends = [sweep.again(ChangedForward(inputs={name: np.ascontiguousarray(values + sign * step)})) for sign in (1, -1)]
    above, below = ends
    if above is None or below is None or not _alike(sweep, above) or not _alike(sweep, below):
        return None
    at = [one.tape.sources[scene.source] for one in (above, below)]
    length = math.sqrt(scene.unit)
    moved = [place.layout.read(place.state.ball).high for place in at]  # rounded to the dtype
    return _Direction((moved[0] - moved[1]) / length, above, below, length)


def _alike(sweep: RecordedSweep, other: RecordedSweep) -> bool:
    """Whether both ran the same operations."""
    return sweep.tape.operators == other.tape.operators
