"""Programs on TensorFlow tensors of one dtype. TensorFlow has no gamma function, only log|Γ|."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from diffexplore.arithmetic import sinc as sine_quotients
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant


def heaviside(x: Any) -> Any:
    import tensorflow as tf

    return tf.where(x == 0, tf.cast(0.5, x.dtype), tf.cast(x > 0, x.dtype))


def sinc(x: Any) -> Any:
    import tensorflow as tf

    # TensorFlow differentiates the branch not taken too: its input is chosen first.
    inside = tf.where(x != 0, x, tf.ones_like(x))
    return tf.where(x != 0, tf.sin(inside) / inside, tf.ones_like(x))


def trunc(x: Any) -> Any:
    import tensorflow as tf

    return tf.sign(x) * tf.floor(tf.abs(x))


def dsinc(order: int, x: Any) -> Any:
    return sine_quotients.floating(operations(x.dtype.name), order, x, lambda number, error: None)


@cache
def operations(dtype: str) -> Mapping[str, Callable[..., Any]]:
    """A function of TensorFlow tensors of a dtype for each operation; imports TensorFlow.

    Python numbers become tensors of the dtype: TensorFlow would make them of float32.
    """
    import tensorflow as tf

    def of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *operands: function(*(tf.convert_to_tensor(operand, dtype) for operand in operands))

    def of_conditions(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *conditions: function(*(tf.cast(condition, tf.bool) for condition in conditions))

    def where(condition: Any, taken: Any, otherwise: Any) -> Any:
        if isinstance(condition, int):
            return taken if condition else otherwise
        return tf.where(condition, *(tf.convert_to_tensor(branch, dtype) for branch in (taken, otherwise)))

    control: dict[str, Callable[..., Any]] = {
        "full_like": lambda x, number: tf.constant(number, dtype),
        "where": where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
        "eq": of_tensors(tf.equal), "ne": of_tensors(tf.not_equal),
        "and": of_conditions(tf.logical_and), "or": of_conditions(tf.logical_or), "not": of_conditions(tf.logical_not),
    }  # fmt: skip
    table = implementations("tensorflow", control)
    return table | {name: of_tensors(table[name]) for name in _OF_TENSORS}


#: Functions of several numbers of which TensorFlow wants each to be a tensor.
_OF_TENSORS = ("pow", "max", "min", "atan2", "polygamma")


class TensorflowArithmetic:
    """Constants stay Python numbers, which become tensors of ``dtype`` where they meet one."""

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    @property
    def operations(self) -> Mapping[str, Callable[..., Any]]:
        return operations(self._dtype)

    def constant(self, constant: Constant) -> float | int:
        return constant.as_number(2**31)
