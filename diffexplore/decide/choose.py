"""Counterexamples that can be read: numbers near 1, few decimals, and a large difference."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from math import log10

from diffexplore.decide.case import Piece, RegionCase
from diffexplore.decide.membership import Point, moved_onto, rounded
from diffexplore.decide.records import Shown, Unsupported
from diffexplore.decide.refute import Seen, look_at, seen_in
from diffexplore.formula.batch_sums import SIZES

_MOST_APART = 8
_DECADES = 0.7
_DECIMALS = (1, 2, 3)


def find(
    case: RegionCase,
    count: int,
    enough: int | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    shows: Shown = lambda _: True,
) -> tuple[Seen | None, Seen | None]:
    """A point at which the sides are apart, if one is found; and the one with the largest difference.

    ``count`` points are tried, until both sides have had a value at ``enough`` of them, with ``sizes`` samples in turn.
    Of the points at which the sides are apart, that with numbers near 1 and a large difference is taken: there a cause
    shows, and can be read; but only one that ``shows`` says to show.
    """
    largest: Seen | None = None
    apart: list[tuple[Seen, Seen]] = []  # each after it was shortened, and before
    try:
        for seen in islice(seen_in(case, count, sizes), enough):
            if seen.apart:
                apart.append((shortened(case, seen), seen))
                if len(apart) == _MOST_APART or (_is_readable(*apart[-1]) and shows(seen.counterexample())):
                    break
            if largest is None or seen.difference.mid() > largest.difference.mid():
                largest = seen
    except Unsupported:
        pass
    for short, one in sorted(apart, key=lambda pair: (pair[0] is pair[1], _oddness(pair[1]))):
        for best in (one,) if short is one else (short, one):
            if shows(best.counterexample()):
                return best, best
    return None, largest


def _is_readable(short: Seen, seen: Seen) -> bool:
    """Whether a point has few decimals, unlike one just beside a bound, and its numbers are near 1."""
    return short is not seen and _oddness(seen) == 0


def _oddness(seen: Seen) -> float:
    """How many decades the numbers of a point are away from 1, and the difference below the values."""
    sizes = [abs(number) for point in (seen.point, *seen.samples) for number in point.values() if number]
    off = sum(max(0.0, abs(log10(size)) - _DECADES) for size in sizes)
    return off + max(0.0, -1 - log10(max(seen.relative, 1e-300)))


def shortened(case: RegionCase, seen: Seen) -> Seen:
    """A point near to that one with fewer decimals, if there the sides are as far apart; else the same."""
    for digits in _DECIMALS:
        with suppress(Unsupported):
            found = _rounded(case, seen, digits)
            if found is not None and found.apart and found.relative > seen.relative / 2:
                return found
    return seen


def _rounded(case: RegionCase, seen: Seen, digits: int) -> Seen | None:
    """The point with so many decimals, inside the same regions; None where it is not, or has become a special one."""
    first = seen.samples[0] if seen.samples else {}
    whole = moved_onto(case.resolver.region, rounded({**seen.point, **first}, digits))
    if whole is None:
        return None
    point = {symbol: whole[symbol] for symbol in seen.point}
    drawn: list[tuple[Point, Piece]] = []
    for sample, piece in zip(seen.samples, seen.pieces, strict=bool(seen.pieces)):
        short = {symbol: whole[symbol] for symbol in first} if not drawn else rounded(sample, digits)
        found = moved_onto(piece.resolver.region, short, point)
        if found is None or (not drawn and found != short):
            return None
        drawn.append((found, piece))
    every = [abs(number) for part in (point, *(sample for sample, _ in drawn)) for number in part.values()]
    drew = [abs(number) for part in (seen.point, *seen.samples) for number in part.values()]
    if sum(one in (0, 1) for one in every) > sum(one in (0, 1) for one in drew) or len(set(every)) < len(set(drew)):
        return None  # what is 0, 1 or equal hides a difference
    return next(look_at(case, {**point, **(drawn[0][0] if drawn else seen.counted)}, drawn), None)
