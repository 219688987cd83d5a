"""Pooling: the mean or the largest of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.tensor_balls import Shape, chosen, filled, quotient, scattered, shaped, summed, taken
from diffexplore.torch_ops.tensor_rules.extremes import picked_from
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, OperatorCall, TensorRule
from diffexplore.torch_ops.tensor_rules.windows import each, put_back, seen_by, sliding


def _sliding(call: OperatorCall, axes: int, large: Shape, small: Shape) -> np.ndarray:
    """The windows of a pooling with a kernel that slides."""
    kernel = each(call.argument("kernel_size"), axes)
    stride = each(call.argument("stride") or kernel, axes)
    padding, dilation = (each(call.argument(name, start), axes) for name, start in (("padding", 0), ("dilation", 1)))
    return sliding(large[-axes:], kernel, stride, padding, dilation, small[-axes:])


def _adaptive(axes: int, large: Shape, small: Shape) -> np.ndarray:
    """The windows of a pooling that makes a result of a given size: from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉."""
    found = np.zeros((1, 1), np.int64)
    for size, count in zip(large[-axes:], small[-axes:], strict=True):
        first = np.arange(count) * size // count
        last = -(-(np.arange(count) + 1) * size // count)
        place = first + np.arange(int((last - first).max(initial=0)))[:, None]
        place = np.where(place < last, place, -1)
        both = np.where(
            (found >= 0)[:, None, :, None] & (place >= 0)[None, :, None, :],
            found[:, None, :, None] * size + place[None, :, None, :],
            -1,
        )
        found = both.reshape(found.shape[0] * place.shape[0], -1)
    return found


def _result_shape(call: OperatorCall) -> tuple[int, ...]:
    return tuple((call.out if hasattr(call.out, "shape") else call.out[0]).shape)


@dataclass(frozen=True, eq=False)
class _Averaging:
    """Means over windows of a large tensor, as a linear map to a small one and back."""

    large: Shape
    small: Shape
    index: np.ndarray
    count: DoubleBall
    axes: int

    def there(self, x: DoubleBall) -> DoubleBall:
        """The means of the windows."""
        flat = shaped(x, lambda field: field.reshape(self._rows, self._size))
        means = quotient(summed(seen_by(flat, self.index), [1]), self.count)
        return shaped(means, lambda field: field.reshape(self.small))

    def back(self, c: DoubleBall) -> DoubleBall:
        """Each mean, divided by the number of its elements, put back to all of them."""
        part = quotient(shaped(c, lambda field: field.reshape(self._rows, self.index.shape[1])), self.count)
        windows = filled(shaped(part, lambda field: field[:, None, :]), (self._rows, *self.index.shape))
        return shaped(put_back(windows, self.index, self._size), lambda field: field.reshape(self.large))

    @property
    def _rows(self) -> int:
        return int(np.prod(self.large[: -self.axes]))

    @property
    def _size(self) -> int:
        return int(np.prod(self.large[-self.axes :]))


def average(axes: int, *, adaptive: bool = False, backward: bool = False) -> TensorRule:
    """The rule of avg_pool and adaptive_avg_pool over so many axes, and of their ways back."""

    def rule(call: OperatorCall) -> Applied:
        large, small = (
            (call.args[1].shape, call.args[0].shape) if backward else (call.args[0].shape, _result_shape(call))
        )
        index = _adaptive(axes, large, small) if adaptive else _sliding(call, axes, large, small)
        counts = (index >= 0).sum(0).astype(np.float64) if adaptive else _counts(call, index, axes, large, small)
        means = _Averaging(large, small, index, exact(counts), axes)
        run, back = (means.back, means.there) if backward else (means.there, means.back)
        rest = [None] if backward else []
        return Applied((run(call.args[0].number),), lambda c: [None if c[0] is None else back(c[0]), *rest])

    return rule


def put_by_indices(call: OperatorCall) -> Applied:
    """The way back of a pooling for the largest: each element goes to the place in its plane that an index says."""
    gradient, x, index = call.args[0], call.args[1], call.argument("indices").value
    axes = 2 if "2d" in call.function._schema.name else 3
    size, shape = int(np.prod(x.shape[-axes:])), gradient.shape
    planes = np.arange(int(np.prod(shape[:-axes]))).reshape(*shape[:-axes], *[1] * axes)
    places = index.numpy() + size * planes

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [taken(shaped(cotangents[0], lambda field: field.reshape(-1)), places), None, None]

    found = scattered(gradient.number, places, x.value.numel())
    return Applied((shaped(found, lambda field: field.reshape(x.shape)),), pullback)


def _counts(call: OperatorCall, index: np.ndarray, axes: int, large: Shape, small: Shape) -> np.ndarray:
    """What the sum of each window is divided by."""
    given = call.argument("divisor_override")
    if given is not None:
        return np.full(index.shape[1], float(given))
    if not call.argument("count_include_pad", True):
        return (index >= 0).sum(0).astype(np.float64)
    padding = each(call.argument("padding", 0), axes)
    kernel = each(call.argument("kernel_size"), axes)
    stride = each(call.argument("stride") or kernel, axes)
    padded = [size + 2 * pad for size, pad in zip(large[-axes:], padding, strict=True)]
    windows = sliding(padded, kernel, stride, [0] * axes, [1] * axes, small[-axes:])
    return (windows >= 0).sum(0).astype(np.float64)


def largest(axes: int, *, adaptive: bool = False) -> TensorRule:
    """The rule of max_pool and adaptive_max_pool with indices: one element certainly is the largest of its window."""

    def rule(call: OperatorCall) -> Applied:
        x, shape = call.args[0], _result_shape(call)
        seen = x.shape, shape
        index = (_adaptive(axes, *seen) if adaptive else _sliding(call, axes, *seen)).T
        size = int(np.prod(x.shape[-axes:]))
        starts = np.arange(x.value.numel() // max(size, 1))[:, None, None] * size
        flat = shaped(x.number, lambda field: field.reshape(-1))
        inside = np.broadcast_to(index >= 0, (len(starts), *index.shape)).reshape(-1, index.shape[1])
        places = (np.maximum(index, 0) + starts).reshape(-1, index.shape[1])
        rows = DoubleBall(
            np.where(inside, flat.high[places], -np.inf),
            np.where(inside, flat.low[places], 0.0),
            np.where(inside, flat.radius[places], 0.0),
        )
        found, unclear = picked_from(x, rows, places, True, shape)
        if x.varies and unclear.any():
            raise NotCertified("which element is the largest is not certain here")
        # A window in the padding alone: −∞, whatever the elements are.
        seen_nothing = np.asarray(~inside.any(1)).reshape(shape)
        picked, back = found.outputs[0], found.pullback
        assert isinstance(picked, DoubleBall)
        value = chosen(seen_nothing, exact(-np.inf), picked)

        def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            (cotangent,) = cotangents[:1]
            assert back is not None
            return list(back([None if cotangent is None else chosen(seen_nothing, exact(0.0), cotangent)]))

        return Applied((value, None), None if back is None else pullback)

    return rule


def fractional(call: OperatorCall) -> Applied:
    """fractional_max_pool: windows of one size, of which each plane has its own, by random numbers between 0 and 1.

    Source: B. Graham, "Fractional max-pooling", arXiv:1412.6071, §2, pseudorandom sequences.
    """
    x, kernel, size, samples = call.args[:4]
    axes = 2 if "2d" in call.function._schema.name else 3
    planes = x.shape[:-axes]
    numbers = samples.value.numpy().reshape(-1, axes)
    order = range(axes) if axes == 3 else (1, 0)  # of images the width's comes first
    places: np.ndarray = np.zeros((len(numbers), 1, 1), np.int64)
    for axis, which in enumerate(order):
        width, count = each(kernel, axes)[axis], each(size, axes)[axis]
        first = _first_of_windows(numbers[:, which], x.shape[axis - axes], width, count)
        seen = first[:, :, None] + np.arange(width)
        places = places[:, :, None, :, None] * x.shape[axis - axes] + seen[:, None, :, None, :]
        places = places.reshape(len(numbers), places.shape[1] * places.shape[2], -1)
    plane = int(np.prod(x.shape[-axes:]))
    places = (places + plane * np.arange(len(places))[:, None, None]).reshape(-1, places.shape[-1])
    if len(numbers) != int(np.prod(planes)):
        raise NotCertified("each plane has random numbers of its own, and here there are more or fewer")
    flat = shaped(x.number, lambda field: field.reshape(-1))
    found, unclear = picked_from(x, taken(flat, places), places, True, _result_shape(call))
    if x.varies and unclear.any():
        raise NotCertified("which element is the largest is not certain here")
    back = found.pullback
    return Applied((*found.outputs, None), None if back is None else lambda cotangents: [*back(cotangents[:1]), None])


def _first_of_windows(sample: np.ndarray, size: int, kernel: int, count: int) -> np.ndarray:
    """Where the windows of each plane begin (planes, count), in the arithmetic of the kernel."""
    first = np.full((len(sample), count), size - kernel, np.int64)
    if count > 1:
        step = sample.dtype.type(size - kernel) / sample.dtype.type(count - 1)
        reached = (np.arange(count - 1, dtype=sample.dtype) + sample[:, None]) * step
        first[:, :-1] = reached.astype(np.int64) - (sample[:, None] * step).astype(np.int64)
    return first
