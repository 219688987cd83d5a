"""NPZ archives as columns of numbers: what a header claims is held against the file before memory is taken."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.inputs.columns import as_column, check_lengths, check_shape, missing_column
from diffexplore.inputs.room import GrowingColumn
from diffexplore.inputs.sources import Source

_SUFFIX = ".npy"
_MAGIC = b"\x93NUMPY"

#: The layouts of a header of plain numbers; another one is written only for structures with names in other alphabets.
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(source: Source, columns: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.float64]]:
    """The arrays of an .npz archive, see :func:`diffexplore.inputs.table.read_table`."""
    with source.open() as file:
        archive = _archive(file, source)
        available = _names(archive)
        requested = available if columns is None else columns
        if not requested:
            raise UsageError(f"{source}: the archive is empty")
        for name in requested:
            if name not in available:
                raise missing_column(name, available, str(source))
        table = {name: _column(archive, name, source) for name in requested}
    check_lengths(table, str(source))
    return table


def names_in_npz(source: Source) -> list[str]:
    """The names of its arrays."""
    with source.open() as file:
        return _names(_archive(file, source))


def _archive(file: BinaryIO, source: Source) -> zipfile.ZipFile:
    if file.read(len(_MAGIC)) == _MAGIC:
        raise UsageError(f"{source}: a single array without a name: numpy.savez(path, x=x, y=y) names the columns")
    file.seek(0)
    with _damage_as(f"{source}: not an .npz archive (numpy.savez writes one)"):
        return zipfile.ZipFile(file)


def _names(archive: zipfile.ZipFile) -> list[str]:
    members = dict.fromkeys(name for name in archive.namelist() if name.endswith(_SUFFIX))
    return [name.removesuffix(_SUFFIX) for name in members]


def _column(archive: zipfile.ZipFile, name: str, source: Source) -> npt.NDArray[np.float64]:
    growing = GrowingColumn()
    with _damage_as(f"{source}: column {name!r} is damaged and cannot be read"):
        info = archive.getinfo(name + _SUFFIX)
        with archive.open(info) as member:
            for first, values in _pieces(member, info.file_size, name, source):
                column = as_column(values, name, str(source), first)
                assert isinstance(column, np.ndarray)
                growing.add(column)
    return growing.array()


def _pieces(member: IO[bytes], size: int, name: str, source: Source) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """The one-dimensional array in a member of ``size`` bytes, a block at a time, each with its first row.

    Any other array is refused by what its header says.
    """
    reader = _HEADERS[npy.read_magic(member)]
    shape, _, dtype = reader(member)
    if dtype.hasobject:
        raise UsageError(f"{source}: column {name!r} holds Python objects, not numbers")
    check_shape(shape, name, str(source))
    (count,) = shape
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not dtype.itemsize or count * dtype.itemsize != size - member.tell():
        raise ValueError("the header does not describe the data")
    for first in range(0, max(1, count), BLOCK):
        yield first, _filled(member, np.empty(min(BLOCK, count - first), dtype))
    if member.read(1):
        raise ValueError("there is more than the header describes")


def _filled(member: IO[bytes], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    read, view = 0, values.view(np.uint8).reshape(-1).data
    while read < len(view):
        got = member.readinto(view[read:])  # type: ignore[attr-defined]  # a member is a BufferedIOBase
        if not got:
            raise EOFError
        read += got
    return values


@contextmanager
def _damage_as(message: str) -> Iterator[None]:
    """Whatever the readers of archives and headers raise for a damaged file, as one line.

    They raise what happens to them: BadZipFile, LZMAError, zlib.error, TokenError, NotImplementedError for an unknown
    version, OverflowError for a size, KeyError, RecursionError, struct.error, … The list is theirs, and is not closed.
    """
    try:
        yield
    except (UsageError, OSError):
        raise
    except Exception:
        raise UsageError(message) from None
