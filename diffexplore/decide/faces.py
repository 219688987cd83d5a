"""Where the two sides of a question go on from one region to the next: the faces between regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import sympy

from diffexplore.decide.branches import Resolver, Undecided, is_empty
from diffexplore.decide.domain_conditions import DomainCondition, has_no_value
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.regions import LinearForm, OpenInterval, Region, expanded_out, line_of
from diffexplore.decide.zeros import Zeros, vanishes
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.step_functions import is_rounded

UNDECIDED = (Undecided, Undefined, Unsupported, TypeError)
"""What says that something cannot be decided; SymPy raises TypeError for a comparison with log(0)."""

Solved = Mapping[sympy.Symbol, sympy.Expr]
"""One symbol of a boundary, and what it is there in terms of the others."""


@dataclass(frozen=True, eq=False)
class Side:
    """What the expressions are on one region; ``shared`` are those that have a value of their own on the boundary.

    ``needs``: without them the left side has no value on the region.
    """

    region: Region
    smooth: tuple[sympy.Expr, ...]
    shared: tuple[sympy.Expr, ...]
    needs: tuple[DomainCondition, ...] = ()

    def with_value(self, moving: Set[sympy.Basic]) -> Side:
        """The part of the region on which the left side has a value whatever the ``moving`` symbols are there.

        Where it has none beside a boundary that these cross, there is no derivative on it.
        """
        region = self.region
        for need in self.fixed_needs(moving):
            if region.sign(need.expr).certain is None:
                region = region.split(need.expr)[0]
        return replace(self, region=region)

    def fixed_needs(self, moving: Set[sympy.Basic]) -> list[DomainCondition]:
        """The needs that are inequalities of other symbols than the ``moving`` ones."""
        found = (
            need for need in self.needs
            if need.kind in ("positive", "nonnegative")
            and not (need.expr.free_symbols & moving or need.expr.has(BatchSum))
        )  # fmt: skip
        return sorted(found, key=lambda need: (str(need.expr), need.kind))


@dataclass(frozen=True, eq=False)
class Face:
    """The part of a boundary at which two sides meet, as a region of its own."""

    above: Side
    below: Side
    between: Region

    def agree(self, pairs: Iterable[tuple[sympy.Expr, sympy.Expr]], solved: Solved) -> bool:
        """Whether the first of each pair has the value on the boundary that the second one has there."""
        facts = list(self.between.nonnegative())
        # the boundary as a seam: of expressions which may be large only the branches that are taken are rewritten
        on_boundary = Resolver(replace(self.between, fixed=tuple(solved.items()), _lookup={}), Zeros())
        for first, second in pairs:
            values = first.xreplace(solved), on_boundary(second)
            if has_no_value(values, self.between) or not vanishes(values[0] - values[1], facts):
                return False
        return True

    def continues(self, expr: sympy.Expr, solved: Solved) -> bool:
        """Whether an expression by itself goes on from both sides to its own value on the boundary."""
        try:
            return self.agree(((Resolver(one.region, Zeros())(expr), expr) for one in (self.above, self.below)), solved)
        except UNDECIDED:
            return False


def faces_of(p: sympy.Expr, sides: Sequence[Side], originals: tuple[sympy.Expr, ...]) -> list[Face] | None:
    """The parts of p = 0 between two sides, if all expressions go on across them, with their own values there."""
    line = line_of(p)
    solved = solved_for(p)
    if solved is None:
        return None
    above, below = [], []
    for side in sides:
        interval = dict(side.region.bounds).get(line.direction, OpenInterval())
        if interval == OpenInterval() and between(side.region, side.region, line, solved) is not None:
            return None  # it does not say on which side it lies
        if interval.low == line.threshold:
            above.append(side)
        elif interval.high == line.threshold:
            below.append(side)
    try:
        touching = [
            Face(first, second, face)
            for first in above
            for second in below
            if (face := between(first.region, second.region, line, solved)) is not None
        ]
        alone = [side for side in (*above, *below) if not any(side in (one.above, one.below) for one in touching)]
        if any(between(side.region, side.region, line, solved) is not None for side in alone):
            return None  # beyond it nothing is known
        return touching if touching and all(_glued(face, solved, originals) for face in touching) else None
    except UNDECIDED:
        return None


def _glued(face: Face, solved: Solved, originals: tuple[sympy.Expr, ...]) -> bool:
    above, below = face.above, face.below
    pairs = zip((*above.smooth, *above.shared), (*below.smooth, *below.shared), strict=True)
    return face.agree((*pairs, *zip(above.shared, originals, strict=True)), solved)


def between(above: Region, below: Region, line: LinearForm, solved: Solved) -> Region | None:
    """The part of the boundary that both regions touch; None where there is none."""
    found = Region()
    for region in (above, below):
        for direction, interval in region.bounds:
            if direction == line.direction:
                continue
            for positive in interval.positive(direction):
                bound = expanded_out(positive.xreplace(solved))
                signs = found.sign(bound)
                if 1 not in signs:
                    return None
                if signs.certain is None:
                    found = found.split(bound)[0]
    return None if is_empty(found) else found


def solved_for(p: sympy.Expr) -> Solved | None:
    """One symbol of p in terms of the others, where p is 0."""
    for symbol in sorted(p.free_symbols, key=str):
        slope = sympy.diff(p, symbol)
        if slope.is_Rational and slope != 0 and not is_rounded(symbol, p):
            return {symbol: expanded_out(symbol - p / slope)}
    return None
