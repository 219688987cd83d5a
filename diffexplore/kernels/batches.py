"""The columns of data that a kernel reads: as they are, with nothing copied where that can be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from diffexplore.arguments import is_table
from diffexplore.checking.batch import make_batch
from diffexplore.errors import UsageError
from diffexplore.inputs.columns import (
    as_column,
    check_lengths,
    check_shape,
    is_computed_in,
    is_tensor,
    missing_column,
    side_by_side,
)
from diffexplore.loss import Loss

_ORIGIN = "data"

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16))


@dataclass(frozen=True, eq=False)
class Columns:
    """Tensors of shape (n,) on one device, by name; ``numpy`` says whether the results are to be NumPy arrays.

    ``files`` is None, or says where the columns are of which slices can be read, but which are not in memory.
    """

    tensors: Mapping[str, torch.Tensor]
    n: int
    numpy: bool
    files: str | None = None

    @property
    def device(self) -> torch.device:
        return next((one.device for one in self.tensors.values()), torch.device("cpu"))

    @property
    def bytes(self) -> int:
        """Bytes of one sample."""
        return sum(one.element_size() for one in self.tensors.values())

    def given(self, output: torch.Tensor) -> Any:
        """A tensor as the user has data."""
        return output.contiguous().numpy(force=True) if self.numpy else output

    def numbers(self, outputs: Sequence[torch.Tensor]) -> list[Any]:
        """Tensors of shape () as numbers, with one wait for the device, and those of shape (n,) as the data are."""
        scalars = [one for one in outputs if one.dim() == 0]
        here = scalars[0].device if scalars else self.device
        numbers = iter(torch.stack([one.to(here, torch.float64) for one in scalars]).tolist() if scalars else ())
        return [next(numbers) if one.dim() == 0 else self.given(one) for one in outputs]

    def check_finite(self, besides: Container[str] = ()) -> None:
        """Raises :class:`UsageError` that names the column and row of an entry that is not finite, if there is one.

        Of the columns ``besides`` that is known, or seen later.
        """
        for name, tensor in self.tensors.items():
            if name not in besides and not math.isfinite(float(tensor.sum())):  # which may also overflow
                as_column(tensor, name, _ORIGIN)


def columns_of(loss: Loss, data: Any) -> Columns:
    """The columns of ``data``, a mapping, table or path; of None, the default data of the loss.

    Raises :class:`UsageError` for what cannot be used. Whether the entries are finite is not looked at here.
    """
    if loss.data and (isinstance(data, Mapping) or is_table(data)):
        found = {}
        for name in loss.data:
            if name not in data:
                raise missing_column(name, data, _ORIGIN)
            found[name] = _column(data[name], name)
        n = check_lengths(found, _ORIGIN)
    else:
        batch = make_batch(loss, data)
        found, n = dict(batch.columns), batch.n
        if not batch.in_memory:
            return Columns(batch.tensors(), n, True, batch.origin)
    if n == 0:
        raise UsageError(f"{_ORIGIN}: column {loss.data[0]!r} is empty: at least one row is needed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of arrays that must not be written to: nothing here writes
        tensors = {name: column if is_tensor(column) else torch.from_numpy(column) for name, column in found.items()}
    devices = {str(tensor.device) for tensor in tensors.values()}
    if len(devices) > 1:
        raise UsageError(f"{_ORIGIN}: the columns are on several devices, {', '.join(sorted(devices))}")
    return Columns(tensors, n, not any(map(is_tensor, found.values())))


def _column(values: Any, name: str) -> Any:
    if is_tensor(values) and is_computed_in(values) and values.layout == torch.strided and not values.is_meta:
        check_shape(tuple(values.shape), name, _ORIGIN)
        return values.detach().resolve_neg()
    if isinstance(values, np.ndarray) and values.dtype in _FLOATS and not isinstance(values, np.ma.MaskedArray):
        check_shape(values.shape, name, _ORIGIN)
        return side_by_side(values)
    return as_column(values, name, _ORIGIN)
