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
    """One file: ``n`` rows of the columns that were opened, whose ``names`` it keeps."""

    @property
    def source(self) -> Source: ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def n(self) -> int: ...

    def read(self, first: int, last: int) -> list[list[npt.NDArray[np.float64]]]:
        """The rows from ``first`` to before ``last``, in pieces with an array for each column: not to be written to.

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

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def read(self, first: int, last: int) -> list[list[npt.NDArray[np.float64]]]:
        columns = (
            as_column(column[first:last], name, str(self.source), first) for name, column in self.columns.items()
        )
        return [[np.asarray(column) for column in columns]]
