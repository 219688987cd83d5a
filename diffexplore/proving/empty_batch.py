"""The batch without samples: that a proof is for every number of them is said of none, too, only where a run shows it.

A trace takes a number of samples that is large: a division by N, or a question whether there are any, looks the same
for all of those. Formulas say what is right: without samples every sum is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

import sympy
from flint import arb
from sympy.logic.boolalg import Boolean

from diffexplore.checking.records import VALUE
from diffexplore.decide.records import Unsupported
from diffexplore.decide.refute import holds
from diffexplore.decide.values import value
from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES, outermost
from diffexplore.formula.derive import differentiate
from diffexplore.proving.formulas import by_symbol, differentiated
from diffexplore.proving.parts import Part, Parts
from diffexplore.proving.points_tried import DRAWS, Tensors, definite, drawn, in_digits, meant, name_of_value
from diffexplore.proving.runs import Function, WatchedRun, run, watched
from diffexplore.tracing.declarations import real, symbols_of
from diffexplore.tracing.sizes import meets
from diffexplore.tracing.traced import OUTPUT, Traced

SOME = sympy.Ge(SAMPLES, 1, evaluate=False)
"""What is stated of N where a proof does not hold for a batch without samples."""

_SAME = 2.0**-48  # relative; values that no bound is known of are the same only within this


def wrong_without_samples(
    name: str, function: Function, parts: Sequence[Part], found: Parts, loss: sympy.Expr | None, domain: Sequence[Any]
) -> str | None:
    """Why a proof by ``parts`` does not hold for a batch without samples; None where it does, or does not speak of it.

    ``loss`` is what was given, over all samples; None for the program's own forward pass. Where that has no value
    without samples, as a mean has none, nothing is claimed.
    """
    if not _hold_for_none(found.sizes):
        return None
    part = next((part for part in parts if _hold_for_none(part.guards)), None)
    if part is None:
        return f"no formula of {name} was read for N = 0"
    exact = _of_none(part.traced.output if loss is None else loss)
    if exact.has(sympy.nan, sympy.zoo, sympy.oo):
        return None
    raised = ""
    for tensors in _points(part.traced, domain):
        try:
            result = _run(function, tensors, part.traced)
        except Exception as error:  # of the program itself
            raised = raised or f"it raises {type(error).__name__}: {' '.join(str(error).split())[:120]}"
            continue
        if loss is None and not math.isfinite(float(result.values[OUTPUT])):
            return None
        return _difference(exact, part, tensors, result)
    return raised or f"no arguments of {name} were found"


def _hold_for_none(guards: Sequence[Any]) -> bool:
    """Whether conditions on N hold for none; one without a value there does not tell it apart."""
    try:
        return meets(guards, 0)
    except TypeError:
        return True


def _of_none(expr: Any) -> Any:
    """A formula, or a condition, over all samples where there are none, in real symbols; NaN where it has no value."""
    none = {**dict.fromkeys(outermost(expr), sympy.S.Zero), SAMPLES: sympy.S.Zero}
    try:
        found = expr.xreplace(none)
    except (TypeError, ValueError):  # SymPy compares nothing with 0/0
        return sympy.nan
    return found.xreplace({symbol: real(symbol.name) for symbol in found.free_symbols})


def _points(traced: Traced, domain: Sequence[Any]) -> Iterator[Tensors]:
    """Arguments without samples, at which some programs raise for what their parameters are."""
    tried = [drawn(traced, 0, DRAWS[kind], seed=1) for kind in ("inside", "signed")]
    yield from (tensors for tensors in (*tried, definite(traced, 0)) if meant(traced, domain, tensors))


def _run(function: Function, tensors: Tensors, traced: Traced) -> WatchedRun:
    """One call, and how far rounding may have moved each of its values: 0 where no bound is known."""
    plain = run(function, tensors, differentiated(traced))
    try:
        seen = watched(function, tensors, differentiated(traced))
    except Exception:  # of the watch: alone the program runs
        seen = None
    known = seen is not None and not seen.unbounded
    radii = (
        seen.radii if seen is not None and known else {name: one.new_zeros(()) for name, one in plain.values.items()}
    )
    return WatchedRun(plain.values, radii, ())


def _difference(exact: sympy.Expr, part: Part, tensors: Tensors, result: WatchedRun) -> str | None:
    """Which value or partial is not the one of the formula, with both."""
    parameters = part.traced.parameters
    point = {real(name): Fraction(float(number)) for name, number in by_symbol(parameters, tensors).items()}
    computed = {OUTPUT: result.values[OUTPUT], **by_symbol(parameters, result.values)}
    radii = {OUTPUT: result.radii[OUTPUT], **by_symbol(parameters, _spread(result.radii, tensors))}
    wrt = {one.name for one in part.statements if one.name != VALUE}
    for name in (OUTPUT, *(symbol.name for symbol in symbols_of(parameters) if symbol.name in wrt)):
        needs = {*part.traced.domains[OUTPUT], *part.traced.domains[name]}
        right = _right(exact, name, point) if all(_holds(need, point) for need in needs) else None
        if right is None:
            continue
        number, radius = float(computed[name]), float(radii[name])
        if not math.isfinite(number):
            return f"{name_of_value(name)} is {number}, and {float(right.mid()):.6g} is right"
        if not abs(arb(number) - right) <= arb(radius) + abs(right) * arb(_SAME):
            shown, meant_ = in_digits(number, float(right.mid()))
            return f"{name_of_value(name)} is {shown}, and {meant_} is right"
    return None


def _holds(need: Boolean, point: Mapping[sympy.Basic, Fraction]) -> bool:
    """Whether what the program needs for a value certainly holds without samples: Σ(x) ≠ 0 does not."""
    condition = _of_none(need)
    with suppress(Unsupported):
        return condition is not sympy.nan and holds(condition, dict(point), ())
    return False


def _spread(radii: Mapping[str, Any], tensors: Tensors) -> dict[str, Any]:
    """Each bound for all entries of its argument."""
    return {name: radius.expand(tensors[name].shape) for name, radius in radii.items() if name in tensors}


def _right(exact: sympy.Expr, name: str, point: Mapping[sympy.Basic, Fraction]) -> arb | None:
    """The value of a formula, or of its partial; None where it has none."""
    try:
        return value(exact if name == OUTPUT else differentiate(exact, real(name)), point)
    except (Unsupported, UsageError):
        return None
