"""Seams: where an expression that branches are chosen by is 0, as regions in fewer symbols.

On the seam y = 1 of data y a program has a value and a derivative by its parameters like anywhere else. There the
symbol is replaced, and the question is decided as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import is_empty
from diffexplore.decide.records import Unsupported
from diffexplore.decide.regions import Region, expanded_out, is_root, line_of, small
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.remembered import remembered
from diffexplore.formula.signs import number_sign
from diffexplore.formula.singularities import nonzero_in
from diffexplore.formula.step_functions import is_rounded

_MOST_PARTS = 16  # zero sets of more parts are not decided

Zeros = tuple[sympy.Expr, ...]
"""Expressions that are all 0."""


@remembered(1024)  # each seam is held against all that is stated
def zero_sets(p: sympy.Expr) -> tuple[Zeros, ...]:
    """Where p is 0, as a union: in each part all the expressions of a tuple are 0."""
    p = _undone(p)
    if p.is_Pow and p.exp.is_Rational and p.exp.is_positive:
        return zero_sets(p.base)
    if (squares := _squares(p)) is not None:
        return squares
    factors = nonzero_in([sympy.Ne(p, 0)])
    if len(factors) == 1 and factors != {p}:
        (factor,) = factors
        return ((factor,),) if factor.free_symbols or factor.has(BatchSum) else ()
    if factors == {p}:
        return ((p,),)
    return tuple(part for factor in sorted(factors, key=str) for part in zero_sets(factor))


def _undone(p: sympy.Expr) -> sympy.Expr:
    """exp(u) = t is u = log t, and √u = t is u = t²."""
    if p.has(BatchSum) or not p.free_symbols:
        return p
    line = line_of(p)
    undone = p.has(sympy.exp, sympy.log) or any(map(is_root, p.atoms(sympy.Pow)))
    return expanded_out(line.direction - line.threshold) if undone else p


def _squares(p: sympy.Expr) -> tuple[Zeros, ...] | None:
    """A sum of even powers, and of a constant that is not negative, is 0 where all of them are."""
    constant, rest = p.as_coeff_Add()
    terms = sympy.Add.make_args(rest)
    if len(terms) + bool(constant) < 2 or constant.is_negative:
        return None
    bases = []
    for term in terms:
        coefficient, power = term.as_coeff_Mul()
        if not (coefficient.is_positive and power.is_Pow and power.exp.is_even and power.exp.is_positive):
            return None
        bases.append(power.base)
    return () if constant.is_positive else (tuple(bases),)


def solved(p: sympy.Expr, avoid: Set[sympy.Basic], bound: Set[sympy.Basic]) -> tuple[sympy.Symbol, sympy.Expr] | None:
    """A symbol and what it is where p is 0, for all values of the others; None where no symbol is found.

    Symbols of samples come first. ``avoid`` are not solved for, and do not stand in p; of samples, the symbols outside
    sums know nothing, so that no other symbol may be what one of them is.
    """
    if p.has(BatchSum) or p.free_symbols & avoid:
        return None
    for symbol in sorted(p.free_symbols, key=lambda one: (one not in bound, str(one))):
        slope = expanded_out(sympy.diff(p, symbol))
        if symbol in slope.free_symbols or slope == 0 or is_rounded(symbol, p):
            continue
        rest = expanded_out(p.xreplace({symbol: sympy.S.Zero}))
        if (not slope.is_Rational and not _never_both(slope, rest)) or rest.has(sympy.zoo, sympy.nan):
            continue
        value = -rest / slope
        if not small(value):
            continue
        value = sympy.cancel(value) if slope.free_symbols else sympy.expand(value)
        if symbol in bound or not value.free_symbols & bound:
            return symbol, value
    return None


def _never_both(slope: sympy.Expr, rest: sympy.Expr) -> bool:
    """Whether the constant ``rest`` is not 0, so that the slope is not 0 either where slope·symbol + rest is 0."""
    return bool(rest.is_Rational and rest != 0) or bool(slope.is_number and slope.is_nonzero)


def on_zeros(
    start: Region, zeros: Zeros, avoid: Set[sympy.Basic], bound: Set[sympy.Basic]
) -> tuple[Region, ...] | None:
    """The part of a region where all of some expressions are 0: none or one; None where it cannot be decided.

    Where no symbol can be solved for, the region knows the value of an expression as a level.
    """
    found: Region | None = start
    for p in zeros:
        p = expanded_out(found.restricted(p)) if found is not None else p
        if p == 0:
            continue
        if not p.free_symbols:
            return () if _certainly_nonzero(p) else None
        pair = solved(p, avoid, bound)
        if found is None or (pair is None and p.atoms(sympy.Symbol) & avoid):
            return None
        if pair is None and (0 not in found.sign(p) or _never_zero(p)):
            return ()
        found = found.at_level(p) if pair is None else found.on(*pair)
        if found is None or is_empty(found):
            return ()
    return () if found is None else (found,)


def _never_zero(p: sympy.Expr) -> bool:
    """Whether a polynomial in one symbol has no real root (by Sturm's theorem)."""
    if p.has(BatchSum) or len(p.free_symbols) != 1:
        return False
    try:
        polynomial = sympy.Poly(p, *p.free_symbols, domain="QQ")
    except (sympy.PolynomialError, sympy.CoercionFailed):
        return False
    return polynomial.count_roots() == 0


def _certainly_nonzero(number: sympy.Expr) -> bool:
    try:
        return 0 not in number_sign(number)
    except Unsupported:
        return False


def _on_union(
    start: Region, parts: Iterable[Zeros], avoid: Set[sympy.Basic], bound: Set[sympy.Basic], zeros: Zeros
) -> tuple[Region, ...] | None:
    """The parts of a region, each knowing that all of ``zeros`` are 0; None where one cannot be decided, or seen to be.

    Expressions were split, into factors and without denominators, and levels are known by the form that they have.
    """
    found = []
    for part in parts:
        regions = on_zeros(start, part, avoid, bound)
        if regions is None:
            return None
        for region in regions:
            for p in zeros:
                if region.sign(p).certain != 0:
                    region = region.at_level(p)
                if region.sign(p).certain != 0:
                    return None
            found.append(region)
    return tuple(found)


def seam_regions(
    start: Region, p: sympy.Expr, avoid: Set[sympy.Basic], bound: Set[sympy.Basic]
) -> tuple[Region, ...] | None:
    """The parts of a region where p is 0, which know that; None where p cannot be decided to be 0 without ``avoid``."""
    return _on_union(start, zero_sets(start.restricted(p)), avoid, bound, (p,))


def degenerate_regions(
    start: Region, coefficients: Zeros | None, avoid: Set[sympy.Basic], bound: Set[sympy.Basic]
) -> tuple[Region, ...] | None:
    """The parts of a region where all coefficients are 0; None where they cannot be decided, or are not given."""
    if coefficients is None:
        return None
    parts: list[Zeros] = [()] if coefficients else []
    for number in coefficients:
        parts = [(*part, *more) for part in parts for more in zero_sets(start.restricted(number))]
        if len(parts) > _MOST_PARTS:
            return None
    return _on_union(start, (tuple(dict.fromkeys(part)) for part in dict.fromkeys(parts)), avoid, bound, coefficients)


def equations(domain: Iterable[Boolean]) -> Iterator[sympy.Expr]:
    """What the domain says to be 0."""
    for condition in domain:
        if isinstance(condition, sympy.Eq):
            yield condition.lhs - condition.rhs
