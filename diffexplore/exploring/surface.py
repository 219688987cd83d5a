"""The loss over a window: its values on a grid, the levels of its contours, and the directions of its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.exploring.evaluation import BatchEvaluation, over
from diffexplore.exploring.records import Field, Profile, Surface
from diffexplore.exploring.window import Window

#: Points along each side of a grid; fewer where they take more operations than :data:`_MOST_OPERATIONS`.
_SIDE, _LEAST_SIDE = 61, 15
_PROFILE = 241
_ARROWS = 13
_MOST_OPERATIONS = 200_000_000

_LEVELS = 12
#: Levels begin this part of the way above the lowest value, and end below the highest.
_LOWEST_LEVEL, _HIGHEST_LEVEL = 1e-7, 0.8


def side(evaluation: BatchEvaluation) -> int | None:
    """How many points a side of a grid has; None where even the coarsest takes too many operations."""
    points = (_MOST_OPERATIONS / max(1, evaluation.operations)) ** 0.5
    return None if points < _LEAST_SIDE else min(_SIDE, int(points))


def surface_over(
    evaluation: BatchEvaluation, axes: Sequence[int], held: np.ndarray, window: Window, lowest: float | None
) -> Surface | None:
    """The loss on a grid over ``window``; ``lowest`` is its minimum, None where none is known."""
    size = side(evaluation)
    if size is None:
        return None
    x, y = (np.linspace(a, b, size) for a, b in zip(window.low, window.high, strict=True))
    columns, rows = np.meshgrid(x, y)
    values = evaluation.values(over(held, axes, (columns.ravel(), rows.ravel()))).reshape(size, size)
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    return Surface(tuple(x.tolist()), tuple(y.tolist()), tuple(map(_plain, values)), levels(known, lowest))


def _plain(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def levels(values: np.ndarray, lowest: float | None) -> tuple[float, ...]:
    """Geometrically spaced above the lowest value, so that a narrow valley and steep walls are both seen.

    Where no lowest value is known, equal parts of the picture lie between them.
    """
    if lowest is None:
        parts = np.quantile(values, (np.arange(_LEVELS) + 0.5) / _LEVELS)
        return tuple(dict.fromkeys(parts.tolist())) if parts[0] < parts[-1] else ()
    lowest = min(lowest, float(values.min()))
    above = np.sort(values - lowest)
    reach = float(above[-1])
    if not reach > 0:
        return ()
    # From where one cell in a hundred is below, or the second lowest where the grid has few cells.
    first = max(float(above[max(1, len(above) // 100)]) if len(above) > 1 else reach, _LOWEST_LEVEL * reach)
    spaced = lowest + np.geomspace(min(first, reach / 2), _HIGHEST_LEVEL * reach, _LEVELS)
    return tuple(dict.fromkeys(spaced.tolist()))


def field_over(evaluation: BatchEvaluation, axes: Sequence[int], held: np.ndarray, window: Window) -> Field:
    """Downhill directions on a coarse grid; points without a gradient, or with one of 0, have none."""
    spans = [b - a for a, b in zip(window.low, window.high, strict=True)]
    x, y = (
        np.linspace(a + span / (2 * _ARROWS), b - span / (2 * _ARROWS), _ARROWS)
        for a, b, span in zip(window.low, window.high, spans, strict=True)
    )
    columns, rows = (grid.ravel() for grid in np.meshgrid(x, y))
    slopes = -evaluation.gradients(over(held, axes, (columns, rows)))[:, list(axes)]
    with np.errstate(all="ignore"):
        on_screen = slopes / np.array(spans)
        length = np.hypot(on_screen[:, 0], on_screen[:, 1])
        steps = on_screen / length[:, None] * (0.62 / _ARROWS) * np.array(spans)
    kept = np.isfinite(steps).all(axis=1)
    first, last = columns[kept] - steps[kept, 0] / 2, rows[kept] - steps[kept, 1] / 2  # centred on their points
    dx, dy = steps[kept, 0], steps[kept, 1]
    return Field(*(tuple(values.tolist()) for values in (first, last, dx, dy)))


def profile_over(evaluation: BatchEvaluation, axis: int, held: np.ndarray, window: Window) -> Profile | None:
    """The loss and its slope along one axis."""
    if evaluation.operations * _PROFILE > _MOST_OPERATIONS:
        return None
    x = np.linspace(window.low[0], window.high[0], _PROFILE)
    points = over(held, (axis,), (x,))
    values, slopes = evaluation.values(points), evaluation.gradients(points)[:, axis]
    if not np.isfinite(values).any():
        return None
    return Profile(tuple(x.tolist()), _plain(values), _plain(slopes))
