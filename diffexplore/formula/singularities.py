"""Where an expression may be undefined: what keeps simplification honest.

A simplification may not cancel a denominator that can vanish, and may not introduce one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.factoring import irreducible
from diffexplore.formula.forms import can_be_multiplied_out, few_to_factor
from diffexplore.formula.remembered import remembered
from diffexplore.formula.signs import certainly
from diffexplore.formula.size import TooLarge
from diffexplore.functions.tables import domain_of


def singularities(expr: sympy.Basic) -> frozenset[sympy.Basic]:
    """Expressions at whose zeros (or outside whose range) ``expr`` may be undefined, in one canonical form.

    Denominators and bases of roots are split into irreducible factors without those that never vanish; functions
    that are not defined everywhere stand for themselves.
    """
    found: set[sympy.Basic] = set()
    for node in sympy.preorder_traversal(expr):
        if node.is_Pow and not (node.exp.is_Integer and node.exp.is_positive):
            found.update(vanishing_factors(node.base))
        elif isinstance(node, sympy.Function):
            found.update(_of_function(node))
    return frozenset(found)


def nonzero_in(domain: Iterable[Boolean]) -> frozenset[sympy.Basic]:
    """The factors that do not vanish where all conditions of ``domain`` hold, in the form of :func:`singularities`."""
    strict = (sympy.Gt, sympy.Lt, sympy.Ne)
    apart = (condition.lhs - condition.rhs for condition in domain if isinstance(condition, strict))
    return frozenset(factor for difference in apart for factor in vanishing_factors(difference))


@remembered(1024)  # a proof comes back to the same conditions in each of its cases
def vanishing_factors(base: sympy.Expr) -> frozenset[sympy.Expr]:
    """The factors of ``base`` that may vanish, each with one sign and without its numerical content."""
    try:
        few_to_factor(base)
        numerator, _ = sympy.fraction(sympy.together(base))  # its denominator is a node of its own
        factors = [] if certainly(numerator, "nonzero") else irreducible(numerator)
    except (sympy.PolynomialError, NotImplementedError, TooLarge):
        factors = [_expanded(base)]
    may_vanish = (factor for factor in factors if not certainly(factor, "nonzero"))
    primitive = (factor.as_content_primitive()[1] for factor in may_vanish)
    return frozenset(-factor if factor.could_extract_minus_sign() else factor for factor in primitive)


def _of_function(node: sympy.Expr) -> Iterator[sympy.Basic]:
    """The conditions under which a function has a value, but for those that hold in any case."""
    domain = domain_of(node)
    if domain is None:
        return
    needed = [(expr, kind) for expr, kind in domain.needs(*node.args) if not certainly(expr, kind)]
    if all(kind == "nonzero" for _, kind in needed):
        for expr, _ in needed:
            yield from [expr.func(*map(_expanded, expr.args))] if expr.is_Function else vanishing_factors(expr)
    else:
        yield type(node)(*map(_expanded, node.args))


def _expanded(expr: sympy.Basic) -> sympy.Basic:
    """``expr`` multiplied out; as it is where that is too large: then only what is written alike is found alike.

    A branch with its condition is no expression, and stays as it is as well.
    """
    return sympy.expand(expr) if isinstance(expr, sympy.Expr) and can_be_multiplied_out(expr) else expr
