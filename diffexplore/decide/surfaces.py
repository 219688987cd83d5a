"""Domains that are surfaces: equations of symbols that are differentiated by, such as p + q = 1.

A derivative is one of a neighbourhood, so that the question is asked beside the surface as well: what is proved of all
points around it is proved of those on it. A difference beside it is none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.decide import decide_gradient
from diffexplore.decide.membership import rationals
from diffexplore.decide.points import points_in
from diffexplore.decide.records import Counterexample, Decision, Unsupported
from diffexplore.decide.refute import Seen, holds
from diffexplore.decide.regions import Region
from diffexplore.decide.seams import equations, seam_regions
from diffexplore.decide.sums import bound_symbols
from diffexplore.decide.values import value
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.formula.text import to_text

_TRIED = 40  # so many points of the surface are looked at for one at which both sides have a value
_SAMPLES = 2


def decide_beside_surfaces(
    forward: sympy.Expr, claimed: sympy.Expr, symbol: sympy.Symbol, stated: Mapping[str, Any]
) -> Decision | None:
    """The decision without the equations of the domain that hold the symbol, of their surface; None without such.

    It is a proof where it is one beside the surface and leaves some of that surface in; else unknown. ``stated`` are
    the further arguments of :func:`~diffexplore.decide.decide.decide_gradient`.
    """
    domain = [part for one in stated["domain"] for part in sympy.And.make_args(one)]
    surfaces = [one for one in domain if isinstance(one, sympy.Eq) and symbol in one.free_symbols]
    if not surfaces:
        return None
    others = [one for one in domain if one not in surfaces]
    found = decide_gradient(forward, claimed, symbol, **{**stated, "domain": others, "shown": None})
    text = " and ".join(map(to_text, surfaces))
    if found.status != "proved" or found.needs is None:
        reason = f"beside {text} it is not proved"
        return Decision("unknown", (), None, (*found.tried, reason), ended=(*found.ended, reason))
    conditions = [*others, *stated["needs"], *(need.need.condition for need in found.needs)]
    witness = _witness((forward, claimed), surfaces, conditions)
    if witness is None:
        reason = f"no point with {text} was found at which both sides have a value"
        return Decision("unknown", (), None, (*found.tried, reason), ended=(reason,))
    return replace(found, witness=witness)


def _witness(
    sides: Sequence[sympy.Expr], surfaces: Sequence[Boolean], conditions: Sequence[Boolean]
) -> Counterexample | None:
    """A point of the surface at which all conditions hold and both sides have a value."""
    bound = sorted({one for side in sides for one in bound_symbols(side)}, key=str)
    every = {one for part in (*sides, *conditions) for one in part.free_symbols}
    outside = sorted(every - {SAMPLES, *bound}, key=str)
    regions: tuple[Region, ...] | None = (Region(),)
    for p in equations(surfaces):
        regions = seam_regions(regions[0], p, frozenset(), frozenset(bound)) if regions else None
    if not regions:
        return None
    drawn = [points_in(Region(), bound, seed=1 + k, count=_TRIED) for k in range(_SAMPLES if bound else 0)]
    for at, *rows in zip(points_in(regions[0], outside, count=_TRIED), *drawn, strict=False):
        each = tuple(rows)
        with suppress(Unsupported):
            on_all = all(one.xreplace(rationals(at)) == sympy.true for one in surfaces)
            if on_all and all(holds(one, at, each) for one in conditions):
                function, slope = (value(side, at, each) for side in sides)
                if function is not None and slope is not None:  # the claimed slope, which is the right one
                    return Seen(at, each, slope, slope).counterexample()
    return None
