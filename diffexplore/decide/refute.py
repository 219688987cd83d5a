"""Counterexamples: points in a case, and what must hold there, at which balls of the two sides do not meet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, zip_longest

import sympy
from flint import arb
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.case import Piece, RegionCase
from diffexplore.decide.domain_conditions import difference
from diffexplore.decide.membership import Point
from diffexplore.decide.points import points_in
from diffexplore.decide.records import Counterexample, Unsupported
from diffexplore.decide.regions import Region
from diffexplore.decide.sum_bounds import Drawn, keeps_bounds, moved_together
from diffexplore.decide.sums import bound_symbols, sums_in
from diffexplore.decide.values import LoweredExpressions, PointValues, Summands, as_record, value
from diffexplore.formula.batch_sums import SAMPLES, SIZES, BatchSum


def holds(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether a condition certainly holds at a point, and for each of the samples."""
    if isinstance(condition, sympy.And):
        return all(holds(part, point, samples) for part in condition.args)
    return all(holds_for_first(condition, point, order) for order in turned(samples))


def turned(samples: tuple[Point, ...]) -> list[tuple[Point, ...]]:
    """The samples with each of them first."""
    return [samples[place:] + samples[:place] for place in range(len(samples))] or [()]


def holds_for_first(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether a condition certainly holds at a point, and for the first of the samples."""
    if isinstance(condition, (sympy.And, sympy.Or)):
        every = all if isinstance(condition, sympy.And) else any
        return every(holds_for_first(part, point, samples) for part in condition.args)
    if not isinstance(condition, Relational):
        return bool(condition == True)  # noqa: E712 (SymPy's true)
    ball = value(difference(condition), point, samples)
    if ball is None:
        return False
    if isinstance(condition, sympy.Ne):
        return not ball.contains(0)
    if isinstance(condition, sympy.Eq):
        return bool(ball == 0)
    return bool(ball > 0 or (ball >= 0 and isinstance(condition, (sympy.Ge, sympy.Le))))


@dataclass(frozen=True)
class Seen:
    """Both values at a point of a case."""

    point: Point
    samples: tuple[Point, ...]
    left: arb
    right: arb
    pieces: tuple[Piece, ...] = ()  # in which the samples lie

    @property
    def relative(self) -> float:
        """The difference over the larger of both values."""
        largest = max(float(abs(self.left.mid())), float(abs(self.right.mid())))
        return float(self.difference.mid()) / largest if largest else 0.0

    @property
    def counted(self) -> Point:
        """The number of samples, where it is drawn by itself."""
        return {} if self.samples else {SAMPLES: self.point.get(SAMPLES, Fraction(SIZES[0]))}

    @property
    def whole(self) -> Point:
        """All values, those of the first sample as well."""
        return {**(self.samples[0] if self.samples else {}), **self.point}

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


def seen_in(case: RegionCase, count: int, sizes: Sequence[int] = SIZES) -> Iterator[Seen]:
    """Points that are certainly in the case, at which both sides have a certified value.

    ``sizes`` are numbers of samples, taken in turn, for what is right for one number only.
    """
    own = case.resolver.region
    whole = [*case.sides, *(direction for direction, _ in own.bounds)]
    bound, pieces = bound_symbols(*whole, *case.required), case.pieces
    if not bound_symbols(*whole):  # conditions alone have sums, if any, and say what they need of the samples
        pieces = [Piece(case.resolver, (), (), (), case.requirements)] if bound else []
    regions = [piece.resolver.region for piece in pieces]
    further = [*case.required, *(direction for region in regions for direction, _ in region.bounds)]
    further += [value for region in (own, *regions) for _, value in region.fixed]
    further += [direction for region in (own, *regions) for direction, _ in region.levels]
    symbols = {symbol for expr in further for symbol in expr.free_symbols if symbol not in bound}
    symbols |= {symbol for expr in whole for symbol in expr.free_symbols} | {symbol for symbol, _ in own.fixed}
    outside = sorted(symbols - {SAMPLES}, key=str)
    if bound and not pieces:
        return
    generator, programs = random.Random(1), LoweredExpressions()
    inside = {piece: _narrowed(piece.resolver.region, case) for piece in pieces}
    outer = [_narrowed(region, case) for region in _outside_sums(case, bound)]
    drawn_in = (points_in(region, outside, count=max(count // len(outer), 1)) for region in outer)
    for number, point in enumerate(chain.from_iterable(zip_longest(*drawn_in))):
        if point is None:
            continue
        drawn: Drawn = []
        if bound:
            drawn = _samples(inside, bound, point, number, generator, sizes[number % len(sizes)])
            if not drawn:
                continue
            point, drawn = moved_together(own, point, drawn)
        else:
            point[SAMPLES] = Fraction(sizes[number % len(sizes)])
        yield from look_at(case, point, drawn, programs)


def _outside_sums(case: RegionCase, bound: set[sympy.Basic]) -> list[Region]:
    """The region of a case, and the seams in it on which pieces lie whose samples say nothing of it."""
    found = [case.resolver.region]
    for fixed, levels in dict.fromkeys((one.resolver.region.fixed, one.resolver.region.levels) for one in case.pieces):
        region: Region | None = case.resolver.region
        for symbol, onto in fixed:
            if region is not None and symbol not in bound and (symbol, onto) not in region.fixed:
                region = region.on(symbol, onto)
        for direction, level in levels:
            alone = not direction.free_symbols & bound and (direction, level) not in case.resolver.region.levels
            region = region.at_level(direction - level) if region is not None and alone else region
        if region is not None and region not in found:
            found.append(region)
    return found


def _narrowed(region: Region, case: RegionCase) -> Region:
    """The part of a region in which the inequalities hold that the claimed side needs."""
    for condition in case.required:
        if isinstance(condition, (sympy.Gt, sympy.Lt, sympy.Ge, sympy.Le)):
            p = difference(condition)
            region = region.split(p)[0] if p.free_symbols and region.sign(p).certain is None else region
    return region


def look_at(case: RegionCase, point: Point, drawn: Drawn, programs: LoweredExpressions | None = None) -> Iterator[Seen]:
    """Both sides at a point, with samples and the pieces that they lie in; nothing where a need may fail."""
    samples = tuple(sample for sample, _ in drawn)
    if not keeps_bounds(case.resolver.region, point, samples):
        return
    if not all(holds(condition, point, samples) for condition in case.required):
        return
    for (_, piece), order in zip(drawn, turned(samples), strict=bool(drawn)):
        kept = keeps_bounds(piece.resolver.region, point, order)
        if not kept or not all(holds_for_first(condition, point, order) for condition in piece.required):
            return
    there = PointValues(point, samples, _resolved(case, [piece for _, piece in drawn]), programs)
    if case.given != case.left and there.of(case.given) is None:
        return
    left = there.of(case.left)
    right = left if case.same else there.of(case.right)
    if left is not None and right is not None:
        data = set(samples[0]) if samples else {SAMPLES} - _used(case)
        outside = {symbol: number for symbol, number in point.items() if symbol not in data}
        yield Seen(outside, samples, left, right, tuple(piece for _, piece in drawn))


def _used(case: RegionCase) -> set[sympy.Basic]:
    """The symbols of the sides and of the bounds."""
    directions = (direction for direction, _ in case.resolver.region.bounds)
    return {symbol for expr in (*case.sides, *directions) for symbol in expr.free_symbols}


def _resolved(case: RegionCase, pieces: Sequence[Piece]) -> Summands:
    """The summands of sums without branches, where the place of a sample does not depend on the other samples."""
    known: list[dict[BatchSum, sympy.Expr]] = []
    for piece in pieces:
        alone = not any(direction.has(BatchSum, SAMPLES) for direction, _ in piece.resolver.region.bounds)
        sides = zip(case.sides, (piece.given, piece.left, piece.right), strict=True)
        pairs = ((one, summand) for side, found in sides for one, summand in zip(sums_in(side), found, strict=True))
        known.append(dict(pairs) if alone else {})
    return lambda one, place: known[place].get(one, one.summand)


def _samples(
    inside: Mapping[Piece, Region], bound: set[sympy.Basic], point: Point, number: int, generator: random.Random,
    size: int,
) -> list[tuple[Point, Piece]]:  # fmt: skip
    """A few samples, each with the piece that it aimed at; the first is that of ``point`` where this has data."""
    data, pieces = sorted(bound, key=str), list(inside)
    others = {symbol: value for symbol, value in point.items() if symbol not in bound}
    samples: list[tuple[Point, Piece]] = []
    start = {symbol: point[symbol] for symbol in data if symbol in point}
    for place in range(size):
        piece = pieces[(number + place) % len(pieces)]
        fixed = {**others, **(start if place == 0 else {})}
        requested = [symbol for symbol in data if symbol not in fixed]
        seed = generator.randint(0, 10**6)
        first = number + place if number % 2 else 0  # at every other point the data are positive
        drawn = next(points_in(inside[piece], requested, fixed, seed=seed, first=first, count=4), None)
        if drawn is not None:
            samples.append(({**(start if place == 0 else {}), **drawn}, piece))
        elif place == 0:
            return []
    return [samples[place % len(samples)] for place in range(size)]  # what is not found again is taken twice


def contradicts(seen: Seen, unresolved: tuple[sympy.Expr | None, sympy.Expr]) -> bool:
    """Whether a side that was given certainly has another value there than it has in the case."""
    for side, ball in zip(unresolved, (seen.left, seen.right), strict=True):
        given = None
        with suppress(Unsupported):
            given = None if side is None else value(side, seen.whole, seen.samples)
        if given is not None and not given.overlaps(ball):
            return True
    return False
