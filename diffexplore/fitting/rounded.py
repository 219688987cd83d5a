"""The columns of a batch as a dtype holds them, as float64 arrays: those in files are rounded as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from diffexplore.errors import UsageError
from diffexplore.inputs.batches import Batch


class RoundedColumn:
    """A column in files, of which slices are read, and rounded."""

    def __init__(self, name: str, column: Tensor, dtype: torch.dtype) -> None:
        self._name = name
        self._column = column
        self._dtype = dtype

    def __getitem__(self, here: slice) -> np.ndarray:
        return _rounded(self._name, self._column[here], self._dtype)


def rounded_columns(batch: Batch, dtype: torch.dtype) -> Mapping[str, np.ndarray]:
    """The columns, or what gives their rows. Raises :class:`UsageError` for numbers beyond the range of the dtype."""
    found: dict[str, Any] = {}
    if not batch.in_memory and dtype == torch.float64:
        return cast("dict[str, np.ndarray]", dict(batch.columns))
    for name, column in batch.tensors().items():
        found[name] = _rounded(name, column, dtype) if batch.in_memory else RoundedColumn(name, column, dtype)
    return cast("dict[str, np.ndarray]", found)


def _rounded(name: str, column: Tensor, dtype: torch.dtype) -> np.ndarray:
    rounded = column.to(dtype).to(torch.float64).cpu().numpy()
    if not np.isfinite(rounded).all():
        raise UsageError(f"column {name!r} has numbers beyond the range of {str(dtype).removeprefix('torch.')}")
    return rounded
