"""How the descent ended: the first line of every explanation."""

from __future__ import annotations

from collections.abc import Callable

from diffexplore.checking.records import Truth
from diffexplore.fitting.explanation.words import ROUNDING, about_minimum, combination, number, place, same
from diffexplore.fitting.records import Finding, Fit
from diffexplore.lists import listed
from diffexplore.writing.numbers import counted, point_text, share, ulp_at

#: A parameter with at most this part of its way left has arrived; with at least the other, it has hardly moved.
_ARRIVED = 0.01
_HARDLY = 0.9
_AWAY = 1.1

#: Beyond this excess, relative to the minimum, two losses say more than a percentage.
PERCENT = 3.0


def ended(fit: Fit) -> Finding:
    """How the first run ended, held against what is known of the loss."""
    run = fit.run
    values = {"last": run.last.loss, "steps": run.steps, "status": fit.terrain.status}
    if not run.finite or run.ended in ("the loss is not finite", "the gradient is not finite"):
        best, lowest = run.best, ""
        if best is not None:
            lowest = f"; the lowest loss was {number(best.loss)}, after {counted(best.step, 'step')}, and is kept"
        how = f"{'stopped' if run.finite else 'diverged'}: after {counted(run.steps, 'step')}"
        if run.ended == "the loss is not a number":
            how = f"stopped: step {run.steps:,} ends at {point_text(run.last.point, digits=4)}, where"
        return Finding("ended", f"{how} {run.ended}{lowest}", values)
    if fit.optimum is not None and fit.excess is not None:
        return Finding("ended", _beside_minimum(fit), values | {"excess": fit.excess, "remaining": dict(fit.remaining)})
    stopped = f"stopped at a loss of {number(run.last.loss, 4)} after {counted(run.steps, 'step')}"
    reason = _NO_MINIMUM.get(fit.terrain.status, _NO_MINIMUM["unknown"])(fit)
    return Finding("ended", f"{stopped}: {reason}", values)


def _beside_minimum(fit: Fit) -> str:
    run, optimum = fit.run, fit.optimum
    assert optimum is not None and fit.excess is not None and run.last.loss is not None and run.first.loss is not None
    lowest, excess, where = optimum.value, fit.excess, about_minimum(fit)
    if _is_rounding(run.ulp, excess, lowest, run.dtype):
        took = f"in {counted(run.steps, 'step')}"
        return f"arrived at {where} {took}: the loss is {number(run.last.loss, 6)}, as low as {run.dtype} can tell"
    if excess > 0 and run.last.loss > run.first.loss:
        best = run.best
        kept = "" if best is None else f"; the lowest, {number(best.loss)} after {counted(best.step, 'step')}, is kept"
        return f"ran away: the loss rose from {number(run.first.loss)} to {number(run.last.loss)}{kept}"
    if not run.steps:
        return f"took no step: the loss is {number(run.last.loss)}, and {where} {number(lowest, 4)}"
    if lowest > 0 and excess <= PERCENT * lowest:
        how = f"stopped {share(excess / lowest)} above {where}"
    elif lowest > 0:
        how = (f"stopped at a loss of {number(run.last.loss)} after {counted(run.steps, 'step')}, "
               f"{number(run.last.loss / lowest, 2)} times {where}, {number(lowest, 4)}")  # fmt: skip
    else:
        how = f"stopped {number(excess)} above {where}, {number(lowest, 4)}"
    arrivals = [(name, _arrival(left)) for name, left in fit.remaining.items() if left is not None]
    return f"{how}: {same(arrivals)}" if arrivals else how


def _is_rounding(ulp: float | None, excess: float, lowest: float, dtype: str) -> bool:
    """Whether the dtype cannot tell the last loss from the lowest one.

    A computed loss of 0, which has no ulp of its own, is as low as a lowest loss that is not negative; a negative one
    has an ulp.
    """
    if ulp is None and lowest >= 0:
        return True
    ulp = ulp_at(Truth(repr(lowest), "0"), dtype) if ulp is None else ulp
    return ulp is not None and abs(excess) <= ROUNDING * ulp


def _arrival(left: float) -> str:
    if left <= _ARRIVED:
        return "has arrived"
    if left >= _AWAY:
        return "is farther from it than at the start"
    return "has hardly left its start" if left >= _HARDLY else f"has {share(left)} of its way to go"


# ------------------------------------------------------------------------------------------------- without a minimum
def _ridge(fit: Fit) -> str:
    if fit.terrain.scales:
        how = f"multiplying {listed(list(fit.run.first.point))} by one factor does not change it"
        return f"{how}, so that no minimum is isolated (a ridge, where the Hessian is singular)"
    how = f"moving along {fit.terrain.motion} does not change it"
    return f"{how}, so that no minimum is isolated where that moves (a ridge, where the Hessian is singular)"


def _infinity(fit: Fit) -> str:
    along = combination(fit.terrain.direction or {})
    return (f"no minimum was found, for it still falls at a distance of {number(fit.terrain.radius, 2)} "
            f"along {along}: its lowest value seems to lie at infinity")  # fmt: skip


def _falls(fit: Fit) -> str:
    along = combination(fit.terrain.direction or {})
    return f"it has no minimum, for it falls without bound along {along}, as its highest powers do"


def _flat(fit: Fit) -> str:
    (lowest,) = fit.terrain.stationary
    above = "" if fit.run.last.loss is None else f"{number(fit.run.last.loss - lowest.value)} above "
    return f"{above}the minimum {place(lowest.point)}, which is flat: a curvature is 0 there"


def _no_minimum(fit: Fit) -> str:
    if not fit.terrain.stationary:
        return "it has no minimum, for its gradient is 0 nowhere"
    kinds = [f"a {point.kind}" for point in fit.terrain.stationary]
    which = f"{listed(kinds)} {'is' if len(kinds) == 1 else 'are'}"
    return f"it has no minimum; {which} all that there is where the gradient is 0"


def _too_large(fit: Fit) -> str:
    return (f"its minimum was not looked for, which takes {number(fit.terrain.operations, 2)} operations in ball "
            "arithmetic for each evaluation")  # fmt: skip


_NO_MINIMUM: dict[str, Callable[[Fit], str]] = {
    "ridge": _ridge, "infinity": _infinity, "falls": _falls, "flat": _flat, "no minimum": _no_minimum,
    "too large": _too_large,
    "unbounded": lambda fit: "it is linear in its parameters, with one gradient everywhere: it has no minimum",
    "unknown": lambda fit: "no minimum could be certified below it",
    "constant": lambda fit: "it does not depend on its parameters here",
    "kink": lambda fit: (
        "it is piecewise linear in its parameters, so that a lowest point, if there is one, lies at a kink or on a flat"
    ),
}  # fmt: skip
