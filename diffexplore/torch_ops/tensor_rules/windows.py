"""Windows that slide over axes: where a convolution or a pooling takes its operand's elements from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import add, linear
from diffexplore.arithmetic.tensor_balls import scattered, shaped, zeros


def each(value: Sequence[int] | int, axes: int) -> list[int]:
    """One number an axis."""
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * axes if len(numbers) == 1 else numbers


def sliding(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    counts: Sequence[int] | None = None,
) -> np.ndarray:
    """The index among ``sizes`` of what each place of the kernel sees at each place of the result; −1 in the padding.

    int64, (places of the kernel, places of the result), both in row-major order. ``counts``: the result's shape, where
    it is not as large as fits.
    """
    found, seen = np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_)
    for axis, size in enumerate(sizes):
        reach = size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
        count = reach // stride[axis] + 1 if counts is None else counts[axis]
        place = np.arange(count)[None, :] * stride[axis] + np.arange(kernel[axis])[:, None] * dilation[axis]
        place = place - padding[axis]
        inside = (place >= 0) & (place < size)
        found = _crossed(found, size) + place[None, :, None, :]
        seen = seen[:, None, :, None] & inside[None, :, None, :]
        shape = (found.shape[0] * found.shape[1], found.shape[2] * found.shape[3])
        found, seen = found.reshape(shape), seen.reshape(shape)
    return np.where(seen, found, -1)


def _crossed(found: np.ndarray, size: int) -> np.ndarray:
    return found[:, None, :, None] * size


def seen_by(ball: DoubleBall, index: np.ndarray) -> DoubleBall:
    """The windows (…, *index.shape) of a ball (…, size); 0 in the padding."""
    inside = index >= 0
    windows = shaped(ball, lambda field: field[..., np.maximum(index, 0)])
    return windows if inside.all() else shaped(windows, lambda field: np.where(inside, field, 0.0))


@linear
def put_back(windows: DoubleBall, index: np.ndarray, size: int) -> DoubleBall:
    """The sums (…, size) of what all windows (…, *index.shape) say of each element."""
    if any(len(np.unique(row)) < len(row) for row in np.where(index < 0, -1 - np.arange(index.shape[1]), index)):
        return _put_back_one_by_one(windows, index, size)
    found = zeros((*windows.high.shape[:-2], size))
    for row, places in enumerate(index):  # the places of one row differ: no two additions meet
        kept = np.flatnonzero(places >= 0)
        where = places[kept]
        added = add(
            shaped(found, lambda field: field[..., where]),  # noqa: B023  # called at once
            shaped(windows, lambda field: field[..., row, kept]),  # noqa: B023  # called at once
        )
        for field, value in zip(found, added, strict=True):
            field[..., where] = value
    return found


def _put_back_one_by_one(windows: DoubleBall, index: np.ndarray, size: int) -> DoubleBall:
    inside = index >= 0
    front = windows.high.shape[:-2]
    count = int(np.prod(front, dtype=np.int64))
    kept = shaped(windows, lambda field: field.reshape(count, *index.shape)[:, inside])
    places = np.arange(count)[:, None] * size + index[inside]
    return shaped(scattered(kept, places, count * size), lambda field: field.reshape(*front, size))
