"""Samples that keep bounds on their sums, such as a mean above 1000 or a variance below 1e-12."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from diffexplore.decide.case import Piece
from diffexplore.decide.membership import Point, moved_onto
from diffexplore.decide.regions import Region
from diffexplore.decide.values import value
from diffexplore.formula.batch_sums import SAMPLES, BatchSum

Drawn = Sequence[tuple[Point, Piece]]
"""Samples, each with the piece that it lies in."""

_FACTORS = tuple(Fraction(2) ** power for power in (2, -2, 6, -6, 12, -12, 30, -30))


def keeps_bounds(region: Region, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether the bounds and levels that involve the samples, or their number, are kept with these."""
    for direction, level in region.levels:
        if direction.has(BatchSum, SAMPLES):
            ball = value(direction - level, point, samples)
            if ball is None or not ball.is_zero():
                return False
    for direction, interval in region.bounds:
        if direction.has(BatchSum, SAMPLES):
            balls = (value(positive, point, samples) for positive in interval.positive(direction))
            if not all(ball is not None and ball > 0 for ball in balls):
                return False
    return True


def moved_together(region: Region, point: Point, drawn: Drawn) -> tuple[Point, Drawn]:
    """The point and the samples, all made equal or multiplied by one number where bounds on sums are kept only so."""
    if not any(direction.has(BatchSum) for direction, _ in region.bounds):
        return point, drawn
    if keeps_bounds(region, point, tuple(sample for sample, _ in drawn)):
        return point, drawn
    for changed in _changed([sample for sample, _ in drawn]):
        there = {symbol: changed[0].get(symbol, number) for symbol, number in point.items()}
        others = {symbol: number for symbol, number in there.items() if symbol not in changed[0]}
        pairs = list(zip(changed, (piece for _, piece in drawn), strict=True))
        if moved_onto(region, there) != there or not keeps_bounds(region, there, tuple(changed)):
            continue
        if all(moved_onto(piece.resolver.region, sample, others) == sample for sample, piece in pairs):
            return there, pairs
    return point, drawn


def _changed(samples: Sequence[Point]) -> Iterator[list[Point]]:
    yield [samples[0]] * len(samples)
    for factor in _FACTORS:
        yield [{symbol: factor * number for symbol, number in sample.items()} for sample in samples]
