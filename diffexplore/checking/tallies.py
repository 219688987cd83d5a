"""How many comparisons ended how, and what could not run: plain records, like all of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from diffexplore.documents import Plain


@dataclass(frozen=True)
class Skipped(Plain):
    """A method that could not run, and why."""

    method: str
    reason: str


@dataclass(frozen=True)
class Tally(Plain):
    """How many comparisons of one partial by one method at one point ended how, and the worst of them.

    ``kind`` is "reduced", "samples" or "probes". ``error_octaves`` counts errors: those from 2^e to 2^(e + 1) ulp under
    e, and all below 2⁻¹⁰ ulp, 0 too, under −11.
    """

    _KEYS: ClassVar = {"passed": "pass", "failed": "fail"}

    parameter: str
    method: str
    point: Mapping[str, float]
    kind: str
    passed: int
    failed: int
    inconclusive: int
    max_error_ulp: float | None
    max_smallest_detectable: float | None
    error_octaves: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary(Plain):
    """Counts over all comparisons, the samples that have no row of their own included.

    ``power`` is, for each parameter, the smallest relative error that would have been caught at every point.
    ``undecided`` names the requested partials, each with its point, that no comparison with the reduction settled.
    """

    _KEYS: ClassVar = {"passed": "pass", "failed": "fail"}
    _FIRST = ("pass", "fail", "inconclusive", "causes", "power", "undecided")

    passed: int
    failed: int
    inconclusive: int
    tallies: tuple[Tally, ...]
    causes: Mapping[str, int]
    power: Mapping[str, float | None]
    undecided: tuple[tuple[str, Mapping[str, float]], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        undecided = [{"parameter": name, "point": dict(point)} for name, point in self.undecided]
        return super().to_dict() | {"undecided": undecided}
