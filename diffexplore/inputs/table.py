"""Data files: columns of numbers from .csv and .npz, with one clear line for each thing that can be wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from diffexplore.errors import UsageError
from diffexplore.inputs.csv_columns import read_csv, read_header
from diffexplore.inputs.npz_columns import names_in_npz, read_npz
from diffexplore.inputs.sources import Source, source_of

Table = dict[str, npt.NDArray[np.float64]]

_READERS = {"csv": read_csv, "npz": read_npz}
_HEADERS = {"csv": read_header, "npz": names_in_npz}


def read_table(
    path: str | os.PathLike[str] | Source, columns: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Table:  # fmt: skip
    """The columns of a .csv or .npz file as float64 arrays of one length (n,), n ≥ 1.

    Only ``columns`` are read (None: all of them), so that a file may hold texts beside the numbers that are needed;
    ``names`` says which of them have another name in the file. A CSV file is UTF-8, with the names of its columns in
    the first row, which also decides what separates them: a tab where it holds one, else a semicolon, else a comma. An
    .npz archive holds one array a column, and no Python objects (they are never unpickled).
    Raises :class:`UsageError` that names the file and, where one is to blame, the row and the column.
    """
    source, names = source_of(path), names or {}
    requested = None if columns is None else [names.get(name, name) for name in columns]
    try:
        table = _READERS[source.kind](source, requested)
    except OSError as error:
        raise _unreadable(source, error) from None
    return table if columns is None else dict(zip(columns, (table[name] for name in requested or ()), strict=True))


def column_names(path: str | os.PathLike[str] | Source) -> tuple[str, ...]:
    """The names of the columns of such a file, without its numbers; errors as of :func:`read_table`.

    A name with spaces is that with underscores in their place.
    """
    source = source_of(path)
    try:
        return tuple(_HEADERS[source.kind](source))
    except OSError as error:
        raise _unreadable(source, error) from None


def _unreadable(source: Source, error: OSError) -> UsageError:
    return UsageError(f"cannot read {source}: {error.strerror or error}")
