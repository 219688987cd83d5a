"""Memory for arrays of radii that is used again: new memory costs a processor more than what is computed into it."""

from __future__ import annotations

import sys
from threading import local

import numpy as np

#: Arrays of fewer numbers are as fast in new memory.
_FEW = 2_048

#: How many bytes a thread keeps.
_MOST = 2**26

#: The references to an array that only the list below has: the list, the loop, and the question.
_UNUSED = 3


class _Kept(local):
    """The arrays of one thread, and their bytes."""

    def __init__(self) -> None:
        self.arrays: dict[int, list[np.ndarray]] = {}
        self.bytes = 0


_KEPT = _Kept()


def empty(count: int) -> np.ndarray:
    """An array of ``count`` float64 numbers of any values, in memory to which nothing else refers any more."""
    if count < _FEW:
        return np.empty(count)
    kept = _KEPT.arrays.setdefault(count, [])
    for array in kept:
        if sys.getrefcount(array) == _UNUSED:
            return array
    array = np.empty(count)
    if _KEPT.bytes + array.nbytes > _MOST:
        _KEPT.arrays.clear()
        _KEPT.bytes = 0
        kept = _KEPT.arrays.setdefault(count, [])
    if array.nbytes <= _MOST:
        _KEPT.bytes += array.nbytes
        kept.append(array)
    return array
