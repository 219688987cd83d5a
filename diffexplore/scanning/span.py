"""The grammar of a scan, ``NAME=LOW:HIGH`` or ``NAME=LOW:HIGH:COUNT``, and its places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffexplore.errors import UsageError, unknown
from diffexplore.inputs.points import parse_at
from diffexplore.whole import whole

#: What stands for the step of the differences, unless a parameter has the name.
STEP = "h"

MOST = 2_000

_COUNT = 61
_PER_DECADE = 8

#: From this ratio of its ends on, a positive span is divided evenly in logarithm.
_DECADES = 100.0

_SHAPE = "NAME=LOW:HIGH, such as a=-3:3 or h=1e-12:1e-1"


@dataclass(frozen=True)
class ScanSpan:
    """From ``low`` to ``high`` along ``name``; ``count`` places, or None for a usual number."""

    name: str
    low: float
    high: float
    count: int | None

    @property
    def logarithmic(self) -> bool:
        """Whether its places are even in logarithm."""
        return self.low > 0 and self.high / self.low >= _DECADES

    def places(self) -> list[float]:
        """Its places, from low to high, both included."""
        import numpy as np

        if not self.logarithmic:
            return np.linspace(self.low, self.high, self.count or _COUNT).tolist()
        usual = math.ceil(_PER_DECADE * (math.log10(self.high) - math.log10(self.low))) + 1
        return np.geomspace(self.low, self.high, self.count or min(usual, MOST)).tolist()


def parse_span(text: str) -> ScanSpan:
    """The span that a text means; its ends are read as the numbers of ``--at`` are.

    Raises UsageError for what is no span, for one that does not go up, and for too many places.
    """
    name, equals, rest = text.partition("=")
    parts = [part.strip() for part in rest.split(":")]
    if not equals or len(parts) not in (2, 3) or not all(parts) or not name.strip().isidentifier():
        raise UsageError(f"cannot read the scan {text!r}: write {_SHAPE}")
    found = [parse_at(f"{name.strip()}={part}") for part in parts[:2]]
    (name,) = found[0]
    low, high = (point[name] for point in found)
    if not low < high:
        raise UsageError(f"the scan {text!r} does not go up: write the smaller number first")
    return ScanSpan(name, low, high, _count(parts[2]) if len(parts) == 3 else None)


def _count(text: str) -> int:
    count = whole(text)
    if count is None or not 2 <= count <= MOST:
        raise UsageError(f"a scan has from 2 to {MOST:,} places, not {text!r}")
    return count


def check_name(span: ScanSpan, parameters: Sequence[str], data: Sequence[str]) -> bool:
    """Whether the span is one of steps; raises UsageError where it is along nothing that can be scanned."""
    if span.name in parameters:
        return False
    if span.name in data:
        ways = f"{', '.join(parameters)} or the step {STEP}" if parameters else f"the step {STEP}"
        raise UsageError(f"{span.name!r} is data of the loss: a scan goes along {ways}")
    if span.name != STEP:
        raise unknown("parameter of a scan", span.name, (*parameters, STEP))
    if not span.low > 0:
        raise UsageError(f"a step is positive: the scan of {STEP} cannot begin at {span.low:g}")
    return True
