"""Programs on NumPy arrays.

NumPy has no error, gamma or digamma function: those that Python's math module has are applied value by value (in
double precision, then rounded to the dtype of the array); a program that needs another one cannot run.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from diffexplore.arithmetic import sinc as sine_quotients
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant


def _by_value(function: Callable[[float], float]) -> Callable[[Any], Any]:
    def guarded(x: float) -> float:
        try:
            return function(x)
        except OverflowError:  # of lgamma, and of gamma right of 0: both are positive there
            return math.inf
        except ValueError:
            return math.nan

    vectorised = np.vectorize(guarded, otypes=[np.float64])
    return lambda x: vectorised(x).astype(np.asarray(x).dtype)


erf, erfc, gamma, lgamma = map(_by_value, (math.erf, math.erfc, math.gamma, math.lgamma))


def softplus(x: Any) -> Any:
    return np.logaddexp(x, np.zeros((), np.asarray(x).dtype))


def sinc(x: Any) -> Any:
    inside = np.where(x != 0, x, np.ones((), np.asarray(x).dtype))
    return np.where(x != 0, np.sin(inside) / inside, np.ones((), np.asarray(x).dtype))


def dsinc(order: int, x: Any) -> Any:
    return sine_quotients.floating(OPERATIONS, order, x, lambda number, error: None)


def _where(condition: Any, taken: Any, otherwise: Any) -> Any:
    dtype = next((value.dtype for value in (taken, otherwise) if hasattr(value, "dtype")), None)
    chosen = np.where(condition, taken, otherwise)
    return chosen if dtype is None else chosen.astype(dtype)


_CONTROL: dict[str, Callable[..., Any]] = {
    "full_like": lambda x, constant: np.full((), constant, np.asarray(x).dtype),
    "where": _where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "eq": operator.eq, "ne": operator.ne, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
}  # fmt: skip

OPERATIONS = implementations("numpy", _CONTROL)


class NumpyArithmetic:
    """Constants stay Python numbers, which NumPy casts to the dtype of the arrays."""

    operations = OPERATIONS

    def constant(self, constant: Constant) -> float | int:
        return constant.as_number()


NUMPY = NumpyArithmetic()
