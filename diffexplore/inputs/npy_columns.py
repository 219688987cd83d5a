"""NPY files as columns of numbers, mapped into memory: a structured array, or one column called like its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffexplore.errors import UsageError
from diffexplore.inputs.columns import check_shape, missing_column
from diffexplore.inputs.sources import FileSource, Source

_SINGLE = "column"
"""What a column is called whose array has no file name to be called by."""


def open_npy(source: Source, columns: Sequence[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """The columns of an array: its fields, or the array itself by the name of its file; none of it is read yet.

    Raises :class:`UsageError` for damaged files, Python objects, and arrays of other shapes than (n,).
    """
    array = _mapped(source)
    available = _by_name(array, source)
    for name in available if columns is None else columns:
        if name not in available:
            raise missing_column(name, available, str(source))
        check_shape(available[name].shape, name, str(source))
    return {name: available[name] for name in (available if columns is None else columns)}


def names_in_npy(source: Source) -> list[str]:
    """The names of its columns."""
    return list(_by_name(_mapped(source), source))


def _mapped(source: Source) -> npt.NDArray[Any]:
    try:
        if isinstance(source, FileSource):
            array = np.load(source.path, mmap_mode="r", allow_pickle=False)
        else:
            with source.open() as file:
                array = np.load(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # whatever NumPy raises for a damaged header: the list is NumPy's
        objects = "it holds Python objects, not numbers" if "object" in str(error).lower() else "it is damaged"
        raise UsageError(f"{source}: not an array that can be read: {objects}") from None
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{source}: not a single array: an archive of arrays has the suffix .npz")
    return array


def _by_name(array: npt.NDArray[Any], source: Source) -> dict[str, npt.NDArray[Any]]:
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    name = Path(source.path).stem if isinstance(source, FileSource) else _SINGLE
    if array.ndim != 1:
        raise UsageError(
            f"{source}: an array of shape {array.shape}: each column needs a name, as in a folder with x.npy and y.npy"
        )
    return {name: array}
