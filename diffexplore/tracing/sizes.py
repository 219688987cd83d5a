"""Numbers of samples: which of them meet conditions on N, and which are left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.batch_sums import SAMPLES, SIZES

Guards = Sequence[Boolean]

#: Conditions that tell larger numbers of samples apart are not followed.
MOST = 1024


def meets(guards: Guards, samples: int) -> bool:
    """Whether conditions hold of a number of samples."""
    return all(guard.xreplace({SAMPLES: sympy.Integer(samples)}) == True for guard in guards)  # noqa: E712 (SymPy's)


def usual(guards: Guards) -> tuple[int, ...]:
    """A few small numbers of samples that meet conditions: the usual ones, else the least; none up to MOST: none."""
    found = tuple(size for size in SIZES if meets(guards, size))
    if found:
        return found
    return tuple(_first(3, (size for size in range(2, MOST + 1) if meets(guards, size))))


def apart(guards: Guards) -> tuple[int, ...]:
    """The numbers of samples next to those at which conditions change, where they hold."""
    holds = [meets(guards, size) for size in range(1, MOST + 1)] if guards else []
    changes = [size for size in range(2, len(holds) + 1) if holds[size - 1] != holds[size - 2]]
    near = {size for change in _first(4, changes) for size in (change - 1, change)}
    return tuple(sorted(size for size in near if holds[size - 1]))


def horizon(alternatives: Iterable[Guards]) -> tuple[int, int] | None:
    """T and P such that above T conditions depend on the number modulo P alone; None where none are known.

    T is a bound of the roots of polynomials in N, P a common multiple of the divisors of remainders.
    """
    period, last = 1, 1
    for guard in (guard for guards in alternatives for guard in guards):
        for relation in guard.atoms(sympy.core.relational.Relational):
            parts = _parts(relation.lhs - relation.rhs)
            if parts is None:
                return None
            period, last = math.lcm(period, parts[0]), max(last, parts[1])
    return (last, period) if period + last <= MOST else None


def _parts(difference: sympy.Expr) -> tuple[int, int] | None:
    """The period of an expression's remainders by whole numbers, and a bound of the roots of the rest of it."""
    beyond = {step: step.args[0] for step in difference.atoms(sympy.Mod) if step.args[0].is_Integer}
    if beyond:  # the remainder of a constant by something that grows with N, as torch asks for its layouts
        if any(step.args[1] != SAMPLES or constant < 0 for step, constant in beyond.items()):
            return None
        rest = _parts(difference.xreplace(beyond))
        return None if rest is None else (rest[0], max(rest[1], *(int(constant) for constant in beyond.values())))
    steps = difference.atoms(sympy.Mod) | difference.atoms(sympy.floor)
    period = 1
    for step in steps:
        divisor = step.args[1] if isinstance(step, sympy.Mod) else sympy.fraction(step.args[0])[1]
        dividend = step.args[0] if isinstance(step, sympy.Mod) else sympy.fraction(step.args[0])[0]
        if not divisor.is_Integer or divisor == 0 or not _polynomial(dividend):
            return None
        period = math.lcm(period, abs(int(divisor)))
    if difference.atoms(sympy.Mod) and not difference.atoms(sympy.floor):
        residual = sympy.Wild("rest")
        if difference.replace(sympy.Mod, lambda *_: residual).has(SAMPLES):
            return None  # a remainder beside N itself: rare, and not followed
        return period, 1
    # ⌊p/q⌋ = p/q - r with 0 ≤ r < 1: the roots are those of a polynomial whose constant is off by at most the
    # number of steps times their factors; only a single step beside a constant is followed
    if steps:
        (step, *others) = steps
        factor = sympy.diff(difference.xreplace({step: SAMPLES}), SAMPLES)
        if others or not factor.is_Rational or difference.xreplace({step: sympy.S.Zero}).has(SAMPLES):
            return None
        bounds = [_root_bound(difference.xreplace({step: step.args[0] - shift})) for shift in (0, 1)]
        known = [bound for bound in bounds if bound is not None]
        return (period, max(known)) if len(known) == len(bounds) else None
    bound = _root_bound(difference)
    return None if bound is None else (1, bound)


def _polynomial(expr: sympy.Expr) -> bool:
    poly = expr.as_poly(SAMPLES)
    return poly is not None and all(c.is_Integer for c in poly.all_coeffs())


def _root_bound(expr: sympy.Expr) -> int | None:
    """Cauchy's bound of the roots of a polynomial in N with rational coefficients."""
    poly = sympy.together(expr).as_numer_denom()[0].as_poly(SAMPLES)
    if poly is None or not all(c.is_Rational for c in poly.all_coeffs()):
        return None
    leading, *rest = poly.all_coeffs()
    return 1 if not rest else int(1 + max(abs(c / leading) for c in rest)) + 1


def _first(count: int, numbers: Iterable[int]) -> list[int]:
    found: list[int] = []
    for number in numbers:
        if len(found) == count:
            break
        found.append(number)
    return found
