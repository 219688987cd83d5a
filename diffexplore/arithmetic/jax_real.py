"""Programs on JAX arrays, of any dtype, as a careful user of ``jax.numpy`` would write them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from diffexplore.arithmetic import sinc as sine_quotients
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant


def heaviside(x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    return jnp.heaviside(jax.lax.stop_gradient(x), 0.5)


def sinc(x: Any) -> Any:
    import jax.numpy as jnp

    # JAX differentiates the branch not taken too: its input is chosen first.
    inside = jnp.where(x != 0, x, 1)
    return jnp.where(x != 0, jnp.sin(inside) / inside, 1)


def dsinc(order: int, x: Any) -> Any:
    return sine_quotients.floating(operations(), order, x, lambda number, error: None)


@cache
def operations() -> Mapping[str, Callable[..., Any]]:
    """A function of JAX arrays for each operation; imports JAX."""
    import jax.numpy as jnp

    control: dict[str, Callable[..., Any]] = {
        "full_like": lambda x, number: jnp.full((), number, x.dtype),
        "where": jnp.where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
        "eq": operator.eq, "ne": operator.ne,
        "and": jnp.logical_and, "or": jnp.logical_or, "not": jnp.logical_not,
    }  # fmt: skip
    return implementations("jax", control)


class JaxArithmetic:
    """Constants stay Python numbers, which JAX casts to the dtype of the arrays (they are weakly typed)."""

    @property
    def operations(self) -> Mapping[str, Callable[..., Any]]:
        return operations()

    def constant(self, constant: Constant) -> float | int:
        return constant.as_number(2**31)  # JAX may read whole numbers as int32


JAX_ARRAYS = JaxArithmetic()
