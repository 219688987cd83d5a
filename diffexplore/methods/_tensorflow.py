"""TensorFlow's GradientTape: operation by operation, and as a graph that tf.function traced."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.tensorflow_real import TensorflowArithmetic
from diffexplore.floating_point import dtype_name
from diffexplore.methods._library import Gradient, LibraryMethod, as_numpy
from diffexplore.methods.problem import Problem


class TensorflowGradient(LibraryMethod):
    """The gradient of the loss by a tape; per sample, that of all summands by copies of the parameters.

    ``compiled`` makes a ``tf.function`` of it: a graph, traced once for each kind of shape.
    """

    title = "TensorFlow"

    def __init__(self, *, compiled: bool) -> None:
        super().__init__()
        self._compiled = compiled

    def operations(self, dtype: torch.dtype) -> Mapping[str, Any]:
        return _arithmetic(dtype).operations

    def scope(self) -> AbstractContextManager[Any]:
        """The CPU, and no advice about retracing: a check has batches of many sizes."""
        return _quietly_on_the_cpu()

    def array(self, tensor: Tensor) -> Any:
        return _tensorflow().constant(as_numpy(tensor))

    def numbers(self, array: Any) -> np.ndarray:
        numbers: np.ndarray = array.numpy().astype(np.float64)
        return numbers

    def reduced_gradient(self, problem: Problem) -> Gradient:
        tf = _tensorflow()
        reduce = tf.reduce_mean if problem.loss.reduction == "mean" else tf.reduce_sum

        def gradient(*arrays: Any) -> Sequence[Any]:
            values = dict(zip(problem.inputs, arrays, strict=True))
            leaves = [values[name] for name in problem.parameters]
            with tf.GradientTape() as tape:
                tape.watch(leaves)
                loss = reduce(_summands(problem, values))
            found: Sequence[Any] = tape.gradient(loss, leaves, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return found

        return self._finish(gradient)

    def sample_gradients(self, problem: Problem) -> Gradient:
        tf = _tensorflow()

        def gradients(*arrays: Any) -> Sequence[Any]:
            values = dict(zip(problem.inputs, arrays, strict=True))
            shape = _shape(problem, values)
            leaves = {name: tf.broadcast_to(values[name], shape) for name in problem.wrt}
            with tf.GradientTape() as tape:
                tape.watch(list(leaves.values()))
                summands = _summands(problem, {**values, **leaves})
            found: Sequence[Any] = tape.gradient(
                summands, list(leaves.values()), unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return found

        return self._finish(gradients)

    def _finish(self, gradient: Gradient) -> Gradient:
        if not self._compiled:
            return gradient
        compiled: Gradient = _tensorflow().function(gradient, autograph=False, reduce_retracing=True)
        return compiled


@cache
def _tensorflow() -> Any:
    """The module. It and its devices greet on stderr when they are first used, which is no part of a report."""
    with _silent_stderr():
        import tensorflow

        tensorflow.constant(0.0)
    return tensorflow


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """What libraries in C++ write to the standard error of the process goes nowhere for the length of a block."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _quietly_on_the_cpu() -> Iterator[None]:
    tf = _tensorflow()
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with tf.device("/CPU:0"):
            yield
    finally:
        logger.setLevel(level)


def _arithmetic(dtype: torch.dtype) -> TensorflowArithmetic:
    _tensorflow()
    return TensorflowArithmetic(dtype_name(dtype))


def _shape(problem: Problem, values: Mapping[str, Any]) -> Any:
    return _tensorflow().shape(values[problem.loss.data[0]]) if problem.loss.data else (1,)


def _summands(problem: Problem, values: Mapping[str, Any]) -> Any:
    """The loss of each sample, of shape (n,)."""
    tf = _tensorflow()
    (out,) = problem.loss_program.run(_arithmetic(problem.dtype), values)
    return tf.broadcast_to(tf.convert_to_tensor(out, dtype_name(problem.dtype)), _shape(problem, values))


TAPE, FUNCTION = TensorflowGradient(compiled=False), TensorflowGradient(compiled=True)
