"""A wrong gradient, and what is known to explain it with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.tensors.diagnosis.recording import RecordedSweep

#: Predictions are computed in double precision, in a few operations.
_OWN = 2.0**-49


@dataclass(frozen=True, eq=False)
class GradientScene:
    """The gradient of one output by one input, for one upstream gradient.

    Attributes:
        value: what the backward gave, float64, in the shape of the input.
        bound: how far rounding may have moved each entry.
        truth: its exact value, as a ball.
        unit: the unit roundoff of the dtype.
        source: the place of the input among those that are differentiated by.
        sweep: the recorded forward; None where it could not be recorded.
        output: the shape of the output.
        distinct: the ways that bear on the input, once they were found.
        narrowed: the narrower dtypes in which the call computes; None where not all of its operations were seen.
    """

    value: np.ndarray
    bound: np.ndarray
    truth: DoubleBall
    unit: float
    source: int
    sweep: RecordedSweep | None
    output: tuple[int, ...] = ()
    distinct: list[Any] = field(default_factory=list)
    narrowed: frozenset[str] | None = None

    @cached_property
    def exact(self) -> np.ndarray:
        """The truth, rounded to float64; NaN where it is not known."""
        known = np.isfinite(self.truth.radius)
        return np.where(known, self.truth.high, np.nan)

    @cached_property
    def difference(self) -> np.ndarray:
        """The value less the truth; the low part of the truth counts."""
        return (self.value - self.exact) - np.where(np.isfinite(self.truth.low), self.truth.low, 0.0)

    @cached_property
    def room(self) -> np.ndarray:
        """How far an entry may be from what is predicted of it."""
        size = np.abs(self.value) + np.nan_to_num(np.abs(self.exact))
        radius = np.nan_to_num(self.truth.radius, posinf=0.0)
        return 2 * self.bound + 4 * self.unit * np.abs(self.value) + radius + _OWN * size

    @cached_property
    def known(self) -> np.ndarray:
        """Where both value and truth are numbers, with a bound."""
        return np.isfinite(self.value) & np.isfinite(self.exact) & np.isfinite(self.bound)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Where the value is not the truth."""
        return self.known & (np.abs(self.difference) > self.room)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    def explains(self, predicted: np.ndarray, extra: np.ndarray | float = 0.0) -> bool:
        """Whether every entry is what is predicted; ``extra`` is how far the prediction itself may be off."""
        with np.errstate(all="ignore"):
            off = np.abs(self.value - predicted) > self.room + extra + _OWN * np.abs(predicted)
        return not bool((self.known & (off | ~np.isfinite(predicted))).any())

    def telling(self, predicted: np.ndarray) -> int:
        """In how many entries a prediction differs from the truth by more than can be rounding."""
        with np.errstate(all="ignore"):
            return int((self.known & (np.abs(predicted - self.exact) > 2 * self.room)).sum())
