"""Expressions as text on one line, as a person would write them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.functions_sympy import sigmoid
from diffexplore.formula.order import factors_in_order, is_negative_term, is_reciprocal, terms_in_order
from diffexplore.functions.tables import function_of

# How tightly a text binds: a text is put in parentheses where its place needs a tighter one.
OR, AND, NOT, COMPARED, SUM, PRODUCT, FACTOR, ATOM = range(8)

_ASCII_RELATIONS = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_UNICODE_RELATIONS = _ASCII_RELATIONS | {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


#: The constants as functions, for formulas in which their names are symbols.
_SPELLED = {sympy.E: sympy.exp(1, evaluate=False), sympy.pi: 4 * sympy.atan(1, evaluate=False)}

_MANY_ZEROS = 16  # a whole number that ends in so many zeros is written with an exponent


def to_text(expr: sympy.Basic, *, unicode: bool = True, writer: Writer | None = None) -> str:
    """``expr`` on one line.

    Args:
        expr: an expression or condition over the functions of the formula language.
        unicode: write ``a·x² − √b`` rather than ``a*x**2 - sqrt(b)``; the latter is read back by
            :func:`diffexplore.formula.parse.parse`.
        writer: one that wrote other expressions, the parts of which it knows; it has its own ``unicode``.
    """
    return _text(expr, unicode) if writer is None else writer.write(_unambiguous(expr))


@lru_cache(maxsize=1024)  # whoever looks for the cause of an error names the same terms again and again
def _text(expr: sympy.Basic, unicode: bool) -> str:
    return Writer(unicode).write(_unambiguous(expr))


def _unambiguous(expr: sympy.Basic) -> sympy.Basic:
    """``expr`` without constants that are called like one of its symbols, as which they would be read back."""
    if expr.has(sympy.E, sympy.pi):
        named = {sympy.Symbol("e", real=True): sympy.E, sympy.Symbol("pi", real=True): sympy.pi}
        taken = {constant for symbol, constant in named.items() if symbol in expr.free_symbols}
        expr = expr.xreplace({constant: _SPELLED[constant] for constant in taken}) if taken else expr
    return expr


def conditions_to_text(conditions: Sequence[Boolean]) -> str:
    """Conditions that hold together, in one text that the formula parser reads back."""
    texts = (to_text(condition, unicode=False) for condition in conditions)
    return " and ".join(f"({text})" if " or " in text and len(conditions) > 1 else text for text in texts)


class Writer:
    def __init__(self, unicode: bool) -> None:
        self._known: dict[sympy.Basic, tuple[str, int]] = {}
        self._unicode = unicode
        self._times = "·" if unicode else "*"
        self._minus = "−" if unicode else "-"
        self._relations = _UNICODE_RELATIONS if unicode else _ASCII_RELATIONS

    def write(self, expr: sympy.Basic, place: int = OR) -> str:
        """The text of ``expr``, in parentheses where it binds less tightly than its ``place`` needs."""
        if expr not in self._known:
            self._known[expr] = self.words(expr)
        text, binding = self._known[expr]
        return text if binding >= place else f"({text})"

    def words(self, expr: sympy.Basic) -> tuple[str, int]:
        """The text of ``expr``, and how tightly it binds."""
        if expr.is_Rational:
            return self._number(expr)
        if expr.is_Add:
            return self._sum(expr), SUM
        if expr.is_Mul:
            body = self._unsigned(expr)
            return (self._minus + body, SUM) if is_negative_term(expr) else (body, PRODUCT)
        if expr.is_Pow:
            return self._power(expr)
        if isinstance(expr, (Relational, sympy.And, sympy.Or, sympy.Not)):
            return self._condition(expr)
        if isinstance(expr, sympy.ITE):  # formulas have no word for it
            first, yes, no = expr.args
            return self.words(sympy.Or(sympy.And(first, yes), sympy.And(sympy.Not(first), no)))
        if isinstance(expr, sympy.Piecewise):
            return self._piecewise(expr), ATOM
        if isinstance(expr, sympy.Derivative):
            return self._derivative(expr), ATOM
        if isinstance(expr, AppliedUndef):
            return expr.func.__name__, ATOM
        if isinstance(expr, BatchSum):
            return f"Σ({self.write(expr.summand)})", ATOM
        if isinstance(expr, (sympy.Function, sympy.Max, sympy.Min)):
            return self._function(expr), ATOM
        return self._leaf(expr), ATOM

    def _leaf(self, expr: sympy.Basic) -> str:
        if expr is sympy.pi:
            return "π" if self._unicode else "pi"
        if expr is sympy.E:  # read back, it is the number also where a symbol is called e
            return "e" if self._unicode else "exp(1)"
        return str(expr)

    def _number(self, number: sympy.Rational) -> tuple[str, int]:
        text = _whole(abs(number.p)) + (f"/{_whole(number.q)}" if number.q != 1 else "")
        if number.is_negative:
            return self._minus + text, SUM
        return text, ATOM if number.is_Integer else PRODUCT

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

    def _unsigned(self, term: sympy.Expr) -> str:
        """A term without its sign, as numerator over denominator."""
        above, below = _sides_of_bar(term)
        numerator = self._product(above)
        if not below:
            return numerator
        denominator = self._product(below)
        return f"{numerator}/({denominator})" if len(below) > 1 else f"{numerator}/{denominator}"

    def _product(self, factors: list[sympy.Expr]) -> str:
        return self._times.join(self.write(factor, FACTOR) for factor in factors) or "1"

    def _power(self, expr: sympy.Expr) -> tuple[str, int]:
        base, exponent = expr.args
        if exponent.is_Rational and exponent.is_negative:
            return self._unsigned(expr), PRODUCT
        if exponent == sympy.S.Half:
            return self._root(base), ATOM
        text = self.write(base, ATOM)
        if not self._unicode:
            return f"{text}**{self.write(exponent, ATOM)}", FACTOR
        if exponent.is_Integer:
            return text + str(exponent).translate(_SUPERSCRIPTS), FACTOR
        return f"{text}^{self.write(exponent, ATOM)}", FACTOR

    def _root(self, base: sympy.Expr) -> str:
        if self._unicode and (base.is_Integer or not base.args or isinstance(base, AppliedUndef)):
            return f"√{self.write(base)}"
        return f"{'√' if self._unicode else 'sqrt'}({self.write(base)})"

    def _function(self, expr: sympy.Expr) -> str:
        arguments = expr.args
        known = function_of(expr)
        name = known.name if known else expr.func.__name__
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
            return f"{self.write(expr.lhs, SUM)} {sign} {self.write(expr.rhs, SUM)}", COMPARED
        if isinstance(expr, sympy.Not):
            return f"not {self.write(expr.args[0], NOT)}", NOT
        word, binding = ("and", AND) if isinstance(expr, sympy.And) else ("or", OR)
        parts = sorted(expr.args, key=lambda part: part.sort_key())
        return f" {word} ".join(self.write(part, binding + 1) for part in parts), binding

    def _derivative(self, expr: sympy.Derivative) -> str:
        d = "∂" if self._unicode else "d"
        variable = expr.variables[0].name
        if isinstance(expr.expr, (AppliedUndef, sympy.Symbol)):
            return f"{d}{self.write(expr.expr)}/{d}{variable}"
        return f"{d}/{d}{variable}[{self.write(expr.expr)}]"


_Sides = tuple[list[sympy.Expr], list[sympy.Expr]]


def _sides_of_bar(term: sympy.Expr) -> _Sides:
    """The factors of a term above and below the bar, without its sign, in the order in which they are written."""
    number, rest = term.as_coeff_Mul()
    factors = [factor for factor in sympy.Mul.make_args(rest) if factor is not sympy.S.One]
    above, below = _constant_factors(abs(number), [factor for factor in factors if factor.is_number])
    more_above, more_below = _ordered([factor for factor in factors if not factor.is_number])
    return above + more_above, below + more_below


def _ordered(factors: list[sympy.Expr]) -> _Sides:
    above = [factor for factor in factors if not is_reciprocal(factor)]
    below = [1 / factor for factor in factors if is_reciprocal(factor)]
    return factors_in_order(above), factors_in_order(below)


def _constant_factors(number: sympy.Rational, irrational: list[sympy.Expr]) -> _Sides:
    """The constant of a term above and below the bar; √2/(2·√π) is written 1/√(2·π)."""
    if irrational:
        square = (number * sympy.Mul(*irrational)) ** 2
        for under, sides in ((square, lambda root: ([root], [])), (1 / square, lambda root: ([], [root]))):
            count, rest = under.as_coeff_Mul()
            if count.is_Integer and rest in (1, sympy.pi):
                return sides(sympy.Pow(under, sympy.S.Half, evaluate=False))
    above, below = _ordered(irrational)
    above = [sympy.Integer(number.p), *above] if number.p != 1 else above
    return above, [sympy.Integer(number.q), *below] if number.q != 1 else below


def _whole(number: int) -> str:
    """A whole number, with an exponent in the place of a long row of zeros: it is read back as the same number."""
    text = str(number)
    digits = text.rstrip("0")
    zeros = len(text) - len(digits)
    return f"{digits}e{zeros}" if zeros >= _MANY_ZEROS else text
