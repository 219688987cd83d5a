"""What the loss looks like: at the start, where plain Newton would go, and at the minimum."""

from __future__ import annotations

import math
from fractions import Fraction

from diffexplore.fitting.explanation.words import about_minimum, number, place
from diffexplore.fitting.records import Finding, Fit
from diffexplore.lists import listed
from diffexplore.writing.numbers import counted

#: A point is there where this part of the way from the start is left at most.
_THERE = 0.01


def indefinite_start(fit: Fit) -> Finding | None:
    """A start at which the loss curves up in one direction and down in another."""
    start = fit.start
    if start is None or start.definite not in ("indefinite", "negative"):
        return None
    values = [one.value for one in start.directions]
    numbers = f"{'eigenvalue' if len(values) == 1 else 'eigenvalues'} {listed([number(value, 2) for value in values])}"
    sentence = f"at the start the Hessian is {start.definite} ({numbers}): Newton's step need not lead down there"
    return Finding("indefinite_start", sentence, {"eigenvalues": values})


def plain_newton(fit: Fit) -> Finding | None:
    """Where Newton's iteration goes that takes every step, if that is not the minimum."""
    newton = fit.plain_newton
    if newton is None or newton.end.kind == "minimum":
        return None
    start, end = place(fit.run.first.point), f"{newton.end.kind} {place(newton.end.point)}"
    sentence = f"plain Newton from {start} ends at the {end} after {counted(newton.steps, 'step')}"
    values = {"steps": newton.steps, "kind": newton.end.kind, "point": dict(newton.end.point)}
    return Finding("plain_newton", sentence, values)


def at_another(fit: Fit) -> Finding | None:
    """A descent that came to a stationary point that is no minimum: nothing leads away from it."""
    known = [*fit.terrain.stationary, *([] if fit.plain_newton is None else [fit.plain_newton.end])]
    for other in known:
        way, left = (math.dist(at.point.values(), other.point.values()) for at in (fit.run.first, fit.run.last))
        if other.kind not in ("minimum", "flat minimum") and left <= _THERE * way and fit.run.finite:
            where = f"{other.kind} {place(other.point)}"
            sentence = f"it has come to the {where}, where the gradient is 0 as it is at a minimum"
            return Finding("at_another", sentence, {"kind": other.kind, "distance": left, "point": dict(other.point)})
    return None


def flat(fit: Fit) -> Finding | None:
    """How a descent slows down at a minimum without curvature: as the equation dx/dk = −rate·∂(c·xᵐ)/∂x has it."""
    orders = {name: order for name, order in (fit.terrain.orders or {}).items() if order > 2}  # flat
    if not orders:
        return None
    name, order = max(orders.items(), key=lambda entry: entry[1])
    distance, loss = Fraction(1, order - 2), Fraction(order, order - 2)
    slows = (
        f", so that at a rate that stays gradient descent comes nearer only as 1/k^{_power(distance)} in k steps, and "
        f"the loss falls as 1/k^{_power(loss)}"
    )
    sentence = (
        f"the minimum is flat: along {listed(list(orders))} the curvature there is 0, and the loss grows as the power "
        f"{order} of the distance{slows if fit.optimizer == 'gd' else ''}; it is proved to be the only stationary point"
    )
    values = {"orders": orders, "along": name, "distance_exponent": -float(distance), "loss_exponent": -float(loss)}
    return Finding("flat_minimum", sentence, values)


def _power(exponent: Fraction) -> str:
    return str(exponent) if exponent.denominator == 1 else f"({exponent})"


def certified(fit: Fit) -> Finding | None:
    """What is proved of the minimum."""
    optimum, terrain = fit.optimum, fit.terrain
    if optimum is None:
        return None
    width = max(float(truth.rad) for truth in optimum.box.values())
    where = about_minimum(fit)
    every = ""
    if terrain.complete and len(terrain.stationary) > 1:
        others = listed([f"a {other.kind}" for other in terrain.stationary if other is not optimum])
        every = f"; by algebra the only other{'s are' if len(terrain.stationary) > 2 else ' is'} {others}"
    elif terrain.complete:
        every = "; by algebra there is no other"
    sentence = (
        f"{where} is proved: exactly one stationary point lies within {number(width, 1)}, with a positive definite "
        f"Hessian{every}"
    )
    values = {"half_width": width, "stationary": len(terrain.stationary), "complete": terrain.complete}
    return Finding("certified", sentence, values)
