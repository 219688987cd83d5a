"""Why a descent went as it did: one sentence a finding, each from numbers that stand in the record.

A finding is a function of the fit that gives its sentence, or None where the numbers do not support it. The first one
says how the descent ended. A new finding is a function and a line in :data:`_FINDINGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diffexplore.fitting.explanation import bottom, ending, rate, reading, rounding
from diffexplore.fitting.records import Finding, Fit

_FINDINGS: tuple[Callable[[Fit], Finding | None], ...] = (
    ending.ended, bottom.at_another, bottom.flat, rate.diverged, rate.overshoots, rate.slow_directions, rate.too_slow,
    rate.stable, rate.unstable_at_the_optimum, rate.best_rate, rate.centring, rounding.rises, rounding.drift,
    bottom.indefinite_start, bottom.plain_newton, bottom.certified, reading.sums,
)  # fmt: skip


def explained(fit: Fit) -> Fit:
    """The fit with its explanation."""
    found = (finding(fit) for finding in _FINDINGS)
    return replace(fit, explanation=tuple(one for one in found if one is not None))
