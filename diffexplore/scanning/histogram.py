"""How large the errors are over the samples: a histogram for each partial, from the counts of the report itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from diffexplore.checking.records import Report
from diffexplore.figures.records import Axis, Bars, Figure
from diffexplore.methods import spoken
from diffexplore.numerals import short
from diffexplore.scanning.setting import SHOWN
from diffexplore.writing.names import reduced_partial, sample_partial

_Counts = Mapping[int, int]


def histograms(report: Report) -> tuple[Figure, ...]:
    """A histogram for each partial: the errors of single samples, or where there are none those of the whole."""
    found = []
    for name in report.gradient:
        samples = _counts(report, name, "samples")
        counts = samples or _counts(report, name, "reduced")
        if counts:
            found.append(_figure(report, name, counts, by_sample=bool(samples)))
    return tuple(found)


def _counts(report: Report, name: str, kind: str) -> dict[str, _Counts]:
    """The counts of each method over all points: of one of each kind of method where there are many."""
    found: dict[str, Counter[int]] = {}
    for tally in report.summary.tallies:
        if tally.parameter == name and tally.kind == kind and tally.error_octaves:
            found.setdefault(tally.method, Counter()).update(tally.error_octaves)
    few = {method: counts for method, counts in found.items() if method.partition(" ")[0] in SHOWN}
    return dict(few if len(found) > len(SHOWN) and few else found)


def _figure(report: Report, name: str, counts: Mapping[str, _Counts], *, by_sample: bool) -> Figure:
    shown = sample_partial(name) if by_sample else reduced_partial(name)
    exponents = [exponent for octaves in counts.values() for exponent in octaves]
    span = range(min(exponents), max(exponents) + 1)
    edges = tuple(2.0**exponent for exponent in (*span, span[-1] + 1))
    bars = tuple(
        Bars(spoken(method), edges, tuple(octaves.get(exponent, 0) for exponent in span))
        for method, octaves in counts.items()
    )
    what = "samples" if by_sample else "whole batches"
    return Figure(
        title=f"Errors of {shown} over the {what}",
        caption=f"{report.loss.name or report.loss.formula}, in {report.dtype}. {_statistics(counts)}",
        x=Axis("error", "ulp", "log"),
        y=Axis(what, scale="log" if by_sample else "linear"),
        layers=bars,
    )


def _statistics(counts: Mapping[str, _Counts]) -> str:
    parts = [f"{spoken(method)} below {short(2.0 ** (_middle(octaves) + 1))} ulp" for method, octaves in counts.items()]
    wide = "A bar is one power of two wide; the first holds all below it."
    return f"Half of the errors are, by {'; by '.join(parts)}. {wide}"


def _middle(octaves: _Counts) -> int:
    """The exponent of the median."""
    half, seen = sum(octaves.values()) / 2, 0
    for exponent, count in sorted(octaves.items()):
        seen += count
        if seen >= half:
            return exponent
    return max(octaves)
