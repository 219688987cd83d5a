"""What the loss looks like where a descent should end: its stationary points, or why it has none to be found.

A minimum is one only where a box is proved to hold exactly one stationary point, with a positive definite Hessian.
Lines of stationary points are proved by a symmetry of the loss. What is not proved is described as seen, not as known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy
from flint import arb
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import CASES
from diffexplore.fitting.certify import newton, stationary_box
from diffexplore.fitting.closed_form import ClosedFormMinimum, closed_forms
from diffexplore.fitting.curvature import Eigenvalue, eigenvalues
from diffexplore.fitting.lowest import branches, falls_below
from diffexplore.fitting.polynomial import falls_along, flat_minimum
from diffexplore.fitting.reduced import BITS, Derivatives, ReducedLoss, point
from diffexplore.fitting.symmetries import Motion, symmetries
from diffexplore.fitting.trust_region import descend
from diffexplore.fitting.written_value import ends, has_value
from diffexplore.formula.text import conditions_to_text
from diffexplore.program.program import lower

#: An evaluation with more operations is too long for a search of a hundred of them.
MOST_OPERATIONS = 5_000_000

#: How far out a loss is followed that seems to have its minimum at infinity, in units of the point where Newton ended.
_RADII = tuple(2.0**k for k in range(21))


@dataclass(frozen=True)
class Stationary:
    """One stationary point, in a box of its own.

    ``kind`` is "minimum", "maximum", "saddle", or "degenerate" where the sign of an eigenvalue is open, or "flat
    minimum" where one is 0 at what is a minimum for another reason.
    """

    box: tuple[arb, ...]
    derivatives: Derivatives
    eigenvalues: tuple[Eigenvalue, ...] | None
    kind: str
    closed: ClosedFormMinimum | None = None


@dataclass(frozen=True)
class Landscape:
    """What was found.

    ``status`` is

    - "minimum" or "local minimum": ``optimum`` is the lowest minimum of ``stationary``; the former where these are
      all stationary points that there are, and nothing lower was found: no jump, no pole, no end, no ray that falls;
    - "no minimum": all stationary points are known, none is a minimum, and the loss has no corner and no end;
    - "ridge": a motion of the parameters leaves the loss as it is: ``motion``, ``moving`` at ``end``;
    - "kink": the loss is piecewise linear in its parameters;
    - "unbounded": the loss is linear in its parameters: its gradient is the same everywhere;
    - "falls": it is a polynomial that falls below every bound along ``direction``;
    - "flat": a polynomial whose one stationary point is a minimum with a curvature of 0: there it grows as the distance
      along each parameter to the power of its ``orders``;
    - "infinity": the loss falls along ``direction`` as far as it was followed: ``radius``;
    - "constant": the loss does not depend on its parameters;
    - "no parameters", "too large" (to be searched: an evaluation takes ``operations``), or "unknown".
    """

    status: str
    optimum: Stationary | None = None
    stationary: tuple[Stationary, ...] = ()
    complete: bool = False
    end: tuple[float, ...] | None = None
    motion: Motion | None = None
    direction: tuple[float, ...] | None = None
    radius: float | None = None
    operations: int = 0
    orders: tuple[int, ...] | None = None


def landscape_of(loss: ReducedLoss, start: Sequence[float]) -> Landscape:
    """The stationary points of ``loss``, by algebra where that finds them all, else the one below ``start``."""
    if not loss.parameters:
        return Landscape("no parameters")
    if loss.operations > MOST_OPERATIONS:
        return Landscape("too large", operations=loss.operations)
    if _is_linear(loss):
        return _linear(loss, start)
    closed = closed_forms(loss)
    if closed is not None:
        proved = [_stationary(loss, form.box, form) for form in closed]
        if all(one is not None for one in proved):
            return _of_all(loss, [one for one in proved if one is not None])
    if _is_quadratic(loss):
        found = stationary_at(loss, point(start))
        if found is not None and _in_domain(loss, found.box):
            return _of_all(loss, [found])
    return _by_search(loss, start)


def _of_all(loss: ReducedLoss, found: Sequence[Stationary]) -> Landscape:
    """What all stationary points say, of which some may be outside the domain."""
    inside = tuple(one for one in found if _in_domain(loss, one.box))
    minima = [one for one in inside if one.kind == "minimum"]
    if not minima:  # but perhaps a lowest value where the loss ends, or at a corner
        status = "unknown" if ends(loss.loss) or branches(loss) else "no minimum"
        return Landscape(status, stationary=inside, complete=True)
    best = min(minima, key=_height)
    below = min(map(_height, found)) < _height(best) or falls_below(loss, best.box, best.derivatives.value)
    lowest = _is_quadratic(loss) or not below
    return Landscape("minimum" if lowest else "local minimum", best, inside, complete=True)


def _height(one: Stationary) -> float:
    return float(one.derivatives.value.mid())


def stationary_at(loss: ReducedLoss, start: Sequence[arb]) -> Stationary | None:
    """The stationary point to which plain Newton goes from ``start``; None where none is certified there."""
    limit = newton(loss, start)
    return None if limit is None else _stationary(loss, limit, None)


def _stationary(loss: ReducedLoss, centre: Sequence[arb], closed: ClosedFormMinimum | None) -> Stationary | None:
    proved = stationary_box(loss, centre)
    if proved is None:
        return None
    values = eigenvalues(proved.derivatives.hessian)
    return Stationary(proved.box, proved.derivatives, values, kind_of(values), closed)


def kind_of(values: tuple[Eigenvalue, ...] | None) -> str:
    """What a stationary point with these curvatures is."""
    signs = {None} if values is None else {value.sign for value in values}
    if signs == {1}:
        return "minimum"
    if signs == {-1}:
        return "maximum"
    return "saddle" if {1, -1} <= signs else "degenerate"


# ----------------------------------------------------------------------------------------------------- by searching
def _by_search(loss: ReducedLoss, start: Sequence[float]) -> Landscape:
    end = descend(loss, start)
    with precision(BITS):
        found = stationary_at(loss, [arb(x) for x in end])
    if found is not None and found.kind == "minimum" and _in_domain(loss, found.box):
        return Landscape("local minimum", found, (found,), end=end)
    for motion in symmetries(loss.loss):
        if any(motion.at(end)):
            return Landscape("ridge", end=end, motion=motion)
    if branches(loss) and all(sympy.together(second).is_zero for second in loss.formulas.hessian.values()):
        return Landscape("kink", end=end)
    flat = flat_minimum(loss)
    if flat is not None:
        with precision(BITS):
            derivatives = loss.derivatives(flat.box)
        lowest = Stationary(flat.box, derivatives, eigenvalues(derivatives.hessian), "flat minimum")
        return Landscape("flat", stationary=(lowest,), complete=True, orders=flat.orders)
    known = () if found is None else (found,)
    return _far_away(loss, start, end) or Landscape("unknown", stationary=known, end=end)


def _far_away(loss: ReducedLoss, start: Sequence[float], end: Sequence[float]) -> Landscape | None:
    """Whether the loss falls from ``start`` through ``end`` and on, certified at each radius but not between them."""
    way = [last - first for first, last in zip(start, end, strict=True)]
    length = math.hypot(*way)
    if not 0 < length < math.inf:
        return None
    direction = [x / length for x in way]
    radius = 0.0
    with precision(BITS):
        for scale in _RADII:
            at = [arb(first) + arb(x) * arb(length * scale) for first, x in zip(start, direction, strict=True)]
            slope = sum((arb(x) * entry for x, entry in zip(direction, loss.gradient(at), strict=True)), arb(0))
            if not (slope < 0 and _in_domain(loss, at)):
                break
            radius = length * scale
    if falls_along(loss, direction):
        return Landscape("falls", direction=tuple(direction))
    if radius < length * 2**6:
        return None
    return Landscape("infinity", end=tuple(end), direction=tuple(direction), radius=radius)


# ------------------------------------------------------------------------------------------------------ by its form
def _is_linear(loss: ReducedLoss) -> bool:
    return _are_constant(loss, loss.formulas.gradient)


def _is_quadratic(loss: ReducedLoss) -> bool:
    """Whether the Hessian is the same everywhere: where it is regular, there is one stationary point."""
    return _are_constant(loss, loss.formulas.hessian.values())


def _are_constant(loss: ReducedLoss, derivatives: Iterable[sympy.Expr]) -> bool:
    """Whether derivatives of a loss without branches are the same for all parameters."""
    symbols = {loss.loss.symbols[name] for name in loss.parameters}
    return not any(one.free_symbols & symbols for one in derivatives) and not branches(loss)


def _linear(loss: ReducedLoss, start: Sequence[float]) -> Landscape:
    """A gradient that is the same everywhere: 0 (each point is a minimum), or the loss has no lower bound."""
    with precision(BITS):
        slopes = loss.gradient([arb(x) for x in start])
    if any(not slope.contains(0) for slope in slopes):
        if ends(loss.loss):
            return _by_search(loss, start)
        with precision(BITS):  # whose squares neither overflow nor underflow
            middles = [slope.mid() for slope in slopes]
            length = sum((middle * middle for middle in middles), arb(0)).sqrt()
            return Landscape("unbounded", direction=tuple(float((-middle / length).mid()) for middle in middles))
    return Landscape("constant" if all(slope.is_zero() for slope in slopes) else "unknown")


def _in_domain(loss: ReducedLoss, box: Sequence[arb]) -> bool:
    """Whether the conditions of the domain on the parameters hold in all of the box, where the loss has a value."""
    return all(holds is True for _, holds in _conditions(loss, box)) and has_value(loss, box)


def outside_domain(loss: ReducedLoss, at: Sequence[arb]) -> str | None:
    """A condition of the domain on the parameters that certainly fails, as text; None where there is none."""
    condition = next((condition for condition, holds in _conditions(loss, at) if holds is False), None)
    return None if condition is None else f"{conditions_to_text((condition,))} does not hold"


def _conditions(loss: ReducedLoss, box: Sequence[arb]) -> list[tuple[Boolean, bool | None]]:
    """The conditions of the domain that only the parameters decide, and whether they hold in the box."""
    parameters = {loss.loss.symbols[name] for name in loss.parameters}
    conditions = [condition for condition in loss.loss.domain if condition.free_symbols <= parameters]
    if not conditions:
        return []
    with precision(BITS):
        values = dict(zip(loss.parameters, box, strict=True))
        return list(zip(conditions, lower(conditions, loss.parameters).run(CASES, values), strict=True))
