"""JAX's reverse mode, operation by operation."""

from diffexplore.methods._jax import JaxGradient

METHOD = JaxGradient(compiled=False)
