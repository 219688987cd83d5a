"""Counterexamples: points in a case at which certified balls of the two sides do not meet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, zip_longest
from math import log10

import sympy
from flint import arb
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.proof.case import Case, Piece
from diffexplore.proof.points import Point, Summands, as_record, moved_onto, points_in, value
from diffexplore.proof.records import Counterexample, Unsupported
from diffexplore.proof.regions import Region
from diffexplore.proof.sums import bound_symbols, sums_in
from diffexplore.proof.wanted import difference
from diffexplore.symbolic.batch_sums import SAMPLES, BatchSum

_SAMPLES = (3, 2, 5)  # in turn, for what is right for one number only
_MOST_APART = 8
_DECADES = 0.7
_DECIMALS = (1, 2, 3)


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
        return {} if self.samples else {SAMPLES: self.point.get(SAMPLES, Fraction(_SAMPLES[0]))}

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


def seen_in(case: Case, count: int, sizes: Sequence[int] = _SAMPLES) -> Iterator[Seen]:
    """Points that are certainly in the case, at which both sides have a certified value.

    ``sizes`` are numbers of samples, taken in turn, for what is right for one number only.
    """
    directions = [direction for direction, _ in case.resolver.region.bounds]
    sums = [one for expr in (*case.sides, *directions) for one in sums_in(expr)]
    bound = bound_symbols(sums)
    inner = [direction for piece in case.pieces for direction, _ in piece.resolver.region.bounds]
    symbols = {symbol for expr in (*case.sides, *directions) for symbol in expr.free_symbols}
    symbols |= {symbol for expr in inner for symbol in expr.free_symbols if symbol not in bound}
    symbols |= {symbol for need in case.required for symbol in need.free_symbols if symbol not in bound}
    regions = (case.resolver.region, *(piece.resolver.region for piece in case.pieces))
    fixed = {symbol for region in regions for _, value in region.fixed for symbol in value.free_symbols}
    symbols |= {symbol for symbol in fixed if symbol not in bound}
    symbols |= {symbol for symbol, _ in case.resolver.region.fixed}
    outside = sorted(symbols - {SAMPLES}, key=str)
    if bound and not case.pieces:
        return
    generator = random.Random(1)
    inside = {piece: _narrowed(piece.resolver.region, case) for piece in case.pieces}
    regions = [_narrowed(region, case) for region in _outside_sums(case, bound)]
    drawn_in = (points_in(region, outside, count=max(count // len(regions), 1)) for region in regions)
    for number, point in enumerate(chain.from_iterable(zip_longest(*drawn_in))):
        if point is None:
            continue
        drawn: list[tuple[Point, Piece]] = []
        if bound:
            drawn = _samples(inside, bound, point, number, generator, sizes[number % len(sizes)])
            if not drawn:
                continue
        else:
            point[SAMPLES] = Fraction(sizes[number % len(sizes)])
        yield from _seen(case, point, drawn)


def _outside_sums(case: Case, bound: set[sympy.Basic]) -> list[Region]:
    """The region of a case, and the seams in it on which pieces lie whose samples say nothing of it."""
    found = [case.resolver.region]
    for fixed in dict.fromkeys(piece.resolver.region.fixed for piece in case.pieces):
        region: Region | None = case.resolver.region
        for symbol, value in fixed:
            if region is not None and symbol not in bound and (symbol, value) not in region.fixed:
                region = region.on(symbol, value)
        if region is not None and region not in found:
            found.append(region)
    return found


def _narrowed(region: Region, case: Case) -> Region:
    """The part of a region in which the inequalities hold that the claimed side needs."""
    for condition in case.required:
        if isinstance(condition, (sympy.Gt, sympy.Lt, sympy.Ge, sympy.Le)):
            p = difference(condition)
            region = region.split(p)[0] if p.free_symbols and region.sign(p).certain is None else region
    return region


def _seen(case: Case, point: Point, drawn: Sequence[tuple[Point, Piece]]) -> Iterator[Seen]:
    samples = tuple(sample for sample, _ in drawn)
    if not _keeps_bounds(case.resolver.region, point, samples):
        return
    if not all(_holds(condition, point, samples) for condition in case.required):
        return
    for (_, piece), order in zip(drawn, _turned(samples), strict=bool(drawn)):
        kept = _keeps_bounds(piece.resolver.region, point, order)
        if not kept or not all(_holds_for_first(condition, point, order) for condition in piece.required):
            return
    summands = _resolved(case, [piece for _, piece in drawn])
    if case.given != case.left and value(case.given, point, samples, summands) is None:
        return
    left, right = (value(side, point, samples, summands) for side in (case.left, case.right))
    if left is not None and right is not None:
        directions = (direction for direction, _ in case.resolver.region.bounds)
        used = {symbol for expr in (*case.sides, *directions) for symbol in expr.free_symbols}
        data = set(samples[0]) if samples else {SAMPLES} - used
        yield Seen(
            {symbol: number for symbol, number in point.items() if symbol not in data},
            samples,
            left,
            right,
            tuple(piece for _, piece in drawn),
        )


def _resolved(case: Case, pieces: Sequence[Piece]) -> Summands:
    """The summands of sums without branches, where the place of a sample does not depend on the other samples."""
    known: list[dict[BatchSum, sympy.Expr]] = []
    for piece in pieces:
        alone = not any(direction.has(BatchSum, SAMPLES) for direction, _ in piece.resolver.region.bounds)
        sides = zip(case.sides, (piece.given, piece.left, piece.right), strict=True)
        pairs = ((one, summand) for side, found in sides for one, summand in zip(sums_in(side), found, strict=True))
        known.append(dict(pairs) if alone else {})
    return lambda one, place: known[place].get(one, one.summand)


def _samples(
    inside: Mapping[Piece, Region],
    bound: set[sympy.Basic],
    point: Point,
    number: int,
    generator: random.Random,
    size: int,
) -> list[tuple[Point, Piece]]:
    """A few samples, each with the piece that it aimed at; the first is that of ``point`` where this has data."""
    data, pieces = sorted(bound, key=str), list(inside)
    others = {symbol: value for symbol, value in point.items() if symbol not in bound}
    samples: list[tuple[Point, Piece]] = []
    start = {symbol: point[symbol] for symbol in data if symbol in point}
    for place in range(size):
        piece = pieces[(number + place) % len(pieces)]
        fixed = {**others, **(start if place == 0 else {})}
        wanted = [symbol for symbol in data if symbol not in fixed]
        seed = generator.randint(0, 10**6)
        first = number + place if number % 2 else 0  # at every other point the data are positive
        drawn = next(points_in(inside[piece], wanted, fixed, seed=seed, first=first, count=4), None)
        if drawn is not None:
            samples.append(({**(start if place == 0 else {}), **drawn}, piece))
        elif place == 0:
            return []
    return [samples[place % len(samples)] for place in range(size)]  # what is not found again is taken twice


def _keeps_bounds(region: Region, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether the bounds that involve the samples, or their number, are kept with these."""
    for direction, interval in region.bounds:
        if not direction.has(BatchSum, SAMPLES):
            continue
        for limit, sign in ((interval.low, 1), (interval.high, -1)):
            if limit is not None:
                ball = value(sign * (direction - limit), point, samples)
                if ball is None or not ball > 0:
                    return False
    return True


def _holds(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether a condition certainly holds at a point, and for each of the samples."""
    if isinstance(condition, sympy.And):
        return all(_holds(part, point, samples) for part in condition.args)
    return all(_holds_for_first(condition, point, order) for order in _turned(samples))


def _turned(samples: tuple[Point, ...]) -> list[tuple[Point, ...]]:
    """The samples with each of them first."""
    return [samples[place:] + samples[:place] for place in range(len(samples))] or [()]


def _holds_for_first(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    if isinstance(condition, (sympy.And, sympy.Or)):
        every = all if isinstance(condition, sympy.And) else any
        return every(_holds_for_first(part, point, samples) for part in condition.args)
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


def find(
    case: Case, count: int, enough: int | None = None, *, sizes: Sequence[int] = _SAMPLES
) -> tuple[Seen | None, Seen | None]:
    """A point at which the sides are apart, if one is found; and the one with the largest difference.

    ``count`` points are tried, until both sides have had a value at ``enough`` of them, with ``sizes`` samples in turn.
    Of the points at which the sides are apart, that with numbers near 1 and a large difference is taken: there a cause
    shows, and can be read.
    """
    largest: Seen | None = None
    apart: list[Seen] = []
    try:
        for seen in islice(seen_in(case, count, sizes), enough):
            if seen.apart:
                apart.append(seen)
                if len(apart) == _MOST_APART or _oddness(seen) == 0:
                    break
            if largest is None or seen.difference.mid() > largest.difference.mid():
                largest = seen
    except Unsupported:
        pass
    if not apart:
        return None, largest
    best = shortened(case, min(apart, key=_oddness))
    return best, best


def _oddness(seen: Seen) -> float:
    """How far, in decades, the numbers of a point are from the order of 1, and the difference from that of the values."""
    sizes = [abs(number) for point in (seen.point, *seen.samples) for number in point.values() if number]
    off = sum(max(0.0, abs(log10(size)) - _DECADES) for size in sizes)
    return off + max(0.0, -1 - log10(max(seen.relative, 1e-300)))


def shortened(case: Case, seen: Seen) -> Seen:
    """A point near to that one with fewer decimals, if there the sides are as far apart; else the same."""
    for digits in _DECIMALS:
        with suppress(Unsupported):
            found = _rounded(case, seen, digits)
            if found is not None and found.apart and found.relative > seen.relative / 2:
                return found
    return seen


def _rounded(case: Case, seen: Seen, digits: int) -> Seen | None:
    """The point with so many decimals, inside the same regions; None where it is not, or has become a special one."""
    first = seen.samples[0] if seen.samples else {}
    whole = moved_onto(case.resolver.region, _with_decimals({**seen.point, **first}, digits))
    if whole is None:
        return None
    point = {symbol: whole[symbol] for symbol in seen.point}
    drawn: list[tuple[Point, Piece]] = []
    for sample, piece in zip(seen.samples, seen.pieces, strict=bool(seen.pieces)):
        rounded = {symbol: whole[symbol] for symbol in first} if not drawn else _with_decimals(sample, digits)
        found = moved_onto(piece.resolver.region, rounded, point)
        if found is None or (not drawn and found != rounded):
            return None
        drawn.append((found, piece))
    every = [abs(number) for part in (point, *(sample for sample, _ in drawn)) for number in part.values()]
    drew = [abs(number) for part in (seen.point, *seen.samples) for number in part.values()]
    if sum(one in (0, 1) for one in every) > sum(one in (0, 1) for one in drew) or len(set(every)) < len(set(drew)):
        return None  # what is 0, 1 or equal hides a difference
    return next(_seen(case, {**point, **(drawn[0][0] if drawn else seen.counted)}, drawn), None)


def _with_decimals(point: Point, digits: int) -> Point:
    return {symbol: Fraction(round(number * 10**digits), 10**digits) for symbol, number in point.items()}


def contradicts(seen: Seen, unresolved: tuple[sympy.Expr | None, sympy.Expr]) -> bool:
    """Whether a side that was given certainly has another value there than it has in the case."""
    for side, ball in zip(unresolved, (seen.left, seen.right), strict=True):
        given = None
        with suppress(Unsupported):
            given = None if side is None else value(side, seen.whole, seen.samples)
        if given is not None and not given.overlaps(ball):
            return True
    return False
