"""Programs on TensorFlow tensors of one dtype. TensorFlow has no gamma function, only log|Γ|."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from diffexplore.arithmetic import sinc
from diffexplore.program.program import Constant


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

    def heaviside(x: Any) -> Any:
        return where(x == 0, 0.5, tf.cast(x > 0, dtype))

    def sine_over(x: Any) -> Any:
        # TensorFlow differentiates the branch not taken too: its input is chosen first.
        inside = where(x != 0, x, 1.0)
        return where(x != 0, tf.sin(inside) / inside, 1.0)

    def polygamma(order: int, x: Any) -> Any:
        return tf.math.polygamma(tf.cast(order, dtype), x)

    found: dict[str, Callable[..., Any]] = {
        "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
        "pow": of_tensors(tf.pow), "sqrt": tf.sqrt, "abs": tf.abs, "sign": tf.sign, "heaviside": heaviside,
        "floor": tf.floor, "ceil": tf.math.ceil, "trunc": lambda x: tf.sign(x) * tf.floor(tf.abs(x)),
        "round": tf.round,
        "max": of_tensors(tf.maximum), "min": of_tensors(tf.minimum),
        "exp": tf.exp, "expm1": tf.math.expm1, "log": tf.math.log, "log1p": tf.math.log1p,
        "sin": tf.sin, "cos": tf.cos, "tan": tf.tan, "sinc": sine_over,
        "asin": tf.asin, "acos": tf.acos, "atan": tf.atan, "atan2": of_tensors(tf.atan2),
        "sinh": tf.sinh, "cosh": tf.cosh, "tanh": tf.tanh,
        "asinh": tf.asinh, "acosh": tf.acosh, "atanh": tf.atanh,
        "erf": tf.math.erf, "erfc": tf.math.erfc, "erfinv": tf.math.erfinv,
        "lgamma": tf.math.lgamma, "digamma": tf.math.digamma, "polygamma": polygamma,
        "sigmoid": tf.sigmoid, "softplus": tf.math.softplus,
        "full_like": lambda x, number: tf.constant(number, dtype),
        "where": where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
        "eq": of_tensors(tf.equal), "ne": of_tensors(tf.not_equal),
        "and": of_conditions(tf.logical_and), "or": of_conditions(tf.logical_or), "not": of_conditions(tf.logical_not),
    }  # fmt: skip
    return found | {"dsinc": lambda order, x: sinc.floating(found, order, x, lambda number, error: None)}


class TensorflowArithmetic:
    """Constants stay Python numbers, which become tensors of ``dtype`` where they meet one."""

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    @property
    def operations(self) -> Mapping[str, Callable[..., Any]]:
        return operations(self._dtype)

    def constant(self, constant: Constant) -> float | int:
        exact = constant.exact
        if exact.is_Integer and abs(int(exact)) <= 2**31:
            return int(exact)
        return constant.nearest
