"""What a decision says, in plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from diffexplore.formula.signs import Unsupported as Unsupported

if TYPE_CHECKING:
    from diffexplore.decide.side_conditions import SideCondition

Status = Literal["proved", "refuted", "unknown"]


class Undefined(Exception):
    """An expression has no real value anywhere on the region that is looked at; the message says why."""


@dataclass(frozen=True)
class EnclosedValue:
    """A certified enclosure, as decimal texts: the value is within ``radius`` of ``middle``."""

    middle: str
    radius: str

    def __str__(self) -> str:
        return f"{self.middle} ± {self.radius}"

    def __float__(self) -> float:
        return float(self.middle)


@dataclass(frozen=True)
class Counterexample:
    """A point at which the two sides certainly differ: the balls around their values do not meet.

    ``point`` has a value for every symbol outside sums (a data symbol there is that of the first sample). ``samples``
    are the samples that sums run over, none where there are no sums; N is their number.
    """

    point: Mapping[str, Fraction]
    samples: tuple[Mapping[str, Fraction], ...]
    left: EnclosedValue
    right: EnclosedValue

    @property
    def n(self) -> int:
        """The number of samples; 0 where the expressions have no sums."""
        return len(self.samples)


Shown = Callable[[Counterexample], bool]
"""Whether what a question is about shows a counterexample where it is run; one that it does not show is none."""


@dataclass(frozen=True)
class Unvalued:
    """A region on which the right side has no finite value, though the left one has.

    ``where``: the region in words, of one sample where ``of_sample``; ``left``: the left side there, that of the
    sample alone; ``always_nan``: certainly NaN, and not an infinity.
    """

    where: str
    left: str
    of_sample: bool
    always_nan: bool


@dataclass(frozen=True)
class Decision:
    """Whether two expressions are equal.

    Attributes:
        status: "proved" only by a proof, "refuted" only with a counterexample.
        conditions: side conditions under which it is proved, as texts.
        exclusions: those of them that may leave out more than a null set of what can be differentiated by.
        place: where it is refuted on a boundary between regions on which it is proved: which one, in words.
        unvalued: regions that they leave out on which the right side has no finite value, and the left one has.
        counterexample: where it is refuted, a point and both values there.
        tried: how it was proved, or what was tried, in words.
        ended: where it is unknown, what ended the work on it, in words; the last of what was tried.
        largest_difference: where it is unknown, the largest difference seen at random points.
        witness: where it is proved, a point at which both sides have a value, and these values.
        needs: where it is proved, the conditions as expressions; None where some are in words alone.
        expressed: those that are no words alone.
    """

    status: Status
    conditions: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    tried: tuple[str, ...] = ()
    largest_difference: str | None = None
    witness: Counterexample | None = None
    exclusions: tuple[str, ...] = ()
    unvalued: tuple[Unvalued, ...] = ()
    place: str = ""
    ended: tuple[str, ...] = ()
    needs: tuple[SideCondition, ...] | None = None
    expressed: tuple[SideCondition, ...] = ()

    @property
    def plain(self) -> Decision:
        """The same without expressions."""
        return replace(self, needs=None, expressed=())
