"""JAX's reverse mode, compiled by XLA."""

from diffexplore.methods._jax import JaxGradient

METHOD = JaxGradient(compiled=True)
