"""The data of a check: a column for each data symbol of the loss, from wherever the user has it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diffexplore.arguments import as_count, as_mapping, as_words, is_table, wrong
from diffexplore.errors import UsageError
from diffexplore.inputs.batches import Batch
from diffexplore.inputs.blocks import BLOCK, Blocks
from diffexplore.inputs.columns import Column, as_column, check_lengths, missing_column
from diffexplore.inputs.sources import FileSource, Source, StandardInput, source_of
from diffexplore.ranks.records import ALONE, Ranks

if TYPE_CHECKING:
    from diffexplore.inputs.stored import StoredTable
    from diffexplore.loss import Loss

__all__ = ["Batch", "make_batch", "open_batch"]

MOST_POINTS = 100_000_000

_SHOULD = "map the name of each column to its values"


def open_batch(
    path: str | os.PathLike[str], columns: Sequence[str] | str | Mapping[str, str] | None = None,
    *, block: int = BLOCK, shared: bool = False,
) -> Batch:  # fmt: skip
    """The rows of a file, or of a folder of files, as data for every function that takes data.

    Args:
        path: a .parquet, .csv, .npz or .npy file, or a folder with files of one kind.
        columns: the names of the columns that are read, or a mapping from data symbols to the names of their columns;
            None reads all of them, which then have to be numbers.
        block: how many rows are read, differentiated and enclosed at a time; what is computed does not depend on the
            row groups of the file, but on this. More rows than that stay in the file.
        shared: whether the processes of torch.distributed's default group, which all have to call this and what uses
            the batch, share the blocks. Each of them gets the whole result, with the same bits as one process alone.

    Returns:
        A batch, which can be given as ``data``; iterating over it yields the rows a block at a time, as a float64 array
        of shape (rows,) for each column.

    Raises:
        UsageError: for files that cannot be read, and columns that are missing or hold no numbers. A number that is
            not finite is found when its rows are read.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise wrong("path", "the name of a file or a folder", path)
    rows = as_count(block, "the rows of a block", 1, MOST_POINTS)
    names = columns if isinstance(columns, Mapping) else None
    read = None if columns is None else list(columns) if names is not None else list(as_words(columns, "columns"))
    ranks = ALONE
    if shared:
        from diffexplore.ranks.exchange import joined

        ranks = joined()
    return stored_batch(source_of(path), read, names, rows, ranks)


def make_batch(
    loss: Loss,
    data: Mapping[str, Any] | str | os.PathLike[str] | Source | Batch | None = None,
    *,
    names: Mapping[str, str] | None = None,
    n_points: float | None = None,
    seed: int = 0,
    points: Sequence[Mapping[str, float]] = (),
    ranks: Ranks = ALONE,
) -> Batch:
    """The batch that ``loss`` is checked on.

    ``data`` maps the name of each data symbol to one finite real number a sample (sequence, array or tensor of
    shape (n,); further names are ignored), or is a file or a folder, in which ``names`` says which symbols have
    another name, see :func:`~diffexplore.inputs.table.open_table`, or what :func:`open_batch` gave. ``n_points`` draws
    that many synthetic samples instead, where the loss is defined at every one of ``points``, see
    :func:`~diffexplore.checking.synthetic.synthetic_columns`. With neither, the default data of the loss are taken.
    The samples are shared by ``ranks``, in blocks. Raises :class:`UsageError` for data that cannot be used.
    """
    if data is not None and n_points is not None:
        raise UsageError("give either data or a number of synthetic samples, not both")
    if not loss.data:
        return _without_data(data, n_points)
    if isinstance(data, Batch):
        return data.of(loss.data)
    if isinstance(data, (str, os.PathLike, FileSource, StandardInput)):
        return stored_batch(source_of(data), loss.data, names, BLOCK, ranks)
    return _shared(_in_memory(loss, data, n_points, seed, points), ranks)


def _in_memory(
    loss: Loss, data: Any, n_points: float | None, seed: int, points: Sequence[Mapping[str, float]]
) -> Batch:
    if n_points is not None:
        from diffexplore.checking.synthetic import synthetic_columns

        n = as_count(n_points, "the number of samples", 1, MOST_POINTS)
        return Batch(synthetic_columns(loss, n, seed, points), n, f"synthetic samples, seed {seed}")
    if data is None:
        return _default(loss)
    if isinstance(data, Mapping) or is_table(data):
        return _from_mapping(loss, as_mapping(data, "data", _SHOULD), "data")
    raise UsageError(
        "data should map the name of each column to its values, or be the path of a file or a folder, "
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


def stored_batch(
    source: Source, columns: Sequence[str] | None, names: Mapping[str, str] | None, size: int, ranks: Ranks
) -> Batch:
    """The rows of a file: in memory where they are a block, else where they are."""
    from diffexplore.inputs.table import fingerprints, open_table, reading

    def opened() -> StoredTable:
        return open_table(source, columns, names, size)

    def held() -> dict[str, Column]:
        with reading(source):
            return {**table.whole()} if table.n <= size else table.columns()

    table = ranks.everywhere(opened)
    if ranks.count > 1:
        ranks.agree("data", fingerprints(table))
    return Batch(ranks.everywhere(held), table.n, table.origin, Blocks(table.n, size, ranks))


def _shared(batch: Batch, ranks: Ranks) -> Batch:
    """A batch in memory, which several processes share in blocks; one process takes it as a whole."""
    return batch if ranks.count == 1 else replace(batch, blocks=Blocks(batch.n, BLOCK, ranks))


def _from_mapping(loss: Loss, data: Mapping[str, Any], origin: str) -> Batch:
    columns = {}
    for name in loss.data:
        if name not in data:
            raise missing_column(name, data, origin)
        columns[name] = as_column(data[name], name, origin)
    return Batch(columns, check_lengths(columns, origin), origin)
