"""Numbers of samples: sizes as expressions in N, which numbers meet conditions on it; the floats of a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean
from torch.fx import GraphModule

from diffexplore.formula.batch_sums import SAMPLES, SIZES
from diffexplore.formula.recognise import recognise
from diffexplore.torch_private.watching import tree_map

Guards = Sequence[Boolean]

#: Conditions that tell larger numbers of samples apart are not followed.
MOST = 1024

#: Functions that torch writes sizes in, where they are plain arithmetic.
_SIZE_FUNCTIONS: Mapping[str, Callable[..., sympy.Expr]] = {
    "ToFloat": lambda x: x, "Identity": lambda x: x,
    "FloatTrueDiv": lambda x, y: x / y, "IntTrueDiv": lambda x, y: x / y,
    "FloatPow": lambda x, y: x**y, "PowByNatural": lambda x, y: x**y,
    "Max": sympy.Max, "Min": sympy.Min,
}  # fmt: skip

#: Those that make steps, which conditions may have and formulas may not.
_STEPS: Mapping[str, Callable[..., sympy.Expr]] = {
    **dict.fromkeys(("FloorDiv", "CleanDiv"), lambda x, y: sympy.floor(x / y)),
    **dict.fromkeys(("Mod", "PythonMod"), sympy.Mod),
}  # fmt: skip

#: A float with so large a denominator, which is not recognised, may be computed from another one.
LONG = 2**32


def meets(guards: Guards, samples: int) -> bool:
    """Whether conditions hold of a number of samples."""
    return all(guard.xreplace({SAMPLES: sympy.Integer(samples)}) == True for guard in guards)  # noqa: E712 (SymPy's)


def usual(guards: Guards) -> tuple[int, ...]:
    """A few small numbers of samples that meet conditions: the usual ones, else the least; none up to MOST: none."""
    found = tuple(size for size in SIZES if meets(guards, size))
    return found or tuple(islice((size for size in range(2, MOST + 1) if meets(guards, size)), 3))


def apart(guards: Guards) -> tuple[int, ...]:
    """The numbers of samples next to those at which conditions change, where they hold."""
    holds = [meets(guards, size) for size in range(1, MOST + 1)] if guards else []
    changes = [size for size in range(2, len(holds) + 1) if holds[size - 1] != holds[size - 2]]
    near = {size for change in changes[:4] for size in (change - 1, change)}
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


def in_samples(
    size: Any, symbol: sympy.Symbol | None, read: Callable[[float], sympy.Expr] = lambda value: recognise(value)[0]
) -> sympy.Expr:
    """A size, or what a graph computes from sizes, as an exact expression in N; ``read`` says what its floats mean."""
    expr = getattr(getattr(size, "node", None), "expr", size)
    expr = _without(_SIZE_FUNCTIONS, sympy.sympify(expr))
    exact = {number: read(float(number)) for number in expr.atoms(sympy.Float)}
    renamed = {} if symbol is None else {symbol: SAMPLES}
    return expr.xreplace(exact).xreplace(renamed)


def relation_in_samples(guard: Any, symbol: sympy.Symbol) -> sympy.Basic:
    """A condition on the number of samples, in functions of SymPy."""
    return _without(_STEPS, in_samples(guard, symbol))


def _without(functions: Mapping[str, Callable[..., sympy.Expr]], expr: sympy.Basic) -> sympy.Basic:
    """An expression with torch's functions of sizes, by their names, written as others, the innermost first."""

    def is_wrapped(node: sympy.Basic) -> bool:
        return type(node).__module__.startswith("torch") and type(node).__name__ in functions

    while wrapped := list(filter(is_wrapped, expr.atoms(sympy.Function))):
        node = min(wrapped, key=lambda node: node.count_ops())
        expr = expr.xreplace({node: functions[type(node).__name__](*node.args)})
    return expr


def floats_of(graph: GraphModule) -> tuple[float, ...]:
    """The floats among the arguments of a graph, each once."""
    found: dict[float, None] = {}
    for node in graph.graph.nodes:
        tree_map(lambda part: found.setdefault(part) if isinstance(part, float) else None, (node.args, node.kwargs))
    return tuple(found)
