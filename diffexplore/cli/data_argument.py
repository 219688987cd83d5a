"""Data on the command line: ``--data FILE|-``, ``--columns x=height`` and ``--samples N``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from diffexplore.cli import launched
from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.checking.batch import Batch
    from diffexplore.inputs.sources import Source
    from diffexplore.loss import Loss

STDIN = "-"


@dataclass(frozen=True)
class DataGiven:
    """What the options say of the data.

    Attributes:
        file: the path of a file, ``-`` for standard input, None for no file.
        n_points: how many samples are drawn instead; None for none.
        columns: for data symbols the names of their columns, where these are others.
    """

    file: str | None = None
    n_points: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_given(self) -> bool:
        return self.file is not None or self.n_points is not None

    @property
    def origin(self) -> str:
        """What messages call the file."""
        return "data" if self.file is None else str(self.source)

    @cached_property
    def source(self) -> Source | None:
        """The file, or standard input, which is read here."""
        from diffexplore.inputs.sources import FileSource, StandardInput

        if self.file is None:
            return None
        if self.file != STDIN:
            return FileSource(self.file)
        launched.check_alone("standard input is read by one process")
        return StandardInput()

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The columns of the file by the names that symbols can have; None where there is no file.

        Raises UsageError for a file that cannot be read, and for columns that it has not.
        """
        from diffexplore.inputs.columns import missing_column
        from diffexplore.inputs.table import column_names

        if self.source is None:
            return None
        found = column_names(self.source)
        for column in self.columns.values():
            if "_".join(column.split()) not in found and column not in found:
                raise missing_column(column, found, str(self.source))
        return (*self.columns, *(name for name in found if name not in self.columns))

    def batch(self, loss: Loss, *, seed: int, points: Sequence[Mapping[str, float]]) -> Batch:
        """The samples for a loss; raises UsageError for data that do not fit it."""
        from diffexplore.checking.batch import make_batch

        for symbol in self.columns:
            if symbol not in loss.data:
                raise unknown("data symbol in --columns:", symbol, loss.data)
        return make_batch(
            loss, self.source, names=self.columns, n_points=self.n_points, seed=seed, points=points,
            ranks=launched.ranks(),
        )  # fmt: skip

    def column(self, name: str) -> Any:
        """One column of the file, of shape (n,)."""
        from diffexplore.inputs.table import read_table

        assert self.source is not None
        return read_table(self.source, [name], self.columns)[name]


#: No option says anything of the data.
NO_DATA = DataGiven()


def data_given(file: str | os.PathLike[str] | None, samples: str | None, columns: str | None) -> DataGiven:
    """The options as one record; raises UsageError for what cannot be read, in one line."""
    from diffexplore.cli.options import whole_number

    path = None if file is None else os.fspath(file)
    named = _columns(columns)
    if path is not None and samples is not None:
        raise UsageError("give either --data or --samples, not both")
    if named and path is None:
        raise UsageError("--columns says how the columns of a file are called: give --data FILE too")
    return DataGiven(path, whole_number("--samples", samples), named)


def _columns(text: str | None) -> dict[str, str]:
    """``"x=height,y=body weight"`` as a mapping."""
    found: dict[str, str] = {}
    for part in () if text is None else text.split(","):
        symbol, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not symbol.isidentifier() or not column:
            raise UsageError(f"--columns takes symbol=column, such as x=height,y=weight, not {text!r}")
        if symbol in found:
            raise UsageError(f"--columns names {symbol!r} twice")
        found[symbol] = column
    return found
