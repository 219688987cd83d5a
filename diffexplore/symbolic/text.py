"""Expressions as text on one line, as a person would write them."""

from __future__ import annotations

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from diffexplore.symbolic.cost import count_ops
from diffexplore.symbolic.functions_sympy import expm1, log1p, sigmoid, softplus
from diffexplore.symbolic.latex import to_latex
from diffexplore.symbolic.order import factors_in_order, is_negative_term, terms_in_order

__all__ = ["count_ops", "to_latex", "to_text"]

# How tightly a text binds: a text is put in parentheses where its place needs a tighter one.
_OR, _AND, _NOT, _COMPARED, _SUM, _PRODUCT, _POWER, _ATOM = range(8)

_NAMES: dict[type[sympy.Basic], str] = {
    sympy.loggamma: "lgamma", sympy.Abs: "abs", sympy.Max: "max", sympy.Min: "min", sympy.Heaviside: "heaviside",
    sigmoid: "sigmoid", softplus: "softplus", log1p: "log1p", expm1: "expm1",
}  # fmt: skip

_ASCII_RELATIONS = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_UNICODE_RELATIONS = _ASCII_RELATIONS | {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def to_text(expr: sympy.Basic, *, unicode: bool = True) -> str:
    """``expr`` on one line.

    Args:
        expr: an expression or condition over the functions of the formula language.
        unicode: write ``a·x² − √b`` rather than ``a*x**2 - sqrt(b)``; the latter is read back by
            :func:`diffexplore.symbolic.parse.parse`.
    """
    return _Writer(unicode).write(expr)


class _Writer:
    def __init__(self, unicode: bool) -> None:
        self._unicode = unicode
        self._times = "·" if unicode else "*"
        self._minus = "−" if unicode else "-"
        self._relations = _UNICODE_RELATIONS if unicode else _ASCII_RELATIONS

    def write(self, expr: sympy.Basic, place: int = _OR) -> str:
        """The text of ``expr``, in parentheses where it binds less tightly than its ``place`` needs."""
        text, binding = self._text(expr)
        return text if binding >= place else f"({text})"

    def _text(self, expr: sympy.Basic) -> tuple[str, int]:
        if expr.is_Rational:
            return self._number(expr)
        if expr.is_Add:
            return self._sum(expr), _SUM
        if expr.is_Mul:
            return self._signed_product(expr)
        if expr.is_Pow:
            return self._power(expr)
        if isinstance(expr, (Relational, sympy.And, sympy.Or, sympy.Not)):
            return self._condition(expr)
        if isinstance(expr, sympy.Piecewise):
            return self._piecewise(expr), _ATOM
        if isinstance(expr, sympy.Derivative):
            return self._derivative(expr), _ATOM
        if isinstance(expr, AppliedUndef):
            return expr.func.__name__, _ATOM
        if isinstance(expr, (sympy.Function, sympy.Max, sympy.Min)):
            return self._function(expr), _ATOM
        return self._leaf(expr), _ATOM

    def _leaf(self, expr: sympy.Basic) -> str:
        if expr is sympy.pi:
            return "π" if self._unicode else "pi"
        return "e" if expr is sympy.E else str(expr)

    def _number(self, number: sympy.Rational) -> tuple[str, int]:
        text = str(abs(number))
        if number.is_negative:
            return self._minus + text, _SUM
        return text, _ATOM if number.is_Integer else _PRODUCT

    def _sum(self, add: sympy.Expr) -> str:
        text = ""
        for term in terms_in_order(add):
            negative = is_negative_term(term)
            body = self._unsigned(term)
            if text:
                text += f" {self._minus if negative else '+'} {body}"
            else:
                text = (self._minus if negative else "") + body
        return text

    def _signed_product(self, mul: sympy.Expr) -> tuple[str, int]:
        body = self._unsigned(mul)
        return (self._minus + body, _SUM) if is_negative_term(mul) else (body, _PRODUCT)

    def _unsigned(self, term: sympy.Expr) -> str:
        """A term without its sign, as numerator over denominator."""
        number, rest = term.as_coeff_Mul()
        above, below = _over(rest)
        numerator = self._product(sympy.Integer(abs(number.p)), above)
        if not below and number.q == 1:
            return numerator
        denominator = self._product(sympy.Integer(number.q), below)
        several = len(below) + (number.q != 1) > 1
        return f"{numerator}/({denominator})" if several else f"{numerator}/{denominator}"

    def _product(self, number: sympy.Integer, factors: list[sympy.Expr]) -> str:
        texts = [self.write(factor, _PRODUCT + 1) for factor in factors_in_order(factors)]
        if number != 1 or not texts:
            texts.insert(0, str(number))
        return self._times.join(texts)

    def _power(self, expr: sympy.Expr) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Rational and exponent.is_negative:
            return self._unsigned(expr), _PRODUCT
        if exponent == sympy.S.Half:
            return self._root(base), _ATOM
        text = self.write(base, _ATOM)
        if not self._unicode:
            return f"{text}**{self.write(exponent, _ATOM)}", _POWER
        if exponent.is_Integer:
            return text + str(exponent).translate(_SUPERSCRIPTS), _POWER
        return f"{text}^{self.write(exponent, _ATOM)}", _POWER

    def _root(self, base: sympy.Expr) -> str:
        if self._unicode and (base.is_Symbol or base.is_Integer):
            return f"√{base}"
        return f"{'√' if self._unicode else 'sqrt'}({self.write(base)})"

    def _function(self, expr: sympy.Expr) -> str:
        arguments = expr.args
        name = _NAMES.get(expr.func, expr.func.__name__)
        if isinstance(expr, sympy.polygamma) and expr.args[0] in (0, 1):
            name, arguments = ("trigamma" if expr.args[0] else "digamma"), expr.args[1:]
        if isinstance(expr, sympy.Heaviside) and expr.args[1] == sympy.S.Half:
            arguments = expr.args[:1]
        texts = [self.write(argument) for argument in arguments]
        if self._unicode and isinstance(expr, sympy.Abs):
            return f"|{texts[0]}|"
        if self._unicode and isinstance(expr, sigmoid):
            name = "σ"
        return f"{name}({', '.join(texts)})"

    def _piecewise(self, expr: sympy.Piecewise) -> str:
        if len(expr.args) == 2 and expr.args[1].cond == sympy.true:
            (first, condition), (second, _) = expr.args
            return f"where({self.write(condition)}, {self.write(first)}, {self.write(second)})"
        pieces = (f"({self.write(piece.expr)}, {self.write(piece.cond)})" for piece in expr.args)
        return f"Piecewise({', '.join(pieces)})"

    def _condition(self, expr: sympy.Basic) -> tuple[str, int]:
        if isinstance(expr, Relational):
            sign = self._relations[expr.rel_op]
            return f"{self.write(expr.lhs, _SUM)} {sign} {self.write(expr.rhs, _SUM)}", _COMPARED
        if isinstance(expr, sympy.Not):
            return f"not {self.write(expr.args[0], _NOT)}", _NOT
        word, binding = ("and", _AND) if isinstance(expr, sympy.And) else ("or", _OR)
        parts = sorted(expr.args, key=lambda part: part.sort_key())
        return f" {word} ".join(self.write(part, binding + 1) for part in parts), binding

    def _derivative(self, expr: sympy.Derivative) -> str:
        d = "∂" if self._unicode else "d"
        variable = expr.variables[0].name
        if isinstance(expr.expr, (AppliedUndef, sympy.Symbol)):
            return f"{d}{self.write(expr.expr)}/{d}{variable}"
        return f"{d}/{d}{variable}[{self.write(expr.expr)}]"


def _over(expr: sympy.Expr) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """The factors above and below the bar; those below inverted, so that both are written with positive powers."""
    above, below = [], []
    for factor in sympy.Mul.make_args(expr):
        if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
            below.append(1 / factor)
        elif factor is not sympy.S.One:
            above.append(factor)
    return above, below
