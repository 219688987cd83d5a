"""The fast truth: whole vectors of samples in double-double balls, and which of them need Arb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.double_branches import decision
from diffexplore.arithmetic.double_double import Number
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.program.program import Program

#: Samples computed at a time: their dozens of intermediate vectors stay in the cache, and off the kernel's pages.
BLOCK = 16_384


@dataclass(frozen=True)
class Tightness:
    """When an enclosure is tight enough: its radius is below ``relative`` of its size, or below ``absolute``."""

    relative: float
    absolute: float

    def holds(self, ball: DoubleBall, negligible: np.ndarray | None) -> np.ndarray:
        """Which balls of a vector are tight enough; a size below ``negligible`` is as well.

        A zero counts only where it is proved to be one: Arb may prove it where double-double does not.
        """
        size = np.abs(ball.high)
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
    return ball._replace(radius=ball.radius + np.abs(ball.high) * _NEARBY + _NEARBY_ZERO)


class VectorProgram:
    """A program in double-double balls, over blocks of samples."""

    def __init__(self, program: Program, reading: RunningMode, fixed: Mapping[str, float], data: Sequence[str]) -> None:
        self._staged = StagedProgram(program, reading, fixed, data)
        with np.errstate(all="ignore"):
            self._staged.prepare()

    def blocks(self, columns: Mapping[str, np.ndarray], n: int) -> Iterator[tuple[slice, list[DoubleBall]]]:
        """The outputs for ``n`` samples, a block at a time, as balls of vectors (conditions are left as they are)."""
        for first in range(0, n, BLOCK):
            here = slice(first, min(first + BLOCK, n))
            with np.errstate(all="ignore"):
                yield here, self._staged([columns[name][here] for name in self._staged.varying])

    def finite(self, columns: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        """At which samples every output is proved to be one real number, with all branches decided (bool)."""
        found = np.zeros(n, np.bool_)
        for here, outputs in self.blocks(columns, n):
            found[here] = np.all([np.broadcast_to(np.isfinite(out.radius), found[here].shape) for out in outputs], 0)
        return found

    def conditions(self, columns: Mapping[str, np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
        """At which samples some condition certainly fails, and at which Arb may know more (bool)."""
        fails, open_ = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        for here, outputs in self.blocks(columns, n):
            for condition in map(decision, outputs):
                fails[here] |= condition.fails
                open_[here] |= ~np.asarray(condition.settled)
        return fails, open_ & ~fails


def spread(ball: DoubleBall, n: int) -> DoubleBall:
    """A ball of vectors of length ``n``."""
    return DoubleBall(*(np.broadcast_to(field, n) for field in ball))


def only(ball: DoubleBall, kept: np.ndarray) -> DoubleBall:
    """The balls of a vector that are ``kept``, and exact zeros for the others."""
    if kept.all():
        return ball
    return DoubleBall(*(np.where(kept, field, 0.0) for field in ball))
