"""Columns of data: what a user hands over, checked and made one number a sample."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from diffexplore.arguments import shown
from diffexplore.errors import UsageError
from diffexplore.floating_point import FLOAT_FORMATS, dtype_name
from diffexplore.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch

#: One number a sample: a float64 array, or a floating-point tensor of the user's dtype and device.
Column: TypeAlias = "npt.NDArray[np.float64] | torch.Tensor"

_LONGEST = 100  # longer names are mistaken for nothing
_LISTED = 8  # names that a message lists before it says how many more there are


def as_column(values: Any, name: str, origin: str, first: int = 0) -> Column:
    """``values`` as a column: a float64 array of shape (n,), or the tensor as given, detached.

    Integers, booleans and floats of 8 bits become float64. ``first`` is how many rows of the column come before these.
    Raises :class:`UsageError` that begins with ``origin`` and names the column, and the row where one is to blame, for
    anything but a one-dimensional run of finite real numbers.
    """
    column = _from_tensor(values, name, origin) if is_tensor(values) else _from_array(values, name, origin, first)
    if len(column) == 0:
        raise UsageError(f"{origin}: column {name!r} is empty: at least one row is needed")
    _check_finite(column, name, origin, first)
    return column


def is_tensor(value: Any) -> bool:
    """Whether ``value`` is a torch tensor, found out without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_computed_in(tensor: torch.Tensor) -> bool:
    """Whether there is arithmetic in the dtype of a tensor: not in integers, and not in floats of 8 bits."""
    return dtype_name(tensor.dtype) in FLOAT_FORMATS


def check_lengths(columns: Mapping[str, Column], origin: str) -> int:
    """The common length of ``columns``; :class:`UsageError` with two of the lengths where they differ."""
    lengths = {name: len(column) for name, column in columns.items()}
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise UsageError(
                f"{origin}: column {first!r} has {n} rows but column {name!r} has {length}: "
                "every column needs one value for each sample"
            )
    return n


def missing_column(name: str, available: Iterable[Any], origin: str) -> UsageError:
    """The error for a column that is not there, with the one that may be meant."""
    names = [str(other) for other in available]
    short = [other for other in names if len(other) <= _LONGEST]
    hint = did_you_mean(name, short) or f"its columns are {_listed(names)}"
    return UsageError(f"{origin}: no column {name!r}: {hint}")


def row_error(origin: str, row: int, locator: str, name: str, problem: str) -> UsageError:
    """The error for one cell: ``row`` counts from 1, ``locator`` says the same in the terms of the source."""
    return UsageError(f"{origin}: row {row} ({locator}), column {name!r}: {problem}")


def _listed(names: list[str]) -> str:
    if not names:
        return "none"
    rest = len(names) - _LISTED
    listed = (name if name.isprintable() and len(name) <= 40 else shown(name) for name in names[:_LISTED])
    return ", ".join(listed) + (f" and {rest} more" if rest > 0 else "")


def _from_tensor(tensor: torch.Tensor, name: str, origin: str) -> torch.Tensor:
    import torch

    if tensor.is_meta or tensor.layout != torch.strided:
        raise UsageError(f"{origin}: column {name!r} is not a dense tensor with values")
    check_shape(tuple(tensor.shape), name, origin)
    if tensor.is_complex():
        raise _complex_error(name, origin)
    tensor = tensor.detach().resolve_neg()
    return tensor if is_computed_in(tensor) else tensor.to(torch.float64)


def _from_array(values: Any, name: str, origin: str, first: int) -> npt.NDArray[np.float64]:
    try:
        array = np.asarray(values)
    except ValueError:  # nested sequences of unequal lengths
        raise UsageError(f"{origin}: column {name!r} is nested: it needs one number for each sample") from None
    check_shape(array.shape, name, origin)
    if array.dtype.kind == "c":
        raise _complex_error(name, origin)
    if np.ma.is_masked(values):
        row = first + int(np.flatnonzero(np.ma.getmaskarray(values))[0])
        raise _blame(origin, row, name, "the value is masked")
    if array.dtype.kind not in "buif":
        # The values as given: NumPy turns the numbers beside a text into texts.
        array = np.array([_number(value, row, name, origin) for row, value in enumerate(values, first)])
    with np.errstate(over="ignore"):  # an extended-precision number beyond float64 is reported as infinite
        # Contiguous and writable, so that a tensor can share its memory.
        return side_by_side(np.require(array, np.float64, ["C", "W"]))


def side_by_side(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A column whose numbers lie in memory as a tensor's do; a copy where they do not.

    NumPy takes a single number for contiguous whatever the stride to the next one, torch does not.
    """
    plain = column.strides == (column.itemsize,) and column.flags.aligned
    return column if plain else column.copy()


def _number(value: Any, row: int, name: str, origin: str) -> float:
    if not isinstance(value, (Real, Decimal)):
        raise _blame(origin, row, name, f"{shown(value)} is not a real number")
    try:
        return float(value)
    except OverflowError:
        raise _blame(origin, row, name, "the number is too large for float64") from None


def check_shape(shape: tuple[int, ...], name: str, origin: str) -> None:
    """Raises :class:`UsageError` for a shape other than (n,)."""
    if len(shape) != 1:
        raise UsageError(
            f"{origin}: column {name!r} has {len(shape)} dimensions, shape {shape}: "
            "it needs one number for each sample, shape (n,)"
        )


def _complex_error(name: str, origin: str) -> UsageError:
    return UsageError(f"{origin}: column {name!r} is complex: data is real")


def _check_finite(column: Column, name: str, origin: str, first: int) -> None:
    if isinstance(column, np.ndarray):
        finite = np.isfinite(column)
        if finite.all():
            return
        row = int(np.argmin(finite))
    else:
        finite_tensor = column.isfinite()
        if finite_tensor.all():
            return
        row = int(finite_tensor.int().argmin())
    raise _blame(origin, first + row, name, f"{float(column[row])} is not finite")


def _blame(origin: str, index: int, name: str, problem: str) -> UsageError:
    return row_error(origin, index + 1, f"index {index}", name, problem)
