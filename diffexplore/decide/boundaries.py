"""Boundaries of branches at which nothing happens: both sides of a question are continuous across them.

A function that is continuous at a boundary, and whose derivative has the same limit from both sides, has that limit as
its derivative there. So where the function, its derivative and the claimed one go on continuously, what is proved on
both sides holds between them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.decide.branches import BRANCHING, Resolver, has_branches
from diffexplore.decide.case import Piece, RegionCase
from diffexplore.decide.domain_conditions import DomainCondition, has_no_value
from diffexplore.decide.faces import UNDECIDED, Face, Side, Solved, between, faces_of, solved_for
from diffexplore.decide.kinks import degenerate
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.regions import Region, line_of, small
from diffexplore.decide.side_conditions import SideCondition
from diffexplore.decide.sums import sums_in
from diffexplore.decide.zeros import Zeros, vanishes
from diffexplore.formula.batch_sums import BatchSum

_MOST_EDGES = 64  # more edges of a boundary are not looked at: it is kept then


@dataclass(frozen=True)
class Kept:
    """What is 0 on boundaries at which something may happen, and on those of which a question claims nothing at all."""

    open: list[sympy.Expr]
    unclaimed: list[sympy.Expr]


def all_of(cases: Iterable[RegionCase]) -> Iterator[SideCondition]:
    """All boundaries, as conditions that leave them out."""
    for case in cases:
        yield from (SideCondition(DomainCondition(p, "nonzero")) for p in case.resolver.boundaries.values())
        for piece in case.pieces:
            yield from (
                SideCondition(DomainCondition(p, "nonzero"), case.data) for p in piece.resolver.boundaries.values()
            )


def between_cases(question: EqualityQuestion, cases: Sequence[RegionCase]) -> Kept:
    """Where something may happen between cases of one seam, or of none: what is 0 there."""
    outer = [
        Side(case.resolver.region, (case.left,), (case.given, case.right), tuple(case.requirements.left.certain))
        for case in cases
    ]
    return _kept(outer, (question.left, question.right), [case.resolver for case in cases], question)


def between_samples(question: EqualityQuestion, case: RegionCase, pieces: Sequence[Piece], *, partial: bool) -> Kept:
    """Where something may happen to a sample, between pieces of one seam, or of none.

    ``partial``: there are regions without a value, into which a sample may not cross.
    """
    inner = [
        Side(
            piece.resolver.region, piece.left, (*piece.given, *piece.right),
            tuple(piece.requirements.left.certain),
        )
        for piece in pieces
    ]  # fmt: skip
    originals = tuple(one.summand for side in (case.given, case.right) for one in sums_in(side))
    resolvers = [piece.resolver for piece in pieces]
    return _kept([] if partial else inner, originals, resolvers, question)


def _kept(
    sides: Sequence[Side], originals: tuple[sympy.Expr, ...], resolvers: Sequence[Resolver], question: EqualityQuestion
) -> Kept:
    interior, unclaimed = question.interior(), _unclaimed(question)
    every: dict[sympy.Expr, sympy.Expr] = {}
    for resolver in resolvers:
        every = {**resolver.boundaries, **every}
    originals = tuple(map(resolvers[0].region.restricted, originals)) if resolvers else originals
    met = [p for p in every if 0 in interior.sign(p)]
    inside, outside = [p for p in met if p not in unclaimed], [p for p in met if p in unclaimed]
    crossed = [side.with_value(question.differentiated) for side in sides]
    looked = {p: faces_of(p, crossed if p.free_symbols & question.differentiated else sides, originals) for p in inside}
    faces = {p: found for p, found in looked.items() if found is not None}
    without = (*unclaimed, *(p for p in inside if p not in faces))
    going_on = {
        p for p in faces
        if _corners_agree(p, faces[p], originals, (*without, *_beyond(faces[p], question, p)), interior)
    }  # fmt: skip
    return Kept([every[p] for p in inside if p not in going_on], [every[p] for p in outside])


def _beyond(faces: Sequence[Face], question: EqualityQuestion, p: sympy.Expr) -> list[sympy.Expr]:
    """Where p = 0 ends because the left side has no value on either side of it, as that symbol moves across."""
    if not p.free_symbols & question.differentiated:
        return []
    needs = [set(side.fixed_needs(question.differentiated)) for face in faces for side in (face.above, face.below)]
    return [
        need.expr for need in set[DomainCondition]().union(*needs[:1]).intersection(*needs) if need.kind == "positive"
    ]


def _unclaimed(question: EqualityQuestion) -> frozenset[sympy.Expr]:
    """What is a boundary on which the question claims nothing, on a null set of what varies: what has to be no 0."""
    needed = (need.lhs - need.rhs for need in question.needs if isinstance(need, sympy.Ne))
    return frozenset(_key(p) for p in needed if small(p) and degenerate(p, question.varied) == ())


def _corners_agree(
    p: sympy.Expr,
    faces: Sequence[Face],
    originals: tuple[sympy.Expr, ...],
    without: Sequence[sympy.Expr],
    interior: Region,
) -> bool:
    """Whether expressions that go on across p = 0 go on at its edges, too, where other boundaries meet it.

    A condition such as (x = 0 and y = 0) shows neither beside x = 0 nor beside y = 0. Edges outside the ``interior`` of
    the domain, and in boundaries ``without`` which all is decided, are left out.
    """
    line, solved = line_of(p), solved_for(p)
    if solved is None:
        return False
    parts = dict.fromkeys(part for original in originals for part in _going_on(original, p, faces, solved))
    if not parts:
        return True
    on_boundary = [part.xreplace(solved) for part in parts]
    excluded = {_key(other.xreplace(solved)) for other in without}
    budget = [_MOST_EDGES]
    inside = interior.on(*next(iter(solved.items())))
    if inside is None:
        return True
    for side in dict.fromkeys(side for face in faces for side in (face.above, face.below)):
        face = between(side.region, side.region, line, solved)
        if face is None:
            continue
        if not all(_edges_agree(part, face, excluded, inside, budget) for part in on_boundary):
            return False
    return True


def _going_on(expr: sympy.Expr, p: sympy.Expr, faces: Sequence[Face], solved: Solved) -> list[sympy.Expr]:
    """The smallest parts that hold all branches on symbols of p and are each continuous across p = 0 by themselves.

    The whole expression, which is known to be, where a part of it is not: a jump may be multiplied by what is 0 beside
    an edge, but not at it.
    """
    nodes = [node for node in _branching(expr) if p.free_symbols & node.free_symbols]
    return nodes if all(face.continues(node, solved) for node in nodes for face in faces) else [expr]


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
            there = solved_for(edge_of)
            budget[0] -= 1
            if there is None or budget[0] < 0:
                return False
            edge = between(face, face, line_of(edge_of), there)
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
    except UNDECIDED:
        return False
    return True


def _key(p: sympy.Expr) -> sympy.Expr:
    """The same for all multiples of an expression."""
    if not p.free_symbols and not p.has(BatchSum):
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
