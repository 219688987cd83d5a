"""Pooling: the mean or the largest of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.tensor_balls import filled, quotient, shaped, summed
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, OperatorCall, TensorRule
from diffexplore.torch_ops.tensor_rules.order import picked_from
from diffexplore.torch_ops.tensor_rules.windows import each, put_back, seen_by, sliding


def _sliding(call: OperatorCall, axes: int) -> np.ndarray:
    """The windows of a pooling with a kernel that slides."""
    kernel = each(call.argument("kernel_size"), axes)
    stride = each(call.argument("stride") or kernel, axes)
    padding, dilation = (each(call.argument(name, start), axes) for name, start in (("padding", 0), ("dilation", 1)))
    sizes = call.args[0].shape[-axes:]
    return sliding(sizes, kernel, stride, padding, dilation, _result_shape(call)[-axes:])


def _adaptive(call: OperatorCall, axes: int) -> np.ndarray:
    """The windows of a pooling that makes a result of a given size: from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉."""
    found = np.zeros((1, 1), np.int64)
    for size, count in zip(call.args[0].shape[-axes:], _result_shape(call)[-axes:], strict=True):
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


def average(axes: int, *, adaptive: bool = False) -> TensorRule:
    """The rule of avg_pool and adaptive_avg_pool over so many axes."""

    def rule(call: OperatorCall) -> Applied:
        x, shape = call.args[0], _result_shape(call)
        index = _adaptive(call, axes) if adaptive else _sliding(call, axes)
        count = exact((index >= 0).sum(0).astype(np.float64) if adaptive else _counts(call, index, axes))
        size = int(np.prod(x.shape[-axes:]))
        rows = int(np.prod(x.shape[:-axes]))
        flat = shaped(x.number, lambda field: field.reshape(rows, size))
        value = quotient(summed(seen_by(flat, index), [1]), count)

        def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            assert cotangents[0] is not None
            part = quotient(shaped(cotangents[0], lambda field: field.reshape(rows, index.shape[1])), count)
            windows = filled(shaped(part, lambda field: field[:, None, :]), (rows, *index.shape))
            return [shaped(put_back(windows, index, size), lambda field: field.reshape(x.shape))]

        return Applied((shaped(value, lambda field: field.reshape(shape)),), pullback)

    return rule


def _counts(call: OperatorCall, index: np.ndarray, axes: int) -> np.ndarray:
    """What the sum of each window is divided by."""
    given = call.argument("divisor_override")
    if given is not None:
        return np.full(index.shape[1], float(given))
    if not call.argument("count_include_pad", True):
        return (index >= 0).sum(0).astype(np.float64)
    padding = each(call.argument("padding", 0), axes)
    kernel = each(call.argument("kernel_size"), axes)
    stride = each(call.argument("stride") or kernel, axes)
    padded = [size + 2 * pad for size, pad in zip(call.args[0].shape[-axes:], padding, strict=True)]
    windows = sliding(padded, kernel, stride, [0] * axes, [1] * axes, _result_shape(call)[-axes:])
    return (windows >= 0).sum(0).astype(np.float64)


def largest(axes: int, *, adaptive: bool = False) -> TensorRule:
    """The rule of max_pool and adaptive_max_pool with indices: one element certainly is the largest of its window."""

    def rule(call: OperatorCall) -> Applied:
        x, shape = call.args[0], _result_shape(call)
        index = (_adaptive(call, axes) if adaptive else _sliding(call, axes)).T
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
        return Applied((*found.outputs, None), found.pullback)

    return rule
