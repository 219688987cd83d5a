"""Truths of formulas at a point, for the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy

from diffexplore.checking.enclosures import Enclosures
from diffexplore.checking.truth import TruthFinder
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse
from diffexplore.program.program import lower

#: The precision and the smallest exponent of float64.
FLOAT64 = (53, -1022)


def find(
    expressions: Sequence[sympy.Expr],
    loss: sympy.Expr,
    points: Sequence[Mapping[str, float]],
    domain: Sequence[Any] = (),
    wrt: Sequence[str] = ("x",),
) -> list[Enclosures]:
    """Enclosures of the partials of a loss by ``wrt``, as expressions, at all points; every symbol is data."""
    names = sorted(points[0])
    finder = TruthFinder(
        wrt,
        lower(list(expressions), names),
        lower([loss], names),
        lower(list(domain), names),
        {},
        names,
    )
    columns = {name: np.array([point[name] for point in points]) for name in names}
    found, _ = finder.samples(columns, len(points), *FLOAT64, {})
    return list(found.values())


def one(formula: str, at: Mapping[str, float], wrt: str = "x") -> tuple[Enclosures, Any]:
    """The enclosure of a formula's partial at one point, and the exact value by mpmath."""
    loss = parse(formula)
    partial = differentiate(loss, sympy.Symbol(wrt, real=True))
    (enclosure,) = find([partial], loss, [at], wrt=[wrt])
    return enclosure, partial


def distance(enclosure: Enclosures, exact: Any, i: int = 0) -> Any:
    with mpmath.workprec(2000):
        return abs(mpmath.mpf(float(enclosure.high[i])) + mpmath.mpf(float(enclosure.low[i])) - exact)
