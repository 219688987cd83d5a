"""Parts of expressions as exponentials: of which product or sum of them a part is another way to write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import sympy

from diffexplore.formula.functions_sympy import expm1, sigmoid

_MOST_SPREAD = 8  # terms of a product of sums that is a term of a sum
_MOST_POWER = 4  # of cosh and sinh in a sum, which is multiplied out


def exponent_of(node: sympy.Basic) -> sympy.Expr | None:
    """The exponent of e for an exponential, also of another number; None for another expression."""
    if isinstance(node, sympy.exp):
        return node.args[0]
    if node.is_Pow and node.base.is_number and node.base.is_positive and node.exp.free_symbols:
        return node.exp * sympy.log(node.base)
    return None


def as_sum(base: sympy.Expr, power: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """A power of σ(u), or of the slope 1 − tanh(u)² of tanh, as one of a sum that does not cancel to 0."""
    base = without_complements(base)
    if isinstance(base, sigmoid):
        return 1 + sympy.exp(-base.args[0]), -power
    if base.is_Add and len(base.args) == 2:
        one = next(iter(base.atoms(sympy.tanh)), None)
        if one is not None and base == 1 - one**2:
            return sympy.cosh(one.args[0]), -2 * power
    return base, power


def without_coefficient(factor: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """(c − c·tanh(u)²)ⁿ as cⁿ and (1 − tanh(u)²)ⁿ for a whole n; 1 and the factor for another one."""
    base, power = factor.as_base_exp()
    if not (base.is_Add and len(base.args) == 2 and power.is_Integer):
        return sympy.S.One, factor
    for slope in (one**2 for one in base.atoms(sympy.tanh)):
        number = base.args[0] if base.args[1].has(slope) else base.args[1]
        if number != 1 and base == number - number * slope:
            return number**power, (1 - slope) ** power
    return sympy.S.One, factor


def without_complements(expr: sympy.Expr) -> sympy.Expr:
    """A sum with c·σ(−u) in place of the terms c − c·σ(u)."""
    if not expr.is_Add:
        return expr
    terms = list(expr.args)
    for term in expr.args:
        one = next((part for part in sympy.Mul.make_args(term) if isinstance(part, sigmoid)), None)
        if one is None:
            continue
        number = -term / one
        if number in terms and term in terms and not number.has(one):
            terms.remove(number)
            terms.remove(term)
            terms.append(number * sigmoid(-one.args[0]))
    return sympy.Add(*terms)


def without_complement(factor: sympy.Expr) -> sympy.Expr:
    """A power of such a sum as one of what it is; another factor as it is."""
    base, power = factor.as_base_exp()
    return without_complements(base) ** power if base.is_Add else factor


def beside_one(expr: sympy.Expr) -> sympy.Expr | None:
    """u of 1 + exp(u), where exp(u) may have a positive factor; None for another expression."""
    if not (expr.is_Add and len(expr.args) == 2 and expr.args[0] == 1):
        return None
    exponents: list[sympy.Expr] = []
    others: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(expr.args[1]):
        exponent = exponent_of(factor)
        (others if exponent is None else exponents).append(factor if exponent is None else exponent)
    number = sympy.Mul(*others)
    if not exponents or not number.is_positive:
        return None
    return sympy.Add(*exponents, *([sympy.log(number)] if number != 1 else []))


def spread(term: sympy.Expr) -> sympy.Expr:
    """A term with the sums of exponentials in it multiplied out, where these are few."""
    sums = [part for part in sympy.Mul.make_args(term) if part.is_Add]
    if not sums or len(sums) == len(sympy.Mul.make_args(term)) or prod(len(part.args) for part in sums) > _MOST_SPREAD:
        return term
    return sympy.expand_mul(term, deep=False)


def is_power_of_tanh(factor: sympy.Expr) -> bool:
    return all(isinstance(part.as_base_exp()[0], sympy.tanh) or part.is_number for part in sympy.Mul.make_args(factor))


def multiplied_out(term: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """A term of a sum as coefficients and exponents: those of each term of the hyperbolic functions in it."""
    factor, exponent = sympy.S.One, sympy.S.Zero
    angles: list[sympy.Expr] = []
    for part in sympy.Mul.make_args(term):
        base, power = part.as_base_exp()
        own = exponent_of(part)
        if own is not None:
            exponent += own
        elif isinstance(base, (sympy.cosh, sympy.sinh)) and power.is_Integer and 0 < power <= _MOST_POWER:
            angles += [base.args[0]] * int(power)
            factor *= sympy.tanh(base.args[0]) ** power if isinstance(base, sympy.sinh) else 1
        elif isinstance(base, expm1) and power.is_Integer and 0 < power <= _MOST_POWER:
            half = base.args[0] / 2  # exp(u) − 1 = 2·exp(u/2)·sinh(u/2)
            angles += [half] * int(power)
            exponent += power * half
            factor *= (2 * sympy.tanh(half)) ** power
        else:
            factor *= part
    for signs in product((1, -1), repeat=len(angles)):
        moved = (sign * angle for sign, angle in zip(signs, angles, strict=True))
        yield factor / 2 ** len(angles), sympy.Add(exponent, *moved)
