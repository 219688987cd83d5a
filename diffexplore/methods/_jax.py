"""JAX's reverse mode: operation by operation, and compiled by XLA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.jax_real import JAX_ARRAYS
from diffexplore.methods._library import Gradient, LibraryMethod, as_numpy
from diffexplore.methods.problem import Problem


class JaxGradient(LibraryMethod):
    """``jax.grad`` of the loss; per sample ``vmap`` of it. ``compiled`` puts ``jax.jit`` around either."""

    title = "JAX"

    def __init__(self, *, compiled: bool) -> None:
        super().__init__()
        self._compiled = compiled

    def operations(self, dtype: torch.dtype) -> Mapping[str, Any]:
        return JAX_ARRAYS.operations

    def scope(self) -> AbstractContextManager[Any]:
        """64 bits, which JAX else rounds to 32: for as long as it computes for diffexplore, and on the CPU."""
        import jax

        return _Scope(jax)

    def array(self, tensor: Tensor) -> Any:
        import jax.numpy as jnp

        return jnp.asarray(as_numpy(tensor))

    def numbers(self, array: Any) -> np.ndarray:
        return np.asarray(array).astype(np.float64)

    def finished(self, outputs: Sequence[Any]) -> Sequence[Any]:
        for output in outputs:
            output.block_until_ready()
        return outputs

    def reduced_gradient(self, problem: Problem) -> Gradient:
        import jax
        import jax.numpy as jnp

        reduce = jnp.mean if problem.loss.reduction == "mean" else jnp.sum
        data = [problem.inputs.index(name) for name in problem.loss.data]

        def loss(*arrays: Any) -> Any:
            shape = arrays[data[0]].shape if data else (1,)
            return reduce(jnp.broadcast_to(_summand(problem, arrays), shape))

        return self._finish(jax.grad(loss, argnums=_places(problem, problem.parameters)))

    def sample_gradients(self, problem: Problem) -> Gradient:
        import jax

        gradient = jax.grad(lambda *arrays: _summand(problem, arrays), argnums=_places(problem, problem.wrt))
        if problem.loss.data:
            gradient = jax.vmap(gradient, in_axes=tuple(0 if s in problem.loss.data else None for s in problem.inputs))
        return self._finish(gradient)

    def _finish(self, gradient: Gradient) -> Gradient:
        import jax

        compiled: Gradient = jax.jit(gradient) if self._compiled else gradient
        return compiled


class _Scope:
    """64-bit mode and the CPU, both for a ``with`` block alone."""

    def __init__(self, jax: Any) -> None:
        switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        self._wide = switch(True)
        self._device = jax.default_device(jax.devices("cpu")[0])

    def __enter__(self) -> None:
        self._wide.__enter__()
        self._device.__enter__()

    def __exit__(self, *error: object) -> None:
        self._device.__exit__(*error)
        self._wide.__exit__(*error)


def _summand(problem: Problem, arrays: Sequence[Any]) -> Any:
    import jax.numpy as jnp

    (out,) = problem.loss_program.run(JAX_ARRAYS, dict(zip(problem.inputs, arrays, strict=True)))
    return jnp.asarray(out, arrays[0].dtype)


def _places(problem: Problem, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(problem.inputs.index(name) for name in names)


GRAD, JIT = JaxGradient(compiled=False), JaxGradient(compiled=True)
