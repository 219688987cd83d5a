"""The columns that statistics are made of: data, and functions of the data alone, in double-double balls.

What double-double arithmetic leaves open (functions that it lacks, numbers near the ends of the doubles) Arb computes,
row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import CASES
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact
from diffexplore.arithmetic.double_functions import DOUBLE_CASES
from diffexplore.program.program import lower

#: Bits in which Arb computes what is left to it: those of two doubles, and some.
_BITS = 160

#: What is smaller is enclosed by a ball around 0, for its second double may not be a normal number.
_TINY = arb(2) ** -900


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
        balls = [DoubleBall(*(np.broadcast_to(field, rows) for field in ball)) for ball in found]
        return self._completed(balls, block) if self._program.outputs else balls

    def _completed(self, balls: list[DoubleBall], block: Mapping[str, np.ndarray]) -> list[DoubleBall]:
        """The balls with those that are not finite computed by Arb, up to the first row that has no finite value."""
        places = [place for place, name in enumerate(self.columns) if name is None]
        known = [np.isfinite(balls[place].high) & np.isfinite(balls[place].radius) for place in places]
        left = np.flatnonzero(~np.logical_and.reduce(known))
        if not len(left):
            return balls
        for place in places:
            balls[place] = DoubleBall(*(np.array(field) for field in balls[place]))
        for row in left.tolist():
            for place, output in zip(places, self._in_arb(block, row), strict=True):
                if not output.is_finite():
                    return balls
                for field, number in zip(balls[place], _as_doubles(output), strict=True):
                    field[row] = number
        return balls

    def _in_arb(self, block: Mapping[str, np.ndarray], row: int) -> list[arb]:
        with precision(_BITS):
            found: list[arb] = self._program.run(CASES, {name: arb(float(block[name][row])) for name in self._data})
        return found


def _as_doubles(ball: arb) -> DoubleBall:
    """A finite number as a ball of doubles; infinite where it is beyond them."""
    if abs(ball) < _TINY:
        return enclosing(arb(0, abs(ball).upper()))
    return enclosing(ball)
