"""The fast truth: whole vectors of samples in double-double balls, and which of them need Arb.

The vectors are NumPy's, or tensors of a device that computes the same bits (:mod:`diffexplore.checking.device_truth`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.double_balls import DoubleBall, exact, joined, part, total
from diffexplore.arithmetic.double_branches import decision
from diffexplore.arithmetic.double_double import Number
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.program.program import Program

#: Samples computed at a time, and added up: their dozens of intermediate vectors stay in the cache, and off the
#: kernel's pages. A device computes all that it is given at a time, and adds up the same ones.
BLOCK = 16_384


@dataclass(frozen=True)
class Tightness:
    """When an enclosure is tight enough: its radius is below ``relative`` of its size, or below ``absolute``."""

    relative: float
    absolute: float

    def holds(self, ball: DoubleBall, negligible: Number | None) -> Number:
        """Which balls of a vector are tight enough; a size below ``negligible`` is as well.

        A zero counts only where it is proved to be one: Arb may prove it where double-double does not.
        """
        size = abs(ball.high)
        tight = (ball.radius <= size * self.relative) | (ball.radius <= self.absolute)
        if negligible is not None:
            tight |= size + ball.radius <= negligible
        return tight & (ball.high != 0) | (ball.radius == 0)


#: Half the width of the interval about a number over which a loss has to be smooth, relative to it, and beside 0.
_NEARBY = 2.0**-120
_NEARBY_ZERO = 2.0**-1000


def nearby(values: Number) -> DoubleBall:
    """Doubles with all numbers next to them."""
    ball = exact(values)
    return ball._replace(radius=ball.radius + abs(ball.high) * _NEARBY + _NEARBY_ZERO)


class VectorProgram:
    """A program in double-double balls, over blocks of samples."""

    def __init__(self, program: Program, reading: RunningMode, fixed: Mapping[str, float], data: Sequence[str]) -> None:
        self._staged = StagedProgram(program, reading, fixed, data)
        with np.errstate(all="ignore"):
            self._staged.prepare()

    def blocks(self, columns: Mapping[str, Number], n: int) -> Iterator[tuple[slice, list[DoubleBall]]]:
        """The outputs for ``n`` samples, a block at a time, as balls of vectors (conditions are left as they are)."""
        size = max(n, 1) if vectors.of_torch(*columns.values()) else BLOCK
        for first in range(0, n, size):
            here = slice(first, min(first + size, n))
            values = [vectors.section(columns[name], here.start, here.stop) for name in self._staged.varying]
            with np.errstate(all="ignore"):
                yield here, self._staged(values)

    def finite(self, columns: Mapping[str, Number], n: int) -> np.ndarray:
        """At which samples every output is proved to be one real number, with all branches decided (bool)."""
        found = np.zeros(n, np.bool_)
        for here, outputs in self.blocks(columns, n):
            found[here] = vectors.host(vectors.both(*(vectors.isfinite(out.radius) for out in outputs)))
        return found

    def conditions(self, columns: Mapping[str, Number], n: int) -> tuple[np.ndarray, np.ndarray]:
        """At which samples some condition certainly fails, and at which Arb may know more (bool)."""
        fails, open_ = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        for here, outputs in self.blocks(columns, n):
            for condition in map(decision, outputs):
                fails[here] |= vectors.host(condition.fails)
                open_[here] |= ~np.asarray(vectors.host(condition.settled))
        return fails, open_ & ~fails


def spread(ball: DoubleBall, n: int, like: Number = 0.0) -> DoubleBall:
    """A ball of vectors of length ``n``, of the library and on the device of ``like``."""
    return DoubleBall(*(vectors.spread_over(field, n, like) for field in ball))


def only(ball: DoubleBall, kept: Number) -> DoubleBall:
    """The balls of a vector that are ``kept``, and exact zeros for the others."""
    if vectors.surely(kept):
        return ball
    return DoubleBall(*(vectors.where(kept, field, 0.0) for field in ball))


def totals(ball: DoubleBall) -> DoubleBall:
    """The sums of every ``BLOCK`` balls of a vector, on the host."""
    n = len(ball.high)
    full = n // BLOCK * BLOCK
    blocks = DoubleBall(*(vectors.section(field, 0, full).reshape(-1, BLOCK).T for field in ball))
    parts = [total(blocks)] if full else []
    if full < n:
        rest = total(part(ball, full, n))
        parts.append(DoubleBall(*(field.reshape(1) for field in rest)))
    return DoubleBall(*vectors.on_the_host(joined(*parts)))
