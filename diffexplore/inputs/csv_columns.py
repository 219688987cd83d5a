"""CSV files as columns of numbers.

The rows are read in chunks, each checked and turned into arrays before the next: a million rows take seconds, and
memory is that of the numbers, or of a block of them where there are more. The cell to blame is looked for only in a
chunk that could not be read.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from diffexplore.arguments import shown
from diffexplore.errors import UsageError
from diffexplore.inputs.columns import missing_column, row_error
from diffexplore.inputs.room import GrowingColumn
from diffexplore.inputs.sources import Source

if TYPE_CHECKING:
    from _csv import Reader

CHUNK_ROWS = 1 << 15

#: Characters of the first row that decide what separates the columns.
_LONGEST_HEADER = 1 << 20

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Chunk:
    """Rows of cells: the first one is row ``first`` of the data, and each ends on its line of the file."""

    first: int
    lines: list[int]
    rows: list[list[str]]


def read_csv(source: Source, columns: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of a CSV file, see :func:`diffexplore.inputs.table.read_table`.

    Blank lines are skipped, cells may be quoted and padded with spaces, and a column without a name is ignored.
    """
    with _readable(source) as reader:
        return _read(reader, source, columns)


def read_header(source: Source) -> list[str]:
    """The names of its columns, as symbols can be called: with an underscore for each space."""
    with _readable(source) as reader:
        return [_as_symbol(name) for name in _header(reader, source) if name]


@contextmanager
def _readable(source: Source) -> Iterator[Reader]:
    """The rows of a file; what is no CSV becomes one line."""
    try:
        with source.open() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            separator = _separator(file)
            file.seek(0)
            yield csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    except UnicodeDecodeError:
        raise UsageError(f"{source}: not a CSV file: it is not UTF-8 text") from None
    except csv.Error as error:
        raise UsageError(f"{source}: not a CSV file: {error}") from None


def _separator(file: TextIO) -> str:
    """What separates the columns: the first of tab, semicolon and comma that the header holds outside quotes."""
    line = next((line for line in iter(lambda: file.readline(_LONGEST_HEADER), "") if line.strip()), "")
    outside = "".join(line.split('"')[::2])
    return next((separator for separator in "\t;" if separator in outside.strip("\r\n ")), ",")


def _read(reader: Reader, source: Source, columns: Sequence[str] | None) -> dict[str, npt.NDArray[np.float64]]:
    header = _header(reader, source)
    requested = _positions(header, columns, source)
    growing = {name: GrowingColumn() for name in requested}
    for chunk in _chunks(reader):
        _check_widths(chunk, len(header), source)
        for name, position in requested.items():
            growing[name].add(_numbers(chunk, name, position, source))
    found = {name: column.array() for name, column in growing.items()}
    if not all(map(len, found.values())):
        raise UsageError(f"{source}: no rows below the header")
    return found


def _header(reader: Reader, source: Source) -> list[str]:
    """The names in the first row that is not blank; a column may be without one."""
    row = next((row for row in reader if row), None)
    if row is None:
        raise UsageError(f"{source}: the file is empty: its first row should name the columns, such as x,y")
    names = [normalize("NFKC", cell.strip()) for cell in row]  # as Python reads the names of a formula
    if all(_is_number(name) for name in names):
        raise UsageError(f"{source}: no header: the first row should name the columns, such as x,y")
    seen: set[str] = set()
    for name in filter(None, names):
        if name in seen:
            raise UsageError(f"{source}: the header has the column {shown(name)} twice")
        seen.add(name)
    return names


def _positions(header: list[str], columns: Sequence[str] | None, source: Source) -> dict[str, int]:
    """Where each requested column stands in a row."""
    positions = {name: position for position, name in enumerate(header) if name}
    if columns is None:
        return positions
    known = {_as_symbol(name): position for name, position in positions.items()} | positions
    for name in columns:
        if name not in known:
            raise missing_column(name, positions, str(source))
    return {name: known[name] for name in columns}


def _as_symbol(name: str) -> str:
    """``body height`` as ``body_height``."""
    return "_".join(name.split())


def _chunks(reader: Reader) -> Iterator[_Chunk]:
    first, lines, rows = 1, [], []
    for row in reader:
        if not row:
            continue
        lines.append(reader.line_num)
        rows.append(row)
        if len(rows) == CHUNK_ROWS:
            yield _Chunk(first, lines, rows)
            first, lines, rows = first + CHUNK_ROWS, [], []
    if rows:
        yield _Chunk(first, lines, rows)


def _check_widths(chunk: _Chunk, width: int, source: Source) -> None:
    if set(map(len, chunk.rows)) == {width}:
        return
    index = next(index for index, row in enumerate(chunk.rows) if len(row) != width)
    cells = len(chunk.rows[index])
    raise UsageError(
        f"{source}: row {chunk.first + index} (line {chunk.lines[index]}) has {cells} cell{'s'[: cells != 1]}, "
        f"but the header names {width} column{'s'[: width != 1]}"
    )


def _numbers(chunk: _Chunk, name: str, position: int, source: Source) -> npt.NDArray[np.float64]:
    cells = [row[position] for row in chunk.rows]
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        raise _blame(chunk, cells, name, source) from None
    # float() reads 2024_01 as the number 202401; a data file that holds such a cell means something else.
    if not np.isfinite(numbers).all() or "_" in "".join(cells):
        raise _blame(chunk, cells, name, source)
    return numbers


def _blame(chunk: _Chunk, cells: list[str], name: str, source: Source) -> UsageError:
    """The error for the first cell of a column that is not a finite number."""
    index, problem = next((index, problem) for index, cell in enumerate(cells) if (problem := _problem(cell)))
    return row_error(str(source), chunk.first + index, f"line {chunk.lines[index]}", name, problem)


def _problem(cell: str) -> str | None:
    if not cell.strip():
        return "the cell is empty"
    if _DECIMAL_COMMA.fullmatch(cell.strip()):
        return f"{shown(cell.strip())} has a decimal comma: write numbers with a point, as in {_with_point(cell)}"
    if not _is_number(cell):
        return f"{shown(cell)} is not a number"
    if not math.isfinite(float(cell)):
        return f"{shown(cell.strip())[1:-1]} is not finite"
    return None


def _with_point(cell: str) -> str:
    return cell.strip().replace(",", ".")[:20]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
