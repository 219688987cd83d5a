"""From a torch function to formulas: its graph and that of its backward pass, read into SymPy for every N."""

from diffexplore.tracing.declarations import Array, declare
from diffexplore.tracing.reading import loss_of
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import Traced

__all__ = ["Array", "Traced", "declare", "loss_of", "trace"]
