"""Stationary points: Newton's method in high precision, and a box that is proved to hold exactly one of them.

Source: R. Krawczyk, Newton-Algorithmen zur Bestimmung von Nullstellen mit Fehlerschranken, Computing 4 (1969) 187-201:
for f = ∇L, a box X with the centre c, and any matrix Y, if K(X) = c − Y f(c) + (I − Y H(X)) (X − c) lies in the
interior of X, then X holds exactly one zero of f, and K(X) holds it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.reduced import BITS, Derivatives, ReducedLoss

#: Half the width of the box that is tried first, relative to its centre: far above the accuracy of the centre.
_NARROW = 2.0**-100

#: How often a box that is not contracted is made wider, and by how much.
_WIDENINGS = 12
_WIDER = 2**6

#: A Newton iteration ends when its step is below this part of the point; or below the other, and shrinks no more: then
#: it is the rounding of sums over many samples.
_CONVERGED = arb(2) ** -180
_SMALL = arb(2) ** -60

_MOST_ITERATIONS = 100

#: A point that is farther from its start than this many times itself has run away.
_FARTHEST = 1e12


@dataclass(frozen=True)
class StationaryBox:
    """A box that holds exactly one stationary point, with the derivatives over all of it."""

    box: tuple[arb, ...]
    derivatives: Derivatives


def newton(loss: ReducedLoss, start: Sequence[arb]) -> list[arb] | None:
    """Plain Newton's iteration from ``start`` to its limit, exact midpoints; None where it does not converge."""
    with precision(BITS):
        at = [ball.mid() for ball in start]
        reach = max((abs(x) for x in at), default=arb(0)) + 1
        before = None
        for _ in range(_MOST_ITERATIONS):
            step = newton_step(loss, at)
            if step is None:
                return None
            at = [(x - move).mid() for x, move in zip(at, step, strict=True)]
            length = max(abs(move) for move in step)
            if max(abs(x) for x in at) > _FARTHEST * reach:
                return None
            if length <= _CONVERGED * reach or (
                length <= _SMALL * reach and before is not None and 4 * length > before
            ):
                return at
            before = length
    return None


def newton_step(loss: ReducedLoss, at: Sequence[arb]) -> list[arb] | None:
    """H⁻¹∇L at a point; None where the loss is not smooth or its Hessian not known to be regular."""
    found = loss.derivatives(at)
    if not found.finite:
        return None
    try:
        solved = found.hessian.solve(arb_mat([[entry] for entry in found.gradient]))
    except ZeroDivisionError:
        return None
    step = [solved[i, 0].mid() for i in range(len(at))]
    return step if all(move.is_finite() for move in step) else None


def stationary_box(loss: ReducedLoss, centre: Sequence[arb]) -> StationaryBox | None:
    """A box around ``centre`` that holds exactly one stationary point; None where none could be proved to."""
    with precision(BITS):
        at = [ball.mid() for ball in centre]
        here = loss.derivatives(at)
        inverse = _inverse(here) if here.finite else None
        if inverse is None:
            return None
        shift = inverse * arb_mat([[entry] for entry in here.gradient])
        moves = [abs(shift[i, 0]).upper() for i in range(len(at))]
        size = max((abs(x) for x in at), default=arb(0)) + arb(2) ** -100
        radius = max(arb(_NARROW) * size, 4 * max(moves, default=arb(0)))
        for _ in range(_WIDENINGS):
            box = [x + arb(0, 1) * radius for x in at]
            over = loss.derivatives(box)
            if not over.finite:
                return None
            if _contracts(at, box, shift, inverse, over):
                return StationaryBox(tuple(box), over)
            radius *= _WIDER
    return None


def _inverse(here: Derivatives) -> arb_mat | None:
    """An inverse of the Hessian's middle: any matrix may stand for it."""
    try:
        return here.hessian.mid().inv().mid()
    except ZeroDivisionError:
        return None


def _contracts(at: Sequence[arb], box: Sequence[arb], shift: arb_mat, inverse: arb_mat, over: Derivatives) -> bool:
    """Whether K(X) lies in the interior of X; ``shift`` is Y f(c)."""
    size = len(at)
    unity = arb_mat([[int(i == j) for j in range(size)] for i in range(size)])
    spread = (unity - inverse * over.hessian) * arb_mat([[x - c] for x, c in zip(box, at, strict=True)])
    contracted = (at[i] - shift[i, 0] + spread[i, 0] for i in range(size))
    return all(x.contains_interior(k) for x, k in zip(box, contracted, strict=True))
