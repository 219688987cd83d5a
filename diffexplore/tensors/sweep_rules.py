"""What stands for the numbers of a sweep, and how many steps it may take for choices that are open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from diffexplore.arithmetic.double_balls import DoubleBall

#: In a chain of n ties the steps grow with n⁴: ten of them take 1,300.
_MOST_STEPS = 1500


class SweepBudget:
    """How many operations the differences of open choices may pass in one sweep: after these a choice is its hull."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    @property
    def is_left(self) -> bool:
        return self._left > 0

    def spend(self) -> None:
        self._left -= 1


@dataclass(frozen=True, eq=False)
class SweepRules:
    """What one sweep goes by.

    Attributes:
        as_computed: what stands for the exact cotangent of an operand: mostly itself.
        as_chosen: whether second derivatives are those of what was chosen, whatever it was, as code computes them: a
            corner of the function has none.
        budget: what is left for choices that are open.
    """

    as_computed: Callable[[DoubleBall], DoubleBall] = lambda ball: ball
    as_chosen: bool = False
    budget: SweepBudget = field(default_factory=SweepBudget)
