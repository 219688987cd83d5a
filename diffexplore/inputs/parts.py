"""Files of columns whose rows are read a few at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diffexplore.inputs.columns import as_column, check_lengths
from diffexplore.inputs.sources import Source


class FilePart(Protocol):
    """One file: ``n`` rows of the columns that were opened."""

    @property
    def source(self) -> Source: ...

    @property
    def n(self) -> int: ...

    def read(self, first: int, last: int, into: Sequence[npt.NDArray[np.float64]]) -> None:
        """Fills arrays, one a column, with the rows from ``first`` to before ``last``.

        Raises :class:`~diffexplore.errors.UsageError` that names file, row and column for what is no finite number.
        """
        ...


@dataclass(frozen=True)
class ArrayPart:
    """A file whose columns can be sliced: arrays in memory, or mapped into it."""

    source: Source
    columns: Mapping[str, npt.NDArray[Any]]
    n: int

    @classmethod
    def of(cls, source: Source, columns: Mapping[str, npt.NDArray[Any]]) -> ArrayPart:
        return cls(source, columns, check_lengths(columns, str(source)))

    def read(self, first: int, last: int, into: Sequence[npt.NDArray[np.float64]]) -> None:
        for (name, column), room in zip(self.columns.items(), into, strict=True):
            room[:] = as_column(column[first:last], name, str(self.source), first)
