"""Data files: columns of numbers from .csv and .npz, with one clear line for each thing that can be wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffexplore.arguments import shown
from diffexplore.check.csv_columns import read_csv, read_header
from diffexplore.check.npz_columns import names_in_npz, read_npz
from diffexplore.errors import UsageError

Table = dict[str, npt.NDArray[np.float64]]

_READERS = {".csv": read_csv, ".npz": read_npz}
_HEADERS = {".csv": read_header, ".npz": names_in_npz}


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """The columns of a .csv or .npz file as float64 arrays of one length (n,), n ≥ 1.

    Only ``columns`` are read (None: all of them), so that a file may hold texts beside the numbers that are needed.
    A CSV file is UTF-8, separated by commas, with the names of its columns in the first row; an .npz
    archive holds one array a column, and no Python objects (they are never unpickled).
    Raises :class:`UsageError` that names the file and, where one is to blame, the row and the column.
    """
    path = Path(path)
    try:
        return _READERS[_suffix(path)](path, columns)
    except OSError as error:
        raise _unreadable(path, error) from None


def column_names(path: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """The names of the columns of such a file, without its numbers; none for None. Errors as of :func:`read_table`."""
    if path is None:
        return ()
    path = Path(path)
    try:
        return tuple(_HEADERS[_suffix(path)](path))
    except OSError as error:
        raise _unreadable(path, error) from None


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise UsageError(f"{_named(path)}: data is read from a .csv or an .npz file")
    if not str(path).isprintable():
        raise UsageError(f"{_named(path)}: the name of a file of data has printable characters only")
    return suffix


def _named(path: Path) -> str:
    """The name as it is, or quoted and cut where it would break a line."""
    text = str(path)
    return text if text.isprintable() and len(text) <= 200 else shown(text)


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read {_named(path)}: {error.strerror or error}")
