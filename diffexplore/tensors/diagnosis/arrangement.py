"""The right numbers at the wrong places: of another input, transposed, reversed, shifted, in another order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

_Move = Callable[[np.ndarray], np.ndarray]

#: Up to so many axes are transposed in all ways.
_MOST_AXES = 5


def swapped(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """The gradient by another input, or that with its sign or its axes changed."""
    sweep = scenes[0].sweep
    if sweep is None:
        return
    for other, name in enumerate(sweep.names):
        if other == scenes[0].source or sweep.truths[other].size != scenes[0].value.size:
            continue
        moves: list[tuple[str, _Move]] = [("", _same), (", negated", np.negative)]
        for words, move in [*moves, *_moves(sweep.truths[other].shape)]:
            yield Mistake(
                "swapped",
                f"it is the gradient by {name}{words}",
                partial(_other, other=other, move=move),
                {"other": name},
            )


def moved(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Axes transposed, reversed or shifted; halves exchanged."""
    for words, move in _moves(scenes[0].shape):
        yield Mistake("transposed", f"it is the gradient{words}", partial(_moved, move=move, sign=1))
        yield Mistake("transposed", f"it is the gradient{words}, negated", partial(_moved, move=move, sign=-1))


def shifted(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Shifted by one or two, where nothing is known of the entries that come in at the end."""
    for axis, length in enumerate(scenes[0].shape):
        for shift in (1, -1, 2, -2) if length > 4 else ():
            where, count = ("first", shift) if shift > 0 else ("last", -shift)
            ends = f"its {where} one" if count == 1 else f"its {where} {count}"
            way = f"{count} {'up' if shift > 0 else 'down'} along axis {axis}"
            message = f"it is the gradient shifted by {way}, but for {ends}"
            yield Mistake(
                "transposed", message, partial(_shifted, axis=axis, shift=shift),
                fitted=len(scenes) * count * scenes[0].value.size // length,
            )  # fmt: skip


def _shifted(scene: GradientScene, axis: int, shift: int) -> np.ndarray:
    there = slice(0, shift) if shift > 0 else slice(shift, None)
    found, ends = np.roll(scene.exact, shift, axis), (slice(None),) * axis + (there,)
    found[ends] = scene.value[ends]
    return found


def permuted(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """The same numbers in another order: of the rows along an axis, or of all entries."""
    scene = scenes[0]
    for axis in range(len(scene.shape)):
        order = _order_of_rows(scene, axis)
        if order is not None:
            message = f"its entries along axis {axis} stand in another order: {_listed(order)}"
            yield Mistake("permuted", message, partial(_reordered, axis=axis, order=order), fitted=1)
    for axis, length in enumerate(scene.shape):
        if 2 < length < scene.value.size and scene.known.all():
            message = f"its entries along axis {axis} stand in another order, which differs from slice to slice"
            places = np.empty(scene.shape, np.int64)
            np.put_along_axis(places, np.argsort(scene.value, axis), np.argsort(scene.exact, axis), axis)
            yield Mistake(
                "permuted", message, partial(_reordered_in_slices, axis=axis, places=places),
                fitted=scene.value.size // length,
            )  # fmt: skip
    if len(scenes) == 1 and scene.known.all() and scene.value.size > 3:
        by_value, by_truth = np.argsort(scene.value, axis=None), np.argsort(scene.exact, axis=None)
        places = np.empty(scene.value.size, np.int64)
        places[by_value] = by_truth
        moved_entries = int((places != np.arange(places.size)).sum())
        message = f"it has the numbers of the gradient in another order: {moved_entries} entries stand elsewhere"
        yield Mistake(
            "permuted", message, lambda one: one.exact.reshape(-1)[places].reshape(one.shape), {"count": moved_entries},
            fitted=2,
        )  # fmt: skip


def _order_of_rows(scene: GradientScene, axis: int) -> list[int] | None:
    length = scene.shape[axis]
    if not 2 < length <= 64 or scene.value.size == length:
        return None
    values, truths, rooms = (
        np.moveaxis(part, axis, 0).reshape(length, -1) for part in (scene.value, scene.exact, scene.room)
    )
    order = []
    for value, room in zip(values, rooms, strict=True):
        fits = np.flatnonzero((np.abs(truths - value) <= room).all(1))
        if not len(fits):
            return None
        order.append(int(fits[0]))
    return order if order != list(range(length)) and len(set(order)) == length else None


def _listed(order: list[int]) -> str:
    shown = ", ".join(map(str, order[:8]))
    return shown if len(order) <= 8 else f"{shown}, …"


def _moved(scene: GradientScene, move: _Move, sign: int) -> np.ndarray:
    return np.asarray(sign * move(scene.exact))


def _reordered(scene: GradientScene, axis: int, order: list[int]) -> np.ndarray:
    return np.take(scene.exact, order, axis)


def _reordered_in_slices(scene: GradientScene, axis: int, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(scene.exact, places, axis)


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _moves(shape: tuple[int, ...]) -> list[tuple[str, _Move]]:
    axes = range(len(shape))
    found: list[tuple[str, _Move]] = []
    if 2 <= len(shape) <= _MOST_AXES:
        for order in itertools.permutations(axes):
            if order == tuple(axes):
                continue
            changed = [axis for axis in axes if order[axis] != axis]
            words = (
                f" with its axes {' and '.join(map(str, changed))} exchanged"
                if len(changed) == 2
                else f" transposed to {order}"
            )
            found.append((words, partial(np.transpose, axes=order)))
    for count in range(1, min(len(shape), 3) + 1):
        for some in itertools.combinations(axes, count):
            if all(shape[axis] > 1 for axis in some):
                listed = ", ".join(map(str, some))
                words = f" reversed along {'axis' if count == 1 else 'axes'} {listed}"
                found.append((words, partial(np.flip, axis=some)))
    for axis in axes:
        length = shape[axis]
        for shift in {1, -1, length // 2} if length > 2 else ():
            words = f" shifted by {abs(shift)} {'up' if shift > 0 else 'down'} along axis {axis}"
            if 2 * abs(shift) == length:
                words = f" with its two halves along axis {axis} exchanged"
            found.append((words, partial(np.roll, shift=shift, axis=axis)))
    if len(shape) >= 2:
        found.append(
            (" in the order of its transpose", lambda values: np.ascontiguousarray(values.T).reshape(values.shape))
        )
    return found


def _other(scene: GradientScene, other: int, move: _Move) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    found = move(scene.sweep.truths[other])
    return found if found.shape == scene.shape else found.reshape(scene.shape)
