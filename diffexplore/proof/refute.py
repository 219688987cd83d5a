"""Counterexamples: points in a case at which certified balls of the two sides do not meet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import sympy
from flint import arb

from diffexplore.proof.algebra import Case
from diffexplore.proof.points import Point, as_record, points_in, value
from diffexplore.proof.records import Counterexample, Unsupported
from diffexplore.proof.regions import Region
from diffexplore.proof.sums import bound_symbols, sums_in
from diffexplore.symbolic.batch_sums import SAMPLES, BatchSum

_SAMPLES = (3, 2, 5)  # in turn, for what is right for one number only


@dataclass(frozen=True)
class Seen:
    """Both values at a point of a case."""

    point: Point
    samples: tuple[Point, ...]
    left: arb
    right: arb

    @property
    def apart(self) -> bool:
        return not self.left.overlaps(self.right)

    @property
    def difference(self) -> arb:
        return abs(self.left - self.right)

    def counterexample(self) -> Counterexample:
        return Counterexample(
            _named(self.point), tuple(map(_named, self.samples)), as_record(self.left), as_record(self.right)
        )


def _named(point: Mapping[sympy.Basic, Fraction]) -> dict[str, Fraction]:
    return {str(symbol): number for symbol, number in sorted(point.items(), key=lambda item: str(item[0]))}


def seen_in(case: Case, count: int) -> Iterator[Seen]:
    """Points that are certainly in the case, at which both sides have a certified value."""
    sums = [one for side in case.sides for one in sums_in(side)]
    bound, directions = bound_symbols(sums), [direction for direction, _ in case.resolver.region.bounds]
    inner = [direction for piece in case.pieces for direction, _ in piece.resolver.region.bounds]
    symbols = {symbol for expr in (*case.sides, *directions) for symbol in expr.free_symbols}
    symbols |= {symbol for expr in inner for symbol in expr.free_symbols if symbol not in bound}
    outside = sorted(symbols - {SAMPLES}, key=str)
    within = [piece.resolver.region for piece in case.pieces]
    if sums and not within:
        return
    generator = random.Random(1)
    for number, point in enumerate(points_in(case.resolver.region, outside, count=count)):
        samples: tuple[Point, ...] = ()
        if sums:
            drawn = _samples(within, bound, point, number, generator)
            if drawn is None:
                continue
            samples = drawn
        yield from _seen(case, point, samples)


def _seen(case: Case, point: Point, samples: tuple[Point, ...]) -> Iterator[Seen]:
    if samples and not _sums_inside(case.resolver.region, point, samples):
        return
    if case.given != case.left and value(case.given, point, samples) is None:
        return
    left, right = value(case.left, point, samples), value(case.right, point, samples)
    if left is not None and right is not None:
        data = set(samples[0]) if samples else set()
        yield Seen({symbol: number for symbol, number in point.items() if symbol not in data}, samples, left, right)


def _samples(
    within: list[Region], bound: set[sympy.Basic], point: Point, number: int, generator: random.Random
) -> tuple[Point, ...] | None:
    """A few samples: the first is that of ``point`` where this has data; each aims at a region in turn."""
    data = sorted(bound, key=str)
    others = {symbol: value for symbol, value in point.items() if symbol not in bound}
    samples = []
    start = {symbol: point[symbol] for symbol in data if symbol in point}
    for place in range(_SAMPLES[number % len(_SAMPLES)]):
        region = within[(number + place) % len(within)]
        fixed = {**others, **(start if place == 0 else {})}
        wanted = [symbol for symbol in data if symbol not in fixed]
        drawn = next(points_in(region, wanted, fixed, seed=generator.randint(0, 10**6), count=4), None)
        if drawn is None:
            if place == 0:
                return None
            continue
        samples.append({**(start if place == 0 else {}), **drawn})
    return tuple(samples)


def _sums_inside(region: Region, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether the bounds that involve sums are kept with these samples."""
    for direction, interval in region.bounds:
        if not direction.has(BatchSum):
            continue
        for limit, sign in ((interval.low, 1), (interval.high, -1)):
            if limit is not None:
                ball = value(sign * (direction - limit), point, samples)
                if ball is None or not ball > 0:
                    return False
    return True


def find(case: Case, count: int, enough: int | None = None) -> tuple[Seen | None, Seen | None]:
    """A point at which the sides are apart, if one is found; and the one with the largest difference.

    ``count`` points are tried, until both sides have had a value at ``enough`` of them.
    """
    largest: Seen | None = None
    try:
        for seen in islice(seen_in(case, count), enough):
            if seen.apart:
                return seen, seen
            if largest is None or seen.difference.mid() > largest.difference.mid():
                largest = seen
    except Unsupported:
        pass
    return None, largest
