"""What vectors of doubles need beside operators, in NumPy and in torch: the same bits from both, on every device.

A vector is a float64 (or bool) array of NumPy or tensor of torch; numbers beside it are NumPy's scalars, or Python's.
An operator on these rounds once, to nearest, in both libraries and on every device; the functions here are those that
the libraries spell differently, or in which torch does something else: it divides by a number on a GPU through its
reciprocal, makes float32 of two Python numbers, raises 2 to integers in float32, and takes a truth of NumPy for a
number. No function of a library is used that is not correctly rounded.

On a device no result is read back, which would wait for it: :func:`surely` is False there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

#: A vector, or a number.
Vector = Any

_OF_NUMPY = (np.ndarray, np.generic, float, int)


def of_torch(*values: Vector) -> bool:
    """Whether one of them is a tensor."""
    return not all(isinstance(value, _OF_NUMPY) for value in values)


def _tensors(*values: Vector) -> list[Any]:
    """All of them as tensors of one device; numbers become float64, and truths bool."""
    import torch

    device = next(value.device for value in values if not isinstance(value, _OF_NUMPY))
    made = []
    for value in values:
        if isinstance(value, _OF_NUMPY):
            number: Any = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
            dtype = torch.bool if isinstance(number, bool) else torch.float64
            value = torch.full((), number, dtype=dtype, device=device)
        made.append(value)
    return made


def doubles(values: Vector) -> Vector:
    """Numbers as float64."""
    return values.double() if of_torch(values) else np.asarray(values, np.float64)[()]


def bits(values: Vector) -> Vector:
    """The bits of doubles, as int64."""
    if not of_torch(values):
        return values.view(np.int64)
    import torch

    return values.view(torch.int64)


def of_bits(values: Vector) -> Vector:
    """The doubles of bits."""
    if not of_torch(values):
        return values.view(np.float64)
    import torch

    return values.view(torch.float64)


def whole(values: Vector) -> Vector:
    """Doubles that are integers, as int64."""
    return values.long() if of_torch(values) else np.asarray(values).astype(np.int64)


def zeros_like(values: Vector) -> Vector:
    zeros: Any = values.new_zeros(values.shape) if of_torch(values) else np.zeros(values.shape)
    return zeros if zeros.ndim else zeros[()]


def where(condition: Vector, one: Vector, other: Vector) -> Vector:
    if not of_torch(condition, one, other):
        chosen: Any = np.where(condition, one, other)
        return chosen[()]
    condition, one, other = _tensors(condition, one, other)
    return one.where(condition, other)


def both(*conditions: Vector) -> Vector:
    """Where all of some conditions hold."""
    return reduce(operator.and_, _tensors(*conditions) if of_torch(*conditions) else conditions)


def either(*conditions: Vector) -> Vector:
    """Where some condition holds."""
    return reduce(operator.or_, _tensors(*conditions) if of_torch(*conditions) else conditions)


def divide(dividend: Vector, divisor: Vector) -> Vector:
    if not of_torch(dividend, divisor):
        return dividend / divisor
    dividend, divisor = _tensors(dividend, divisor)
    return dividend.div(divisor)


def maximum(one: Vector, other: Vector) -> Vector:
    """NaN where either is."""
    if not of_torch(one, other):
        return np.maximum(one, other)
    one, other = _tensors(one, other)
    return one.maximum(other)


def minimum(one: Vector, other: Vector) -> Vector:
    """NaN where either is."""
    return -maximum(-one, -other)


def isfinite(values: Vector) -> Vector:
    return values.isfinite() if of_torch(values) else np.isfinite(values)


def signbit(values: Vector) -> Vector:
    return values.signbit() if of_torch(values) else np.signbit(values)


def rint(values: Vector) -> Vector:
    """The nearest integer, of two the even one."""
    return values.round() if of_torch(values) else np.rint(values)


def floor(values: Vector) -> Vector:
    return values.floor() if of_torch(values) else np.floor(values)


def sqrt(values: Vector) -> Vector:
    """Correctly rounded: which on a processor torch's root is not, for one number in a hundred."""
    if not of_torch(values):
        return np.sqrt(values)
    if values.device.type != "cpu":
        return values.sqrt()
    import torch

    return torch.from_numpy(np.sqrt(values.numpy()))


def first(values: Vector) -> Vector:
    """The first element along the first axis."""
    return values.select(0, 0) if of_torch(values) else values[0]


def section(values: Vector, start: int, stop: int) -> Vector:
    """The elements from ``start`` up to ``stop``, along the first axis."""
    return values.narrow(0, start, stop - start) if of_torch(values) else values[start:stop]


def concatenated(parts: Sequence[Vector]) -> Vector:
    """Vectors one after the other."""
    if not of_torch(*parts):
        return np.concatenate(parts)
    import torch

    return torch.cat(list(parts))


class LookupTable:
    """An array of numbers to be looked up, which is kept on each device where it was."""

    def __init__(self, numbers: np.ndarray) -> None:
        self._numbers = numbers
        self._placed: dict[Any, Any] = {}

    def __getitem__(self, index: Vector) -> Vector:
        if not of_torch(index):
            return self._numbers[index]
        import torch

        table = self._placed.get(index.device)
        if table is None:
            table = torch.as_tensor(self._numbers, device=index.device)
            if type(table) is torch.Tensor:  # and not a tensor that only stands for one
                self._placed[index.device] = table
        return table.take(index)


def spread_over(values: Vector, n: int, like: Vector) -> Vector:
    """A vector of length ``n`` of the library and the device of ``like``, of one or of a number."""
    if not of_torch(like):
        return np.broadcast_to(values, n)
    return _tensors(values, like)[0].expand(n)


def beside(values: np.ndarray, like: Vector) -> Vector:
    """An array of the host, where ``like`` is."""
    if not of_torch(like):
        return values
    import torch

    return torch.as_tensor(values, device=like.device)


def host(values: Vector) -> Any:
    """A vector as an array, a number as it is."""
    return values.cpu().numpy() if of_torch(values) else values


def on_the_host(vectors: Sequence[Vector]) -> list[np.ndarray]:
    """Vectors of one length and dtype as arrays, in one transfer."""
    if not of_torch(*vectors):
        return list(vectors)
    import torch

    return list(torch.stack(_tensors(*vectors)).cpu().numpy())


# ----------------------------------------------------------------------------------------------------- all elements
def surely(condition: Vector) -> bool:
    """Whether a condition is known to hold everywhere; on a device that is not known."""
    return not of_torch(condition) and bool(np.all(condition))


def surely_below(sizes: Vector, most: float) -> bool:
    """Whether numbers are known to be no larger than ``most``, and none is NaN."""
    return not of_torch(sizes) and bool(sizes.size == 0 or sizes.max() <= most)


def surely_above(sizes: Vector, least: float) -> bool:
    """Whether numbers are known to be no smaller than ``least``, and none is NaN."""
    return not of_torch(sizes) and bool(sizes.size == 0 or sizes.min() >= least)


# ------------------------------------------------------------------------------------------------- without new memory
_PLAIN: dict[np.ufunc, Callable[[Vector, Vector], Vector]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: divide,
}  # fmt: skip


def into(operation: np.ufunc, a: Vector, b: Vector, temporary: Vector) -> Vector:
    """``operation(a, b)``, written over an array that nobody needs any more: it is in the cache already."""
    return operation(a, b, out=temporary) if type(temporary) is np.ndarray else _PLAIN[operation](a, b)
