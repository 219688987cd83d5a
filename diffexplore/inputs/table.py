"""Data files and folders of them: columns of numbers, with one clear line for each thing that can be wrong."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.inputs.columns import missing_column
from diffexplore.inputs.csv_columns import read_csv, read_header
from diffexplore.inputs.folders import files_in, misses_column
from diffexplore.inputs.npy_columns import names_in_npy, open_npy
from diffexplore.inputs.npz_columns import names_in_npz, read_npz
from diffexplore.inputs.parquet_columns import ParquetPart, names_in_parquet
from diffexplore.inputs.parts import ArrayPart, FilePart
from diffexplore.inputs.sources import FOLDER, FileSource, Source, source_of
from diffexplore.inputs.stored import StoredTable

Table = dict[str, npt.NDArray[np.float64]]

_Opener = Callable[[Source, Sequence[str] | None], FilePart]


def _as_arrays(read: Callable[[Source, Sequence[str] | None], Mapping[str, npt.NDArray[Any]]]) -> _Opener:
    return lambda source, columns: ArrayPart.of(source, read(source, columns))


#: Of each kind of file, what reads the names of its columns, and what opens columns: all of them where none are named.
_KINDS: Mapping[str, tuple[Callable[[Source], Sequence[str]], _Opener]] = {
    "csv": (read_header, _as_arrays(read_csv)),
    "npz": (names_in_npz, _as_arrays(read_npz)),
    "npy": (names_in_npy, _as_arrays(open_npy)),
    "parquet": (names_in_parquet, ParquetPart),
}

#: Bytes of both ends of a file by which processes tell whether they see the same one.
_END = 1 << 16


def open_table(
    path: str | os.PathLike[str] | Source, columns: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None, size: int = BLOCK,
) -> StoredTable:  # fmt: skip
    """The columns of a file, or of a folder of files, whose rows are read when they are needed.

    Only ``columns`` are read (None: all of them), so that a file may hold texts beside the numbers that are needed;
    ``names`` says which of them have another name in the file; ``size`` is how many rows are read at a time. A CSV
    file is UTF-8, with the names of its columns in the first row, which also decides what separates them: a tab where
    it holds one, else a semicolon, else a comma. An .npz archive holds one array a column; an .npy file one array with
    named fields, or one column that is called like the file; neither holds Python objects (they are never unpickled).
    The files of a folder are of one kind, and hold the same columns; .npy files without fields are a column each.
    Raises :class:`UsageError` that names the file and, where one is to blame, the row and the column.
    """
    source, names = source_of(path), names or {}
    requested = None if columns is None else [names.get(name, name) for name in columns]
    with reading(source):
        found, parts = _parts(source, requested)
    return StoredTable(parts, found if columns is None else columns, str(source), size)


def read_table(
    path: str | os.PathLike[str] | Source, columns: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Table:  # fmt: skip
    """The same columns in memory, as float64 arrays of one length (n,), n ≥ 1."""
    table = open_table(path, columns, names)
    with reading(source_of(path)):
        return table.whole()


def column_names(path: str | os.PathLike[str] | Source) -> tuple[str, ...]:
    """The names of the columns of such a file, without its numbers; errors as of :func:`open_table`.

    A name with spaces is that with underscores in their place.
    """
    source = source_of(path)
    with reading(source):
        if source.kind != FOLDER:
            read_names, _ = _KINDS[source.kind]
            return tuple(read_names(source))
        files = _files(source)
        return tuple(name for file in (files if _are_columns(files) else files[:1]) for name in column_names(file))


def _parts(source: Source, columns: Sequence[str] | None) -> tuple[list[str], list[FilePart]]:
    """The names of the columns that were opened, and the files that hold them, one below the other."""
    if source.kind == FOLDER:
        return _parts_of_folder(source, columns)
    _, opened = _KINDS[source.kind]
    part = opened(source, columns)
    return list(part.names), [part]


def _parts_of_folder(folder: Source, columns: Sequence[str] | None) -> tuple[list[str], list[FilePart]]:
    files = _files(folder)
    if _are_columns(files):
        every = {name: array for file in files for name, array in open_npy(file).items()}
        if columns is not None:
            every = {name: every[name] if name in every else _missing(name, every, folder) for name in columns}
        return list(every), [ArrayPart.of(folder, every)]
    names, parts = _parts(files[0], columns)
    for file in files[1:]:
        known = column_names(file)
        for name in names:
            if name not in known and "_".join(name.split()) not in known:
                raise misses_column(file, name, files[0])
        parts += _parts(file, names)[1]
    return names, parts


def _files(folder: Source) -> list[FileSource]:
    assert isinstance(folder, FileSource), "standard input is no folder"
    return files_in(folder)


def _are_columns(files: Sequence[FileSource]) -> bool:
    """Whether each of the files is one column: arrays without fields."""
    return files[0].kind == "npy" and names_in_npy(files[0]) == [files[0].path.stem]


def _missing(name: str, available: Mapping[str, object], folder: Source) -> npt.NDArray[np.float64]:
    raise missing_column(name, available, str(folder))


def fingerprints(table: StoredTable) -> list[str]:
    """A line for each file of a table, the same in every process that sees the same files: size, rows, both ends."""
    return [f"{table.origin} has {table.n} rows", *(_fingerprint(part) for part in table.parts)]


def _fingerprint(part: FilePart) -> str:
    with reading(part.source), part.source.open() as file:
        head = file.read(_END)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END))
        ends = zlib.crc32(file.read(_END), zlib.crc32(head))
    return f"{part.source} has {part.n} rows in {size} bytes (checksum of its ends {ends:08x})"


@contextmanager
def reading(source: Source) -> Iterator[None]:
    """An error of the operating system as one line that names the file."""
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) and source.kind == FOLDER else source
        raise UsageError(f"cannot read {place}: {error.strerror or error}") from None
