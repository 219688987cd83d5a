"""What other checkers say of the same functions, each with its defaults."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.candidates import differentiable, given_at, planted_gradient
from benchmarks.planted import Kind
from benchmarks.scenes import Scene
from diffexplore.program.program import Constant

#: What a checker says: that the gradient is right, that it is not, or that it does not take such an input.
ACCEPTS, REJECTS = "accepts", "rejects"
Rival = Callable[[Scene, Kind], "str | None"]

#: Slow mode evaluates the function twice for each entry of its inputs.
_MOST_SLOW = 1_000


def gradcheck_slow(scene: Scene, kind: Kind) -> str | None:
    return _gradcheck(scene, kind, fast=False) if scene.key.n <= _MOST_SLOW else None


def gradcheck_fast(scene: Scene, kind: Kind) -> str | None:
    return _gradcheck(scene, kind, fast=True)


def _gradcheck(scene: Scene, kind: Kind, *, fast: bool) -> str | None:
    if kind.value_only or kind.key == "loss doubled":
        return None  # it is not told what the loss should be
    given = given_at(scene, kind)
    leaves = [given.values[name].clone().requires_grad_() for name in given.names]
    function = differentiable(kind, given.problem, dict(given.values))
    module = importlib.import_module("torch.autograd.gradcheck")
    # When fast mode has rejected, it runs slow mode for the text of its message, for hours on the largest batch.
    without_message = patch.object(module, "_run_slow_mode_and_get_error", return_value="")
    with warnings.catch_warnings(), without_message:
        warnings.simplefilter("ignore")  # that inputs are not of double precision
        try:
            check = torch.autograd.gradgradcheck if kind.modes else torch.autograd.gradcheck
            accepted = check(function, leaves, fast_mode=fast, raise_exception=True)
        except Exception:  # a verdict comes as one of several exceptions, and so does what it cannot compute
            return REJECTS
    return ACCEPTS if accepted else REJECTS


@cache
def jax_missing() -> str | None:
    """Why jax.test_util.check_grads cannot be called; None where it can."""
    try:
        import jax
        import jax.test_util
    except ImportError as error:
        return f"jax is not installed ({error})"
    jax.config.update("jax_enable_x64", True)
    return None


def jax_check_grads(scene: Scene, kind: Kind) -> str | None:
    """First order, in reverse mode: the only one that a function with its own backward has."""
    if jax_missing() or kind.value_only or kind.key == "loss doubled" or kind.form == "output" or kind.modes:
        return None
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    given = given_at(scene, kind)
    planted = planted_gradient(kind, given)
    values = {name: _to_jax(tensor) for name, tensor in given.values.items()}
    gradient = tuple(_to_jax(planted[name]) for name in given.names)
    program, mean = given.problem.loss_program, given.problem.loss.reduction == "mean"

    @jax.custom_vjp
    def loss(*inputs: Any) -> Any:
        (summands,) = program.run(_Jax(), {**values, **dict(zip(given.names, inputs, strict=True))})
        return jnp.mean(summands) if mean else jnp.sum(summands)

    loss.defvjp(
        lambda *inputs: (loss(*inputs), None),
        lambda _, upstream: tuple(partial * upstream for partial in gradient),
    )
    try:
        check_grads(loss, tuple(values[name] for name in given.names), order=1, modes=["rev"])
    except Exception:  # its verdict is an assertion; what it cannot compute is no acceptance either
        return REJECTS
    return ACCEPTS


def _to_jax(tensor: torch.Tensor) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(tensor.detach().double().numpy(), dtype=str(tensor.dtype).removeprefix("torch."))


class _Jax:
    """The operations of the losses at hand, in JAX."""

    @property
    def operations(self) -> dict[str, Any]:
        import operator

        import jax
        import jax.numpy as jnp

        return {
            "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
            "neg": operator.neg, "pow": operator.pow, "abs": jnp.abs, "sqrt": jnp.sqrt, "exp": jnp.exp,
            "log": jnp.log, "log1p": jnp.log1p, "cosh": jnp.cosh, "tanh": jnp.tanh, "where": jnp.where,
            "le": operator.le, "lt": operator.lt, "ge": operator.ge, "gt": operator.gt,
            "softplus": jax.nn.softplus, "sigmoid": jax.nn.sigmoid,
            "full_like": lambda x, constant: jnp.full_like(x, constant),
        }  # fmt: skip

    def constant(self, constant: Constant) -> float | int:
        return int(constant.exact) if constant.exact.is_Integer else constant.nearest


RIVALS: dict[str, Rival] = {
    "gradcheck slow": gradcheck_slow,
    "gradcheck fast": gradcheck_fast,
    "jax check_grads": jax_check_grads,
}
