"""Boundaries of branches at which nothing happens: both sides of a question are continuous across them.

A function that is continuous at a boundary, and whose derivative has the same limit from both sides, has that limit as
its derivative there. So where the function, its derivative and the claimed one go on continuously, what is proved on
both sides holds between them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from diffexplore.decide.branches import BRANCHING, Resolver, Undecided, has_branches, is_empty
from diffexplore.decide.case import Piece, RegionCase
from diffexplore.decide.domain_conditions import DomainCondition, has_no_value
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.regions import LinearForm, OpenInterval, Region, expanded_out, line_of
from diffexplore.decide.side_conditions import SideCondition
from diffexplore.decide.sums import sums_in
from diffexplore.decide.zeros import Zeros, vanishes
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.step_functions import is_rounded

_MOST_EDGES = 64  # more edges of a boundary are not looked at: it is kept then


@dataclass(frozen=True, eq=False)
class _Side:
    """What the expressions are on one region; ``shared`` are those that have a value of their own on the boundary."""

    region: Region
    smooth: tuple[sympy.Expr, ...]
    shared: tuple[sympy.Expr, ...]


def all_of(cases: Iterable[RegionCase]) -> Iterator[SideCondition]:
    """All boundaries, as conditions that leave them out."""
    for case in cases:
        yield from (SideCondition(DomainCondition(p, "nonzero")) for p in case.resolver.boundaries.values())
        for piece in case.pieces:
            yield from (
                SideCondition(DomainCondition(p, "nonzero"), case.data) for p in piece.resolver.boundaries.values()
            )


def between_cases(question: EqualityQuestion, cases: Sequence[RegionCase]) -> list[sympy.Expr]:
    """Where something may happen between cases of one seam, or of none: what is 0 there."""
    outer = [_Side(case.resolver.region, (case.left,), (case.given, case.right)) for case in cases]
    return _kept(outer, (question.left, question.right), [case.resolver for case in cases], question.interior())


def between_samples(
    question: EqualityQuestion, case: RegionCase, pieces: Sequence[Piece], *, partial: bool
) -> list[sympy.Expr]:
    """Where something may happen to a sample, between pieces of one seam, or of none.

    ``partial``: there are regions without a value, into which a sample may not cross.
    """
    inner = [_Side(piece.resolver.region, piece.left, (*piece.given, *piece.right)) for piece in pieces]
    originals = tuple(one.summand for side in (case.given, case.right) for one in sums_in(side))
    resolvers = [piece.resolver for piece in pieces]
    return _kept([] if partial else inner, originals, resolvers, question.interior())


def _kept(
    sides: Sequence[_Side], originals: tuple[sympy.Expr, ...], resolvers: Sequence[Resolver], interior: Region
) -> list[sympy.Expr]:
    every: dict[sympy.Expr, sympy.Expr] = {}
    for resolver in resolvers:
        every = {**resolver.boundaries, **every}
    originals = tuple(map(resolvers[0].region.restricted, originals)) if resolvers else originals
    inside = [p for p in every if 0 in interior.sign(p)]
    kept = {p for p in inside if not _goes_on(p, sides, originals)}
    without = tuple(kept)
    kept |= {p for p in inside if p not in kept and not _corners_agree(p, sides, originals, without, interior)}
    return [every[p] for p in inside if p in kept]


def _goes_on(p: sympy.Expr, sides: Sequence[_Side], originals: tuple[sympy.Expr, ...]) -> bool:
    """Whether all expressions are continuous across p = 0, with their own values there."""
    line = line_of(p)
    solved = _solved(p)
    if solved is None:
        return False
    above, below = [], []
    for side in sides:
        interval = dict(side.region.bounds).get(line.direction, OpenInterval())
        if interval == OpenInterval() and _between(side.region, side.region, line, solved) is not None:
            return False  # it does not say on which side it lies
        if interval.low == line.threshold:
            above.append(side)
        elif interval.high == line.threshold:
            below.append(side)
    try:
        touching = [
            (first, second, between)
            for first in above
            for second in below
            if (between := _between(first.region, second.region, line, solved)) is not None
        ]
        alone = [side for side in (*above, *below) if not any(side in pair for pair in touching)]
        if any(_between(side.region, side.region, line, solved) is not None for side in alone):
            return False  # beyond it nothing is known
        return bool(touching) and all(_glued(*pair, solved, originals) for pair in touching)
    except (Undecided, Undefined, Unsupported, TypeError):  # SymPy's, of a comparison with log(0)
        return False


def _between(above: Region, below: Region, line: LinearForm, solved: dict[sympy.Symbol, sympy.Expr]) -> Region | None:
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


def _solved(p: sympy.Expr) -> dict[sympy.Symbol, sympy.Expr] | None:
    """One symbol of p in terms of the others, where p is 0."""
    for symbol in sorted(p.free_symbols, key=str):
        slope = sympy.diff(p, symbol)
        if slope.is_Rational and slope != 0 and not is_rounded(symbol, p):
            return {symbol: expanded_out(symbol - p / slope)}
    return None


def _glued(
    above: _Side,
    below: _Side,
    between: Region,
    solved: dict[sympy.Symbol, sympy.Expr],
    originals: tuple[sympy.Expr, ...],
) -> bool:
    facts = list(between.nonnegative())
    # the boundary as a seam: of the originals, which may be large, only the branches that are taken are rewritten
    on_boundary = Resolver(replace(between, fixed=tuple(solved.items()), _lookup={}), Zeros())
    pairs = list(zip((*above.smooth, *above.shared), (*below.smooth, *below.shared), strict=True))
    for first, second in (*pairs, *zip(above.shared, originals, strict=True)):
        values = first.xreplace(solved), on_boundary(second)
        if has_no_value(values, between) or not vanishes(values[0] - values[1], facts):
            return False
    return True


def _corners_agree(
    p: sympy.Expr,
    sides: Sequence[_Side],
    originals: tuple[sympy.Expr, ...],
    without: Sequence[sympy.Expr],
    interior: Region,
) -> bool:
    """Whether expressions that go on across p = 0 go on at its edges, too, where other boundaries meet it.

    A condition such as (x = 0 and y = 0) shows neither beside x = 0 nor beside y = 0. Only expressions with branches
    for p and for others can have such a point. Edges outside the ``interior`` of the domain, and in boundaries
    ``without`` which all is decided, are left out.
    """
    line, solved = line_of(p), _solved(p)
    nodes = dict.fromkeys(
        node for original in originals for node in _branching(original) if p.free_symbols & node.free_symbols
    )
    if solved is None or not nodes:
        return solved is not None
    on_boundary = [node.xreplace(solved) for node in nodes]
    excluded = {_key(other.xreplace(solved)) for other in without}
    budget = [_MOST_EDGES]
    inside = interior.on(*next(iter(solved.items())))
    if inside is None:
        return True
    for side in sides:
        face = _between(side.region, side.region, line, solved)
        if face is None:
            continue
        if not all(_edges_agree(node, face, excluded, inside, budget) for node in on_boundary):
            return False
    return True


def _edges_agree(
    node: sympy.Expr, face: Region, excluded: set[sympy.Expr], interior: Region, budget: list[int]
) -> bool:
    """Whether a node has on the edges of a face the limit of what it is on the face."""
    resolver = Resolver(face, Zeros())
    try:
        value = resolver(node)
        for edge_of in resolver.boundaries:
            if _key(edge_of) in excluded or 0 not in interior.sign(edge_of):
                continue
            there = _solved(edge_of)
            budget[0] -= 1
            if there is None or budget[0] < 0:
                return False
            edge = _between(face, face, line_of(edge_of), there)
            if edge is None:
                continue
            inside = interior.on(*next(iter(there.items())))
            if inside is None:
                continue
            inner = node.xreplace(there)
            found = Resolver(edge, Zeros())(inner), value.xreplace(there)
            if has_no_value(found, edge) or not vanishes(found[0] - found[1], list(edge.nonnegative())):
                return False
            left = {_key(one.xreplace(there)) for one in excluded}
            if not _edges_agree(inner, edge, left, inside, budget):
                return False
    except (Undecided, Undefined, Unsupported, TypeError):
        return False
    return True


def _key(p: sympy.Expr) -> sympy.Expr:
    """The same for all multiples of an expression."""
    if not p.free_symbols:
        return sympy.S.One
    line = line_of(p)
    return line.direction - line.threshold


def _branching(expr: sympy.Expr) -> list[sympy.Expr]:
    """The largest parts with branches, outside sums."""
    if isinstance(expr, BatchSum) or not has_branches(expr):
        return []
    if isinstance(expr, BRANCHING):
        return [expr]
    return [node for argument in expr.args for node in _branching(argument)]
