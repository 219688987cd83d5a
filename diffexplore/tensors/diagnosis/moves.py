"""Arrangements that are taken for others: reversed, shifted or exchanged axes, one triangle of a matrix."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

Move = Callable[[np.ndarray], np.ndarray]

#: Axes beyond these are not looked at.
_MOST_AXES = 4


@cache
def moves(shape: tuple[int, ...]) -> tuple[tuple[str, Move], ...]:
    """Moves of the entries of a tensor, each in words that follow "it is used"."""
    return tuple(_moves(shape))


@cache
def changes(shape: tuple[int, ...]) -> tuple[tuple[str, Move], ...]:
    """Moves, and what leaves entries out or adds them up."""
    return (*moves(shape), *_triangles(shape), *_sums(shape))


def _moves(shape: tuple[int, ...]) -> Iterator[tuple[str, Move]]:
    axes = [axis for axis, length in enumerate(shape[:_MOST_AXES]) if length > 1]
    for axis in axes:
        yield f"reversed along axis {axis}", partial(np.flip, axis=axis)
    for one, two in itertools.combinations(axes, 2):
        if shape[one] == shape[two]:
            yield f"with its axes {one} and {two} exchanged", partial(np.swapaxes, axis1=one, axis2=two)
    for axis in axes:
        for shift in (1, -1, 2, -2):
            if shape[axis] > abs(shift) + (shift < 0):
                way = f"{abs(shift)} {'up' if shift > 0 else 'down'} along axis {axis}"
                yield f"shifted by {way}", partial(np.roll, shift=shift, axis=axis)
                yield f"shifted by {way}, with zeros at the end", partial(_shifted, shift=shift, axis=axis)
        if shape[axis] > 5 and shape[axis] % 2 == 0:
            yield f"with its halves along axis {axis} exchanged", partial(np.roll, shift=shape[axis] // 2, axis=axis)
    if len(axes) > 1:
        yield f"reversed along axes {axes[-2]} and {axes[-1]}", partial(np.flip, axis=(axes[-2], axes[-1]))


def _triangles(shape: tuple[int, ...]) -> Iterator[tuple[str, Move]]:
    if len(shape) < 2 or min(shape[-2:]) < 2:
        return
    for place, beside in ((0, "with"), (-1, "without")):
        yield f"{beside} its diagonal below it, and 0 above", partial(np.tril, k=place)
        yield f"{beside} its diagonal above it, and 0 below", partial(np.triu, k=-place)
    if shape[-1] == shape[-2]:
        yield "added to its transpose", lambda x: x + x.mT
        yield "in the mean with its transpose", lambda x: (x + x.mT) / 2
        yield "less its transpose", lambda x: x - x.mT
        yield "without its diagonal", lambda x: x * (1 - np.eye(x.shape[-1]))
        yield "with its diagonal alone", lambda x: x * np.eye(x.shape[-1])
        yield "with half of its diagonal", lambda x: x * (1 - np.eye(x.shape[-1]) / 2)


def _sums(shape: tuple[int, ...]) -> Iterator[tuple[str, Move]]:
    axes = [axis for axis, length in enumerate(shape[:_MOST_AXES]) if length > 1]
    for axis in axes:
        yield f"added up along axis {axis}", partial(_spread, axis=axis)
        yield f"less its mean along axis {axis}", partial(_centred, axis=axis)
        yield f"added up along axis {axis}, each with those before it", partial(np.cumsum, axis=axis)
        yield f"added up along axis {axis}, each with those after it", partial(_from_behind, axis=axis)
        yield f"in its differences along axis {axis}", partial(_differences, axis=axis)
    if len(axes) > 1:
        yield "added up along all axes", partial(_spread, axis=None)


def _shifted(x: np.ndarray, shift: int, axis: int) -> np.ndarray:
    found = np.roll(x, shift, axis)
    found[(slice(None),) * axis + (slice(0, shift) if shift > 0 else slice(shift, None),)] = 0
    return found


def _spread(x: np.ndarray, axis: int | None) -> np.ndarray:
    return np.broadcast_to(x.sum(axis, keepdims=True), x.shape)


def _centred(x: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(x - x.mean(axis, keepdims=True))


def _from_behind(x: np.ndarray, axis: int) -> np.ndarray:
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


def _differences(x: np.ndarray, axis: int) -> np.ndarray:
    return np.diff(x, axis=axis, prepend=0)
