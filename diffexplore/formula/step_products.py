"""Products with a step, and with powers of squares, in forms that floats evaluate where they have a value."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from diffexplore.formula import build


def stepped(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with 0 in place of 0·∞ below a step: the slope of relu(a)ⁿ is 0 at a < 0, and no power of max(0, a)."""
    return _replaced(expr, sympy.Heaviside, _below_step)


def with_absolute_values(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with |u|³ for (u²)^(3/2), and |u|·u for |u|³/u, which is 0/0 in floats where u is 0.

    Formulas are of real numbers, though SymPy does not know that of the logarithm of a real symbol.
    """
    return _replaced(expr, sympy.Pow, _of_square)


def _replaced(expr: sympy.Expr, kind: type, change: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    """The expression with each node that holds one of a kind changed, from the inside."""
    known: dict[sympy.Basic, sympy.Basic] = {}

    def walked(node: sympy.Basic) -> sympy.Basic:
        if node not in known:
            arguments = tuple(map(walked, node.args)) if node.has(kind) else node.args
            same = arguments == node.args
            known[node] = change(node if same else node.func(*arguments)) if node.has(kind) else node
        return known[node]

    return walked(expr) if expr.has(kind) else expr


def _below_step(node: sympy.Expr) -> sympy.Expr:
    """What may be infinite below the step alone is left out there: a logarithm without a value there has none."""
    if not node.is_Mul:
        return node
    steps = [factor for factor in node.args if isinstance(factor, sympy.Heaviside)]
    flat = [
        factor
        for factor in node.args
        if factor.has(sympy.Max) and any(map(_may_be_infinite, sympy.preorder_traversal(factor)))
    ]
    others = [factor for factor in node.args if factor not in steps and factor not in flat]
    below = sympy.Or(*(step.args[0] < 0 for step in steps))
    if not flat or below in (sympy.true, sympy.false):
        return node
    return sympy.Mul(*others, sympy.Piecewise((sympy.S.Zero, below), (sympy.Mul(*steps, *flat), True)))


def _may_be_infinite(part: sympy.Basic) -> bool:
    """Whether it is a power or a logarithm of what is 0 below a step."""
    if not part.has(sympy.Max):
        return False
    return isinstance(part, sympy.log) or (part.is_Pow and not (part.exp.is_Rational and part.exp.is_positive))


def _of_square(node: sympy.Expr) -> sympy.Expr:
    if node.is_Pow:
        inner, outer = node.base, node.exp
        if inner.is_Pow and inner.exp.is_Integer and inner.exp % 2 == 0 and inner.exp > 0 and outer.is_Rational:
            return node if outer.is_Integer else sympy.Abs(inner.base) ** (inner.exp * outer)
        return node
    return _without_quotient(node) if node.is_Mul else node


def _without_quotient(node: sympy.Mul) -> sympy.Expr:
    """|u|ᵖ/uⁿ as |u|ᵖ⁻ⁿ·sign(u)ⁿ, where p is larger than n: both are 0 where u is."""
    factors = dict[sympy.Expr, sympy.Expr]()
    for factor in node.args:
        base, power = build.base_and_exponent(factor)
        factors[base] = factors.get(base, sympy.S.Zero) + power
    for base in [one for one in factors if isinstance(one, sympy.Abs)]:
        inside = base.args[0]
        below = -factors.get(inside, sympy.S.Zero)
        if below.is_Integer and below > 0 and factors[base].is_Rational and factors[base] > below:
            del factors[inside]
            factors[base] -= below
            factors[sympy.sign(inside)] = below % 2
    return sympy.Mul(*(base**power for base, power in factors.items()))
