"""Differences of two roots or quotients, of which algebra knows the difference.

√(x + 1) − √x is 1/(√(x + 1) + √x), and 1/(x² + 1) − 1 is −x²/(x² + 1). The first is u − v = (u² − v²)/(u + v), the
second both over one denominator. Either helps only where digits cancel, and may overflow elsewhere: so it stands in a
choice.
"""

from __future__ import annotations

from collections import Counter

import sympy

from diffexplore.formula import build
from diffexplore.formula.forms import can_be_multiplied_out
from diffexplore.formula.functions_sympy import where
from diffexplore.formula.remembered import remembered
from diffexplore.formula.size import nodes

_MOST_NODES = 60
_MOST_TERMS = 2  # of the numerator: a longer one may cancel as well


@remembered(256)
def without_cancellation(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with a choice in the place of each such difference."""
    return build.from_leaves_up(expr, _chosen)


def _chosen(node: sympy.Expr) -> sympy.Expr:
    """A sum of two terms that cancels, with the form that does not where half of it or more is lost; else ``node``."""
    if not node.is_Add or len(node.args) != 2 or nodes(node) > _MOST_NODES:
        return node
    first, second = node.args
    roots = _has_root(first) or _has_root(second)
    whole = _over_one_denominator(first**2, -(second**2)) if roots else _over_one_denominator(first, second)
    if whole is None:
        return node
    if not roots and not _may_overflow(whole):
        return whole
    form = whole / (first - second) if roots else whole
    return where(sympy.Abs(node) < sympy.Abs(first) / 2, form, node)


def _has_root(term: sympy.Expr) -> bool:
    powers = (factor for factor in sympy.Mul.make_args(term) if factor.is_Pow and factor.base.free_symbols)
    return any(power.exp.is_Rational and not power.exp.is_Integer for power in powers)


def _may_overflow(quotient: sympy.Expr) -> bool:
    """Whether the numerator may be beyond the range of floats where its symbols are not."""
    above, _ = sympy.fraction(quotient)
    return not above.as_coeff_Mul()[1].is_Atom


def _over_one_denominator(first: sympy.Expr, second: sympy.Expr) -> sympy.Expr | None:
    """The sum as a quotient, where something that both terms have is gone from its numerator; None otherwise."""
    if not can_be_multiplied_out(first + second):
        return None
    below = _divisors(first) | _divisors(second)
    denominator = sympy.Mul(*(base**power for base, power in below.items()))
    above = [_terms(term * denominator) for term in (first, second)]
    numerator = _terms(sympy.Add(*(sympy.Add(*terms) for terms in above)))
    before, after = _monomials(above[0] + above[1]), _monomials(numerator)
    if len(numerator) > _MOST_TERMS or not after < before:
        return None
    return sympy.Add(*numerator) / denominator


def _divisors(term: sympy.Expr) -> Counter[sympy.Expr]:
    """The bases that a term is divided by, each with its power."""
    powers = (
        factor.as_base_exp() for factor in sympy.Mul.make_args(term) if factor.is_Pow and factor.base.free_symbols
    )
    return Counter({base: int(-power) for base, power in powers if power.is_Integer and power.is_negative})


def _terms(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Those of a sum, multiplied out; functions stay whole."""
    found = expr.expand(power_exp=False, power_base=False, log=False, trig=False)
    return () if found == 0 else sympy.Add.make_args(found)


def _monomials(terms: tuple[sympy.Expr, ...]) -> set[sympy.Expr]:
    return {term.as_coeff_Mul()[1] for term in terms}
