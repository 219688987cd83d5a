"""One operation as a person reads it: a sum with its signs, a quotient of products, a power, a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.order import factors_in_order, is_negative_term, terms_in_order
from diffexplore.formula.sharing import Product, Shared, is_constant, unsigned
from diffexplore.formula.text import to_text

#: Gives the symbol of the node that computes an expression.
NameOf = Callable[[sympy.Expr], sympy.Expr]

#: The factors above or below a bar, as they are written out: what is named, and its power.
_Side = dict[sympy.Expr, tuple[sympy.Expr, int]]


@dataclass(frozen=True)
class GraphOperation:
    """An operation on the symbols of nodes, as an expression and as text; the operands in the order of reading."""

    expression: sympy.Expr
    text: str
    operands: tuple[sympy.Symbol, ...]


def operation_of(expr: sympy.Expr, name_of: NameOf, shared: Shared) -> GraphOperation:
    """The outermost operation of ``expr``. Numbers are part of it: 2·v and v + 1 have one operand."""
    if isinstance(expr, BatchSum):
        summand = name_of(expr.summand)
        return GraphOperation(BatchSum(summand, expr.symbols), f"Σ({summand})", (summand,))
    if expr.is_Add:
        return _sum(expr, name_of, shared)
    if expr.is_Mul or _is_inverse(expr):
        return _product(expr, name_of, shared)
    rebuilt = _renamed(expr, name_of)
    operands = [symbol for symbol in _named_in(expr, name_of) if rebuilt.has(symbol)]
    return GraphOperation(rebuilt, to_text(rebuilt), tuple(operands))


def _sum(expr: sympy.Expr, name_of: NameOf, shared: Shared) -> GraphOperation:
    text, total, operands = "", sympy.S.Zero, []
    parts, terms = shared.in_sum(expr)
    for term in (*parts, *_in_order(terms)):
        negative = term not in parts and is_negative_term(term)
        plain = term if term in parts else unsigned(term)
        if is_constant(term):
            shown, named = to_text(plain), plain
        else:
            named = name_of(plain)
            shown = str(named)
            operands.append(named)
        text += (" − " if negative else " + ") + shown if text else ("−" if negative else "") + shown
        total += -named if negative else named
    return GraphOperation(total, text, tuple(operands))


def _in_order(terms: list[sympy.Expr]) -> list[sympy.Expr]:
    """The terms in the order in which their sum is written."""
    return terms_in_order(sympy.Add(*terms, evaluate=False)) if len(terms) > 1 else terms


def _product(expr: sympy.Expr, name_of: NameOf, shared: Shared) -> GraphOperation:
    parts, rest = shared.in_product(Product.of(expr))
    sides: tuple[_Side, _Side] = {}, {}  # above the bar, below it
    for part, count in parts:
        sides[count < 0][part ** abs(count)] = part, abs(count)
    for base, exponent in rest.powers.items():
        factor = base ** sympy.Rational(abs(exponent.numerator), exponent.denominator)
        sides[exponent < 0][factor] = factor, 1
    upper, lower = ([_named(side[f], name_of) for f in factors_in_order(list(side))] for side in sides)
    negative = is_negative_term(rest.constant)
    over, under = sympy.fraction(-rest.constant if negative else rest.constant)
    texts = [*([_factor(over)] if over != 1 else []), *map(to_text, upper)] or ["1"]
    divisors = [*([_factor(under)] if under != 1 else []), *map(to_text, lower)]
    text = "·".join(texts)
    if divisors:
        text += f"/({'·'.join(divisors)})" if len(divisors) > 1 else f"/{divisors[0]}"
    expression = rest.constant * sympy.Mul(*upper) / sympy.Mul(*lower)
    operands = (factor.as_base_exp()[0] for factor in (*upper, *lower))
    return GraphOperation(expression, ("−" if negative else "") + text, tuple(dict.fromkeys(operands)))


def _named(part: tuple[sympy.Expr, int], name_of: NameOf) -> sympy.Expr:
    return name_of(part[0]) ** part[1]


def _factor(constant: sympy.Expr) -> str:
    text = to_text(constant)
    return f"({text})" if constant.is_Add else text


def _is_inverse(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative and not is_constant(factor))


def _renamed(expr: sympy.Basic, name_of: NameOf) -> sympy.Basic:
    """``expr`` with its arguments named; conditions and pairs are part of the operation, so theirs are, too."""
    return expr.func(*[_inside(argument, name_of) for argument in expr.args])


def _inside(argument: sympy.Basic, name_of: NameOf) -> sympy.Basic:
    if is_constant(argument):
        return argument
    return name_of(argument) if isinstance(argument, sympy.Expr) else _renamed(argument, name_of)


def _named_in(expr: sympy.Basic, name_of: NameOf) -> Iterator[sympy.Symbol]:
    """The symbols of the operands, conditions after what they choose from, each once."""
    seen: dict[sympy.Symbol, None] = {}
    values = [argument for argument in expr.args if isinstance(argument, sympy.Expr)]
    for argument in (*values, *(argument for argument in expr.args if argument not in values)):
        if is_constant(argument):
            continue
        found = [name_of(argument)] if isinstance(argument, sympy.Expr) else _named_in(argument, name_of)
        seen.update(dict.fromkeys(found))
    return iter(seen)
