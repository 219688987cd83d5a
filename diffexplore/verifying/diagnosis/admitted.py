"""The numbers that all measurements of one unknown admit."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Admitted:
    """An interval that each measurement narrows; without one, every number is admitted."""

    low: float = -math.inf
    high: float = math.inf

    def narrow(self, middle: float, room: float) -> None:
        """A measurement: the number lies within ``room`` of ``middle``."""
        self.low, self.high = max(self.low, middle - room), min(self.high, middle + room)

    @property
    def is_measured(self) -> bool:
        return self.low != -math.inf

    @property
    def middle_and_room(self) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) / 2

    def unlike(self, *others: float) -> tuple[float, float] | None:
        """The number, as middle and uncertainty.

        None where nothing was measured, where the measurements contradict each other, and where they do not tell the
        number from one of the ``others``.
        """
        if not self.is_measured or not self.low < self.high or any(self.low <= one <= self.high for one in others):
            return None
        return self.middle_and_room
