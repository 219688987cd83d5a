"""Parts of the output that the gradient leaves out, or that alone it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

#: Axes up to this length are looked at slice by slice.
_LONGEST = 32

#: Sums of slices are off by less than this, relative to the largest entry, unless they cancel.
_SUMMED = 2.0**-20


def parts(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One entry along an axis of the output only; all but one; some in a row."""
    sweep = scenes[0].sweep
    if sweep is None:
        return
    for axis, length in enumerate(sweep.upstream.shape):
        if not 2 <= length <= _LONGEST:
            continue
        for first in range(length):
            for last in range(first + 1, length + 1):
                count = last - first
                if count in (1, length - 1) or first == 0 or last == length:
                    if count == length:
                        continue
                    yield _only(axis, first, last, length)
            if 0 < first < length - 1:
                yield _without(axis, first)
        yield _twice(axis, length)
        for other, size in enumerate(scenes[0].shape):
            if size == length:
                same = axis == other and sweep.upstream.ndim == len(scenes[0].shape)
                yield _along_another(axis, length, other, same=same)


def _only(axis: int, first: int, last: int, length: int) -> Mistake:
    name = f"entry {first}" if last == first + 1 else f"entries {first} to {last - 1}"
    left = f"entry {0 if first else length - 1}" if last - first == length - 1 else ""
    message = (
        f"{left} along axis {axis} of the output is left out"
        if left
        else f"only {name} along axis {axis} of the output is counted, not their sum"
    )
    key = "one_sample" if left else "reduction_axis" if last == first + 1 else "some_samples"
    return Mistake(key, message, lambda one: _of_slice(one, axis, first, last), {"axis": axis, "first": first})


def _without(axis: int, place: int) -> Mistake:
    message = f"entry {place} along axis {axis} of the output is left out"

    def predict(scene: GradientScene) -> np.ndarray | None:
        part = _of_slice(scene, axis, place, place + 1)
        return None if part is None else scene.exact - part

    return Mistake("one_sample", message, predict, {"axis": axis, "place": place})


def _twice(axis: int, length: int) -> Mistake:
    message = f"the first entry along axis {axis} of the output is counted twice"

    def predict(scene: GradientScene) -> np.ndarray | None:
        part = _of_slice(scene, axis, 0, 1)
        return None if part is None else scene.exact + part

    return Mistake("one_sample", message, predict, {"axis": axis, "length": length})


def _along_another(axis: int, length: int, other: int, *, same: bool) -> Mistake:
    """What belongs to each entry along an axis is added up along another one, which is as long.

    Where it is the ``same`` axis of an input with as many, nothing is added up: a permutation is forgotten.
    """
    key = "permuted" if same else "reduction_axis"
    message = (
        f"what belongs to an entry along axis {axis} of the output is given to the same entry of the input"
        if same
        else f"it is added up along a wrong axis of the output, and not along axis {axis}, which is as long"
    )

    def predict(scene: GradientScene) -> np.ndarray | None:
        slices = [_of_slice(scene, axis, place, place + 1) for place in range(length)]
        known = [part for part in slices if part is not None]
        return np.moveaxis(np.sum(known, axis=1 + other), 0, other) if len(known) == length else None

    return Mistake(key, message, predict, {"axis": axis, "kept": other})


def _of_slice(scene: GradientScene, axis: int, first: int, last: int) -> np.ndarray | None:
    """The gradient for a part of the output. Sums of its slices tell whether a sweep of its own is worth it."""
    if scene.sweep is None:
        return None
    if last == first + 1:
        return _swept(scene, axis, first, last)
    added = np.sum([_swept(scene, axis, place, place + 1) for place in range(first, last)], axis=0)
    return _swept(scene, axis, first, last) if _is_near(scene, added) else added


def _is_near(scene: GradientScene, predicted: np.ndarray) -> bool:
    """Whether a prediction explains the gradient but for rounding in sums."""
    known = scene.known
    size = float(np.abs(scene.value[known]).max(initial=0.0))
    return bool((np.abs(scene.value - predicted)[known] <= scene.room[known] + _SUMMED * size).all())


def _swept(scene: GradientScene, axis: int, first: int, last: int) -> np.ndarray:
    assert scene.sweep is not None
    upstream = scene.sweep.upstream
    chosen = np.zeros_like(upstream)
    where = (slice(None),) * axis + (slice(first, last),)
    chosen[where] = upstream[where]
    return scene.sweep.gradients(chosen)[scene.source]
