"""The data of a check: a column for each data symbol of the loss, from wherever the user has it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffexplore.arguments import as_count, as_mapping, is_table
from diffexplore.errors import UsageError
from diffexplore.inputs.columns import Column, as_column, check_lengths, missing_column
from diffexplore.inputs.sources import FileSource, Source, StandardInput, source_of

if TYPE_CHECKING:
    from diffexplore.loss import Loss

MOST_POINTS = 100_000_000

_SHOULD = "map the name of each column to its values"


@dataclass(frozen=True, eq=False)
class Batch:
    """``n`` samples: a column of shape (n,) for each data symbol, and where they come from.

    Columns are float64 NumPy arrays, or the tensors that the user gave, of their dtype and device.
    A loss without data has no columns and n = 1: its reduction runs over a single summand.
    """

    columns: Mapping[str, Column]
    n: int
    origin: str


def make_batch(
    loss: Loss,
    data: Mapping[str, Any] | str | os.PathLike[str] | Source | None = None,
    *,
    names: Mapping[str, str] | None = None,
    n_points: float | None = None,
    seed: int = 0,
    points: Sequence[Mapping[str, float]] = (),
) -> Batch:
    """The batch that ``loss`` is checked on.

    ``data`` maps the name of each data symbol to one finite real number a sample (sequence, array or tensor of
    shape (n,); further names are ignored), or is a .csv or .npz file, in which ``names`` says which symbols have
    another name, see :func:`~diffexplore.inputs.table.read_table`. ``n_points`` draws that many synthetic samples
    instead, where the loss is defined at every one of ``points``, see
    :func:`~diffexplore.checking.synthetic.synthetic_columns`.
    With neither, the default data of the loss are taken. Raises :class:`UsageError` for data that cannot be used.
    """
    if data is not None and n_points is not None:
        raise UsageError("give either data or a number of synthetic samples, not both")
    if not loss.data:
        return _without_data(data, n_points)
    if n_points is not None:
        from diffexplore.checking.synthetic import synthetic_columns

        n = as_count(n_points, "the number of samples", 1, MOST_POINTS)
        return Batch(synthetic_columns(loss, n, seed, points), n, f"synthetic samples, seed {seed}")
    if data is None:
        return _default(loss)
    if isinstance(data, (str, os.PathLike, FileSource, StandardInput)):
        return _from_file(loss, source_of(data), names)
    if isinstance(data, Mapping) or is_table(data):
        return _from_mapping(loss, as_mapping(data, "data", _SHOULD), "data")
    raise UsageError(
        "data should map the name of each column to its values, or be the path of a .csv or .npz file, "
        f"not {type(data).__name__}"
    )


def _without_data(data: object, n_points: float | None) -> Batch:
    empty = data is None or (isinstance(data, Mapping) and not data)
    if not empty or n_points is not None:
        raise UsageError("the loss has no data symbols: leave out the data and the number of samples")
    return Batch({}, 1, "no data")


def _default(loss: Loss) -> Batch:
    if loss.default_data is None:
        names = ", ".join(loss.data)
        raise UsageError(f"the loss has no data of its own: give values for {names}, or a number of samples")
    return _from_mapping(loss, as_mapping(loss.default_data(), "default data", _SHOULD), "default data")


def _from_file(loss: Loss, source: Source, names: Mapping[str, str] | None) -> Batch:
    from diffexplore.inputs.table import read_table

    columns = read_table(source, loss.data, names)
    return Batch(columns, check_lengths(columns, str(source)), str(source))


def _from_mapping(loss: Loss, data: Mapping[str, Any], origin: str) -> Batch:
    columns = {}
    for name in loss.data:
        if name not in data:
            raise missing_column(name, data, origin)
        columns[name] = as_column(data[name], name, origin)
    return Batch(columns, check_lengths(columns, origin), origin)
