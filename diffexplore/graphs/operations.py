"""One operation as a person reads it: a sum with its signs, a quotient of products, a power, a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy

from diffexplore.symbolic.batch_sums import SAMPLES, BatchSum
from diffexplore.symbolic.order import factors_in_order, is_negative_term, terms_in_order
from diffexplore.symbolic.text import to_text

#: Gives the symbol of the node that computes an expression.
NameOf = Callable[[sympy.Expr], sympy.Expr]


@dataclass(frozen=True)
class Operation:
    """An operation on the symbols of nodes, as an expression and as text; the operands in the order of reading."""

    expression: sympy.Expr
    text: str
    operands: tuple[sympy.Symbol, ...]


def is_constant(expr: sympy.Basic) -> bool:
    """Whether ``expr`` is the same whatever the inputs are; N counts as a constant."""
    return expr.free_symbols <= {SAMPLES} and not expr.has(BatchSum)


def operation_of(expr: sympy.Expr, name_of: NameOf) -> Operation:
    """The outermost operation of ``expr``. Numbers are part of it: 2·v and v + 1 have one operand."""
    if isinstance(expr, BatchSum):
        summand = name_of(expr.summand)
        return Operation(BatchSum(summand, expr.symbols), f"Σ({summand})", (summand,))
    if expr.is_Add:
        return _sum(expr, name_of)
    if expr.is_Mul or _is_inverse(expr):
        return _product(expr, name_of)
    rebuilt = _renamed(expr, name_of)
    operands = [symbol for symbol in _named_in(expr, name_of) if rebuilt.has(symbol)]
    return Operation(rebuilt, to_text(rebuilt), tuple(operands))


def _sum(expr: sympy.Expr, name_of: NameOf) -> Operation:
    text, total, operands = "", sympy.S.Zero, []
    for term in terms_in_order(expr):
        negative = is_negative_term(term)
        plain = -term if negative else term
        if is_constant(term):
            shown, named = to_text(plain), plain
        else:
            named = name_of(plain)
            shown = str(named)
            operands.append(named)
        text += (" − " if negative else " + ") + shown if text else ("−" if negative else "") + shown
        total += -named if negative else named
    return Operation(total, text, tuple(operands))


def _product(expr: sympy.Expr, name_of: NameOf) -> Operation:
    factors = sympy.Mul.make_args(expr)
    constant = sympy.Mul(*(factor for factor in factors if is_constant(factor)))
    varying = [factor for factor in factors if not is_constant(factor)]
    above = [name_of(factor) for factor in factors_in_order([f for f in varying if not _is_inverse(f)])]
    below = [name_of(factor) for factor in factors_in_order([1 / f for f in varying if _is_inverse(f)])]
    number = -constant if is_negative_term(constant) else constant
    over, under = sympy.fraction(number)
    upper = [*([_factor(over)] if over != 1 else []), *map(str, above)] or ["1"]
    lower = [*([_factor(under)] if under != 1 else []), *map(str, below)]
    text = "·".join(upper)
    if lower:
        text += f"/({'·'.join(lower)})" if len(lower) > 1 else f"/{lower[0]}"
    sign = "−" if is_negative_term(constant) else ""
    expression = constant * sympy.Mul(*above) / sympy.Mul(*below)
    return Operation(expression, sign + text, tuple(dict.fromkeys((*above, *below))))


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
