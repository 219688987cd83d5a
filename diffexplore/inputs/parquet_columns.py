"""Parquet files as columns of numbers, read by pyarrow: some columns, a few rows at a time, never a whole file."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from diffexplore.arguments import shown
from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.inputs.columns import missing_column, row_error
from diffexplore.inputs.sources import FileSource, Source

#: Bytes that pyarrow reads at a time of each column, instead of all that a row group holds of it.
_BUFFER = 1 << 20


def names_in_parquet(source: Source) -> list[str]:
    """The names of its columns, as symbols can be called: with an underscore for each space."""
    return ["_".join(name.split()) for name in _opened(source).schema_arrow.names]


class ParquetPart:
    """One Parquet file; ``columns`` names what is read of it (None: every column)."""

    def __init__(self, source: Source, columns: Sequence[str] | None = None) -> None:
        self.source = source
        self._file = _opened(source)
        schema = self._file.schema_arrow
        known = {"_".join(name.split()): name for name in schema.names} | {name: name for name in schema.names}
        self.names = tuple(schema.names if columns is None else columns)
        for name in self.names:
            if name not in known:
                raise missing_column(name, schema.names, str(source))
        self._columns = [known[name] for name in self.names]
        for name, column in zip(self.names, self._columns, strict=True):
            _check_type(schema.field(column).type, name, source)
        groups = range(self._file.metadata.num_row_groups)
        self._starts = list(accumulate((self._file.metadata.row_group(i).num_rows for i in groups), initial=0))
        self.n = self._starts[-1]
        self._next = -1
        self._batches: Iterator[Any] = iter(())
        self._rest: Any = None

    def read(self, first: int, last: int) -> list[list[npt.NDArray[np.float64]]]:
        """See :class:`~diffexplore.inputs.parts.FilePart`: rows that follow those of the call before are read on."""
        if first != self._next:
            self._go_to(first)
        pieces = []
        while self._next < last:
            batch = self._batch()
            taken = min(batch.num_rows, last - self._next)
            pieces.append(
                [self._column(batch.column(place).slice(0, taken), place) for place in range(len(self.names))]
            )
            self._take(batch, taken)
        if last == self.n:  # a reader at its end would keep what it read last
            self._next, self._batches, self._rest = -1, iter(()), None
        return pieces

    def _go_to(self, row: int) -> None:
        """Begins again at the row group that holds a row."""
        group = bisect_right(self._starts, row) - 1
        self._batches = self._read_from(group)
        self._next, self._rest = self._starts[group], None
        while self._next < row:
            batch = self._batch()
            self._take(batch, min(batch.num_rows, row - self._next))

    def _take(self, batch: Any, rows: int) -> None:
        """Goes on behind some rows of what is at hand."""
        self._next += rows
        self._rest = batch.slice(rows) if rows < batch.num_rows else None

    def _batch(self) -> Any:
        """The rows from ``_next`` on that pyarrow has at hand."""
        if self._rest is not None:
            return self._rest
        try:
            batch = next(self._batches).select(self._columns)
        except (StopIteration, ValueError, OSError, NotImplementedError):  # those of pyarrow are of these kinds
            raise self._damaged() from None
        return batch if batch.num_rows else self._batch()

    def _read_from(self, group: int) -> Iterator[Any]:
        """The rows from a row group on; each by itself, as pyarrow keeps what it has read until it is at the end."""
        for one in range(group, len(self._starts) - 1):
            yield from self._file.iter_batches(BLOCK, [one], self._columns)

    def _damaged(self) -> UsageError:
        group = bisect_right(self._starts, self._next) - 1
        return UsageError(f"{self.source}: row group {group} is damaged and cannot be read")

    def _column(self, values: Any, place: int) -> npt.NDArray[np.float64]:
        """Values as doubles, in the memory of pyarrow where they are some; each of them is a finite number."""
        if values.null_count:
            nulls = values.is_null().to_numpy(zero_copy_only=False)
            raise self._blame(int(np.argmax(nulls)), place, "the value is null")
        found = np.asarray(_doubles(values), np.float64)
        if not np.isfinite(found.sum()) and not np.isfinite(found).all():  # a sum may overflow though no number does
            row = int(np.argmin(np.isfinite(found)))
            raise self._blame(row, place, f"{found[row]} is not finite")
        return found

    def _blame(self, offset: int, place: int, problem: str) -> UsageError:
        row = self._next + offset
        group = bisect_right(self._starts, row) - 1
        locator = f"row group {group}, row {row - self._starts[group] + 1} of it"
        return row_error(str(self.source), row + 1, locator, self.names[place], problem)


def _opened(source: Source) -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError(f"{source}: reading Parquet needs pyarrow: pip install 'diffexplore[parquet]'") from None
    place = str(source.path) if isinstance(source, FileSource) else source.open()
    try:
        return parquet.ParquetFile(place, buffer_size=_BUFFER)
    except (ValueError, OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno)) from None
        raise UsageError(f"{source}: not a Parquet file, or a damaged one") from None


def _check_type(kind: Any, name: str, source: Source) -> None:
    from pyarrow import types

    held = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_floating(held) or types.is_integer(held) or types.is_boolean(held) or types.is_decimal(held)):
        raise UsageError(f"{source}: column {name!r} holds {shown(str(kind))[1:-1]}, not numbers")


def _doubles(values: Any) -> npt.NDArray[Any]:
    """Numbers of any type as an array that becomes float64."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if types.is_decimal(values.type):
        values = values.cast(pyarrow.float64())
    return values.to_numpy(zero_copy_only=False)
