"""The names that stand beside a loss: in its points, in ``wrt`` and as the columns of its data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diffexplore.arguments import as_list, as_words, is_table
from diffexplore.inputs.batches import Batch


@dataclass(frozen=True)
class Named:
    """What the caller has named.

    Attributes:
        points: the names in the points, in order: the parameters of a formula or a function.
        wrt: the names to differentiate by.
        columns: the names of the columns of the data; None where no columns are given, or they are drawn.
        has_data: whether there are data at all.
        origin: what messages call the data.
    """

    points: tuple[str, ...] = ()
    wrt: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    has_data: bool = False
    origin: str = "data"


def named_in(at: Any, data: Any, wrt: Any) -> Named:
    """The names in the arguments of a public function; what is no point or no data is refused where it is used."""
    words = () if wrt is None else as_words(wrt, "wrt")
    if isinstance(data, (str, os.PathLike)):
        from diffexplore.inputs.table import column_names

        return Named(points_in(at), words, column_names(data), True, os.fspath(data))
    if isinstance(data, Batch):
        return Named(points_in(at), words, tuple(data.columns), True, data.origin)
    columns = _keys(data) if isinstance(data, Mapping) or is_table(data) else None
    return Named(points_in(at), words, columns, data is not None)


def points_in(at: Any) -> tuple[str, ...]:
    """The names in one point or in several; raises :class:`UsageError` for what is neither."""
    if isinstance(at, Mapping) or is_table(at):
        return _keys(at)
    points = as_list(() if at is None else at, "a point", "map each parameter to a number, such as {'a': 1.0}")
    return tuple(dict.fromkeys(name for point in points for name in _keys(point)))


def _keys(given: Any) -> tuple[str, ...]:
    if isinstance(given, Mapping):
        return tuple(map(str, given))
    columns: Iterable[Any] = (name for name, _ in given.items()) if is_table(given) else ()
    return tuple(map(str, columns))
