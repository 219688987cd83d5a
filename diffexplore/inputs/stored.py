"""Tables whose rows stay in their files until they are needed, a block at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import BLOCK
from diffexplore.inputs.columns import Column
from diffexplore.inputs.parts import FilePart

if TYPE_CHECKING:
    import torch

Rows = dict[str, npt.NDArray[np.float64]]

#: Blocks that are kept: the one at work, and the one before it.
_KEPT = 2


class StoredTable:
    """``n`` rows of the columns ``names``, float64, in files that are read one after another.

    ``size`` is the number of rows of a block. While one block is at work, the next one is read.
    """

    def __init__(self, parts: Sequence[FilePart], names: Sequence[str], origin: str, size: int = BLOCK) -> None:
        self.names = tuple(names)
        self.origin = origin
        self.size = size
        self.parts = parts
        self._starts = list(accumulate((part.n for part in parts), initial=0))
        self._turn, self._reading = Lock(), Lock()
        self._kept: dict[int, Rows] = {}
        self._ahead: tuple[int, Future[Rows]] | None = None
        self._reader: ThreadPoolExecutor | None = None
        if self.n == 0:
            raise UsageError(f"{origin}: there are no rows")

    @property
    def n(self) -> int:
        return self._starts[-1]

    def columns(self) -> dict[str, Column]:
        """What stands for the columns: a :class:`StoredColumn` each, which is indexed as an array is."""
        return {name: cast("Column", StoredColumn(self, name)) for name in self.names}

    def whole(self) -> Rows:
        """All rows, in memory: contiguous and writable, so that a tensor can share their memory."""
        return {name: np.require(column, np.float64, ["C", "W"]) for name, column in self._read(0, self.n).items()}

    def block(self, number: int) -> Rows:
        """The rows of a block, not to be written to. Raises :class:`UsageError` for what is no finite number."""
        with self._turn:
            return self._block(number)

    def _block(self, number: int) -> Rows:
        if number in self._kept:
            return self._kept[number]
        follows = number - 1 in self._kept
        if self._ahead is not None and self._ahead[0] == number:
            found = self._ahead[1].result()
        else:
            found = self._read_block(number)
        while len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[number] = found
        self._ahead = self._read_ahead(number + 1) if follows or number == 0 else None
        return found

    def rows(self, first: int, last: int) -> Rows:
        """Some rows, of which not more than a block are meant."""
        numbers = range(first // self.size, -(-last // self.size))
        pieces = [self._sliced(number, first, last) for number in numbers]
        return pieces[0] if len(pieces) == 1 else {
            name: np.concatenate([piece[name] for piece in pieces]) for name in self.names
        }  # fmt: skip

    def _sliced(self, number: int, first: int, last: int) -> Rows:
        start = number * self.size
        here = slice(max(first - start, 0), last - start)
        return {name: column[here] for name, column in self.block(number).items()}

    # ----------------------------------------------------------------------------------------------------- reading
    def _read_ahead(self, number: int) -> tuple[int, Future[Rows]] | None:
        if number * self.size >= self.n:
            return None
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, "diffexplore-reader")
        return number, self._reader.submit(self._read_block, number)

    def _read_block(self, number: int) -> Rows:
        return self._read(number * self.size, min(self.n, (number + 1) * self.size))

    def _read(self, first: int, last: int) -> Rows:
        pieces: list[list[npt.NDArray[np.float64]]] = []
        with self._reading, np.errstate(all="ignore"):
            for part, start, stop in self._overlapping(first, last):
                pieces += part.read(max(start, first) - start, min(stop, last) - start)
        columns = pieces[0] if len(pieces) == 1 else [np.concatenate(column) for column in zip(*pieces, strict=True)]
        return dict(zip(self.names, columns, strict=True))

    def _overlapping(self, first: int, last: int) -> Iterator[tuple[FilePart, int, int]]:
        """The files that hold some of the rows, with the first row of each and that behind its last."""
        for place in range(bisect_right(self._starts, first) - 1, len(self.parts)):
            start, stop = self._starts[place], self._starts[place + 1]
            if start >= last:
                return
            if stop > max(start, first):
                yield self.parts[place], start, stop


class StoredColumn:
    """One column of a table in files, of shape (n,): slices, indices and arrays of indices read what they name."""

    def __init__(self, table: StoredTable, name: str) -> None:
        self.table = table
        self._name = name

    def __len__(self) -> int:
        return self.table.n

    @property
    def shape(self) -> tuple[int]:
        return (self.table.n,)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            assert step == 1, "rows are read in their order"
            if last - first > max(self.table.size, BLOCK):
                raise MemoryError(f"{last - first} rows at once are more than a block")
            return self.table.rows(first, last)[self._name] if last > first else np.empty(0)
        places = np.asarray(key)
        if places.size and not 0 <= places.min() <= places.max() < len(self):
            raise IndexError(f"there are {len(self)} rows")
        found = np.empty(places.shape)
        blocks = places // self.table.size
        for number in np.unique(blocks).tolist():
            here = blocks == number
            found[here] = self.table.block(number)[self._name][places[here] - number * self.table.size]
        return found if found.ndim else float(found)

    def __array__(self, *_: Any, **__: Any) -> npt.NDArray[np.float64]:
        raise MemoryError(f"column {self._name!r} stays in its files: it is read a block at a time")


class StoredTensor:
    """A column in files where a tensor is expected: what is read of it is a float64 tensor on the CPU."""

    def __init__(self, column: StoredColumn) -> None:
        import torch

        self._column = column
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self._column)

    def element_size(self) -> int:
        return 8

    def kept(self, first: int, last: int) -> npt.NDArray[np.float64]:
        """Some rows as they are kept: not to be written to."""
        return cast("npt.NDArray[np.float64]", self._column[first:last])

    def __getitem__(self, key: Any) -> torch.Tensor:
        import torch

        # A copy: what a user's function does to it must not reach the block that is kept.
        found = self._column[key.numpy() if isinstance(key, torch.Tensor) else key]
        return torch.tensor(found, dtype=torch.float64, device="cpu")


def stored(columns: Mapping[str, Any]) -> StoredTable | None:
    """The table in files that columns belong to; None for those in memory."""
    return next((column.table for column in columns.values() if isinstance(column, StoredColumn)), None)
