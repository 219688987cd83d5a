"""How good a number is, in two measures: its correct digits, and the share of what is allowed."""

from __future__ import annotations

import math

from diffexplore.checking.records import Row
from diffexplore.floating_point import format_of


def correct_digits(row: Row, dtype: str) -> float | None:
    """−log10 of the relative error: how many leading decimal digits of the value are right, from 0 to all of them.

    All of them (17 in float64) is also what a value has whose error is 0, or so small that the
    truth's enclosure does not tell it from 0: an error counts at least as much as the enclosure's radius. A value that
    is off by more than the truth itself has 0 digits. None where there is no relative error: no value or no truth, or
    a truth that is 0 or counts as 0.
    """
    if row.error_rel is None or row.error_abs is None or row.truth is None:
        return None
    size, radius = abs(float(row.truth.mid)), float(row.truth.rad)
    most = float(format_of(dtype).digits)
    relative = max(row.error_rel, radius / size if size else 0.0)
    return min(most, max(0.0, -math.log10(relative))) if relative > 0 else most


def share_of_allowed(row: Row) -> float | None:
    """The error as a part of what is allowed: beyond 1 the row fails, infinite where nothing is allowed.

    None where there is no error or no bound to be compared.
    """
    if row.error_abs is None or row.bound is None:
        return None
    if row.bound == 0:
        return math.inf if row.error_abs > 0 else 0.0
    return row.error_abs / row.bound
