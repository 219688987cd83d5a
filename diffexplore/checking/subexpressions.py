"""Subexpressions of a call that was watched: as text, and as SymPy writes them."""

from __future__ import annotations

import sympy

from diffexplore.formula.text import to_text
from diffexplore.typography import cut

#: Longer ones are cut.
_LONGEST = 70


def shown(formula: sympy.Expr) -> str:
    """The formula in ASCII, cut where it is long; numbers of a program, binary fractions, as decimals of few digits."""
    long = [number for number in formula.atoms(sympy.Rational) if number.q > 10_000]
    short = formula.xreplace({number: sympy.Symbol(f"{float(number):.6g}", positive=True) for number in long})
    return cut(to_text(short, unicode=False), _LONGEST)


def evaluated(formula: sympy.Expr) -> sympy.Expr:
    """The formula as SymPy writes it, in which forms are recognised."""
    if not formula.args:
        return formula
    return formula.func(*(evaluated(argument) for argument in formula.args))
