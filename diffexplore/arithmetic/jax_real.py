"""Programs on JAX arrays, of any dtype, as a careful user of ``jax.numpy`` would write them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from diffexplore.arithmetic import sinc
from diffexplore.program.program import Constant


@cache
def operations() -> Mapping[str, Callable[..., Any]]:
    """A function of JAX arrays for each operation; imports JAX."""
    import jax
    import jax.numpy as jnp
    from jax.scipy import special

    def heaviside(x: Any) -> Any:
        return jnp.heaviside(jax.lax.stop_gradient(x), 0.5)

    def where_nonzero(x: Any) -> Any:
        # JAX differentiates the branch not taken too: its input is chosen first.
        inside = jnp.where(x != 0, x, 1)
        return jnp.where(x != 0, jnp.sin(inside) / inside, 1)

    found: dict[str, Callable[..., Any]] = {
        "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
        "pow": jnp.power, "sqrt": jnp.sqrt, "abs": jnp.abs, "sign": jnp.sign, "heaviside": heaviside,
        "floor": jnp.floor, "ceil": jnp.ceil, "trunc": jnp.trunc, "round": jnp.round,
        "max": jnp.maximum, "min": jnp.minimum,
        "exp": jnp.exp, "expm1": jnp.expm1, "log": jnp.log, "log1p": jnp.log1p,
        "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan, "sinc": where_nonzero,
        "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "atan2": jnp.arctan2,
        "sinh": jnp.sinh, "cosh": jnp.cosh, "tanh": jnp.tanh,
        "asinh": jnp.arcsinh, "acosh": jnp.arccosh, "atanh": jnp.arctanh,
        "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv,
        "gamma": special.gamma, "lgamma": special.gammaln, "digamma": special.digamma, "polygamma": special.polygamma,
        "sigmoid": jax.nn.sigmoid, "softplus": lambda x: jnp.logaddexp(x, jnp.zeros_like(x)),
        "full_like": lambda x, number: jnp.full((), number, x.dtype),
        "where": jnp.where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
        "eq": operator.eq, "ne": operator.ne,
        "and": jnp.logical_and, "or": jnp.logical_or, "not": jnp.logical_not,
    }  # fmt: skip
    return found | {"dsinc": lambda order, x: sinc.floating(found, order, x, lambda number, error: None)}


class JaxArithmetic:
    """Constants stay Python numbers, which JAX casts to the dtype of the arrays (they are weakly typed)."""

    @property
    def operations(self) -> Mapping[str, Callable[..., Any]]:
        return operations()

    def constant(self, constant: Constant) -> float | int:
        exact = constant.exact
        if exact.is_Integer and abs(int(exact)) <= 2**31:  # JAX may read whole numbers as int32
            return int(exact)
        return constant.nearest


JAX_ARRAYS = JaxArithmetic()
