"""The columns that statistics are made of: data, and functions of the data alone, in double-double balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.double_functions import DOUBLE_CASES
from diffexplore.program.program import lower


class Generators:
    """Generators by their places: data symbols, and expressions in them."""

    def __init__(self, data: Sequence[str], generators: Sequence[sympy.Expr]) -> None:
        #: The name of the column for each generator that is one, and None for the others.
        self.columns = tuple(one.name if isinstance(one, sympy.Symbol) else None for one in generators)
        self._data = tuple(data)
        self._program = lower([one for one in generators if not isinstance(one, sympy.Symbol)], self._data)

    def __len__(self) -> int:
        return len(self.columns)

    def doubles(self, block: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The generators over a block, rounded to doubles."""
        return [ball.high for ball in self.balls(block)]

    def balls(self, block: Mapping[str, np.ndarray]) -> list[DoubleBall]:
        """The generators over a block of float64 columns, each of shape (rows,)."""
        if not self.columns:
            return []
        inputs = {name: exact(block[name]) for name in self._data}
        rows = len(next(iter(block.values())))
        with np.errstate(all="ignore"):
            computed = iter(self._program.run(DOUBLE_CASES, inputs)) if self._program.outputs else iter(())
        found = (inputs[name] if name is not None else next(computed) for name in self.columns)
        return [DoubleBall(*(np.broadcast_to(field, rows) for field in ball)) for ball in found]
