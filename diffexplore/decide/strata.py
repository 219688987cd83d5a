"""The parts of a boundary on which every condition has one answer, of all dimensions: a side, an edge, a corner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import sympy

from diffexplore.decide.branches import Resolver, regions
from diffexplore.decide.faces import UNDECIDED
from diffexplore.decide.records import Unsupported
from diffexplore.decide.regions import Region
from diffexplore.decide.seams import seam_regions

_MOST_SIDE_BY_SIDE = 8  # so many parts of one dimension, on one seam, are looked at before smaller ones
_NOTHING: frozenset[sympy.Basic] = frozenset()


def seams_on(start: Region, p: sympy.Expr) -> tuple[Region, ...]:
    """The parts of a region where p is 0, whatever symbols p has; none where they cannot be found."""
    try:
        return seam_regions(start, p, _NOTHING, _NOTHING) or ()
    except (Unsupported, TypeError):  # SymPy's, of a comparison with what has no value
        return ()


def strata(
    look: Callable[[Resolver], bool], is_zero: Callable[[sympy.Expr], bool], seams: Iterable[Region], most: int
) -> Iterator[Region]:
    """At most so many parts of ``seams``: those on which ``look`` resolves what is of interest, the largest first.

    What was left out between two of them is a seam of its own. ``look`` says whether a part is of interest.
    """
    waiting, known = deque(seams), set[frozenset[tuple[sympy.Expr, sympy.Expr]]]()
    while waiting and most > 0:
        seam = waiting.popleft()
        key = frozenset(seam.seam)
        if key in known:
            continue
        known.add(key)
        edges: dict[sympy.Expr, None] = {}
        try:
            for resolver, _ in islice(regions(lambda one: look(one) or None, is_zero, seam), _MOST_SIDE_BY_SIDE):
                edges.update(dict.fromkeys(resolver.boundaries.values()))
                most -= 1
                yield resolver.region
                if most <= 0:
                    return
        except UNDECIDED:
            pass
        waiting.extend(edge for p in edges for edge in seams_on(seam, p))
