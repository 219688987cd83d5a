"""Data files: columns of numbers from .csv and .npz, with one clear line for each thing that can be wrong."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from diffexplore.check.columns import as_column, check_lengths, missing_column
from diffexplore.check.csv_columns import names_in_csv, read_csv
from diffexplore.errors import UsageError

Table = dict[str, npt.NDArray[np.float64]]


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """The columns of a .csv or .npz file as float64 arrays of one length (n,), n ≥ 1.

    Only ``columns`` are read (None: all of them), so that a file may hold texts beside the numbers that are needed.
    A CSV file is UTF-8, separated by commas, with the names of its columns in the first row; an .npz
    archive holds one array a column, and no Python objects (they are never unpickled).
    Raises :class:`UsageError` that names the file and, where one is to blame, the row and the column.
    """
    path = Path(path)
    readers = {".csv": read_csv, ".npz": read_npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: data is read from a .csv or an .npz file")
    try:
        return reader(path, columns)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The names of the columns of a data file, in its order; errors as of :func:`read_table`."""
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            return names_in_csv(path)
        if path.suffix.lower() != ".npz":
            return tuple(read_table(path))  # which refuses it
        with path.open("rb") as file:
            return tuple(_archive(file, path).files)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def read_npz(path: Path, columns: Sequence[str] | None = None) -> Table:
    """The arrays of an .npz archive, see :func:`read_table`."""
    with path.open("rb") as file:  # NumPy leaves a file open that turns out to be no archive
        archive = _archive(file, path)
        wanted = archive.files if columns is None else columns
        if not wanted:
            raise UsageError(f"{path}: the archive is empty")
        table = {name: _member(archive, name, path) for name in wanted}
    check_lengths(table, str(path))
    return table


def _archive(file: BinaryIO, path: Path) -> NpzFile:
    try:
        archive = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise UsageError(f"{path}: not an .npz archive (numpy.savez writes one)") from None
    if not isinstance(archive, NpzFile):
        raise UsageError(f"{path}: a single array without a name: numpy.savez(path, x=x, y=y) names the columns")
    return archive


def _member(archive: NpzFile, name: str, path: Path) -> npt.NDArray[np.float64]:
    if name not in archive.files:
        raise missing_column(name, archive.files, str(path))
    try:
        values = archive[name]
    except ValueError:  # an array of objects, which only pickle could read
        raise UsageError(f"{path}: column {name!r} holds Python objects, not numbers") from None
    except (EOFError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise UsageError(f"{path}: column {name!r} is damaged and cannot be read") from None
    column = as_column(values, name, str(path))
    assert isinstance(column, np.ndarray)
    return column
