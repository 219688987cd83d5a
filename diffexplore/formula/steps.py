"""A derivation line by line, as a student wants to read it, each line checked against the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy
from sympy.core.function import AppliedUndef

from diffexplore.errors import unknown
from diffexplore.formula.compare import agreement
from diffexplore.formula.derive import differentiate
from diffexplore.formula.order import is_reciprocal
from diffexplore.formula.rules import apply_rule, is_inner, pending
from diffexplore.formula.text import to_text

if TYPE_CHECKING:
    from diffexplore.loss import Loss

MAX_LINES = 60
"""A longer derivation takes the remaining derivatives in one line."""

_LETTERS = "uvwpqrghk"


@dataclass(frozen=True)
class DerivationStep:
    """One line of a derivation: ``after`` follows from ``before`` by ``rule``.

    Both hold unevaluated ``Derivative`` nodes and named inner functions such as u(a);
    :func:`diffexplore.formula.text.to_text` and ``to_latex`` print them.

    Attributes:
        checked: whether both lines were seen to be equal.
        how: "symbolically", or at how many random points to how many digits; empty where not checked.
    """

    before: sympy.Expr
    after: sympy.Expr
    rule: str
    checked: bool
    how: str


def derivation(loss: Loss, name: str, *, unicode: bool = True) -> tuple[DerivationStep, ...]:
    """The partial of the summand with respect to ``name``, derived one rule at a time and simplified at the end.

    Args:
        loss: the loss.
        name: a parameter or a data symbol.
        unicode: how the formulas within the rules are written.

    Raises:
        UsageError: where the loss has no such symbol.
    """
    if name not in loss.symbols:
        raise unknown("symbol", name, loss.symbols)
    return tuple(_Derivation(loss, name, unicode).steps())


class _Derivation:
    """The state of a derivation: the current line and the inner functions that were named on the way."""

    def __init__(self, loss: Loss, name: str, unicode: bool) -> None:
        self._symbol = loss.symbols[name]
        self._expression = loss.expression
        self._result = loss.gradient(name)[name]
        self._unicode = unicode
        self._definitions: dict[AppliedUndef, sympy.Expr] = {}
        letters = [letter for letter in _LETTERS if letter not in loss.symbols]
        self._free_names = iter([*letters, *(f"u{n}" for n in range(1, 1000) if f"u{n}" not in loss.symbols)])

    def steps(self) -> Iterator[DerivationStep]:
        line: sympy.Expr = sympy.Derivative(self._expression, self._symbol)
        value = self._value(line)
        for rule, after in self._lines(line):
            if after == line:
                continue
            after_value = self._value(after)
            how = agreement(value, after_value)
            yield DerivationStep(line, after, rule, how is not None, how or "")
            line, value = after, after_value

    def _lines(self, line: sympy.Expr) -> Iterator[tuple[str, sympy.Expr]]:
        """Rule and next line, until no derivative is left and the result is reached."""
        named = self._name_inner(self._expression)
        line = pending(named, self._symbol)
        yield self._definitions_text() or f"derivative of a multiple of {self._symbol}", line
        for _ in range(MAX_LINES):
            open_derivatives = _derivatives(line)
            if not open_derivatives:
                break
            outer = [node for node in open_derivatives if not is_inner(node)]
            rule, replaced = self._by_one_rule(outer) if outer else self._by_inner(open_derivatives)
            line = line.xreplace(replaced)
            yield rule, line
        line = self._value(line)
        yield "put the inner functions back", line
        yield "simplify", self._result

    def _by_one_rule(self, nodes: list[sympy.Derivative]) -> tuple[str, dict[sympy.Expr, sympy.Expr]]:
        """Every derivative to which the rule of the first one applies."""
        results = {node: apply_rule(node, unicode=self._unicode) for node in nodes}
        first = results[nodes[0]][0]
        return first, {node: result for node, (rule, result) in results.items() if rule == first}

    def _by_inner(self, nodes: list[sympy.Derivative]) -> tuple[str, dict[sympy.Expr, sympy.Expr]]:
        """Derivatives of inner functions: all at once where they are polynomials, else one definition opened."""
        slopes = {}
        order = list(self._definitions)
        for node in sorted(nodes, key=lambda node: order.index(node.expr)):
            definition = self._definitions[node.expr]
            if not definition.is_polynomial(self._symbol):
                known = set(self._definitions)
                named = self._name_inner(definition)
                new = self._definitions_text(known)
                rule = f"{node.expr.func.__name__} = {self._text(named)}" + (f", {new}" if new else "")
                return rule, {node: pending(named, self._symbol)}
            slopes[node] = differentiate(definition, self._symbol)
        return ", ".join(f"{self._text(node)} = {self._text(slope)}" for node, slope in slopes.items()), slopes

    def _name_inner(self, expr: sympy.Expr) -> sympy.Expr:
        """``expr`` with names for the inner functions at its surface."""
        names = {definition: name for name, definition in self._definitions.items()}
        for inner in dict.fromkeys(_inner_functions(expr, self._symbol)):
            if inner not in names:
                function = sympy.Function(next(self._free_names), real=True)(self._symbol)
                self._definitions[function] = inner
                names[inner] = function
        names.pop(expr, None)
        return expr.xreplace(names)

    def _definitions_text(self, known: Collection[AppliedUndef] = ()) -> str:
        new = (name for name in self._definitions if name not in known)
        texts = [f"{name.func.__name__} = {self._text(self._definitions[name])}" for name in new]
        return f"let {', '.join(texts)}" if texts else ""

    def _value(self, line: sympy.Expr) -> sympy.Expr:
        """The line with every name put back and every derivative taken."""
        derivatives = {node: differentiate(self._plain(node.expr), self._symbol) for node in _derivatives(line)}
        return self._plain(line.xreplace(derivatives))

    def _plain(self, expr: sympy.Expr) -> sympy.Expr:
        while expr.atoms(AppliedUndef):
            expr = expr.xreplace(self._definitions)
        return expr

    def _text(self, expr: sympy.Expr) -> str:
        return to_text(expr, unicode=self._unicode)


def _derivatives(line: sympy.Expr) -> list[sympy.Derivative]:
    """The derivatives still to be taken, in a fixed order."""
    nodes = (node for node in sympy.preorder_traversal(line) if isinstance(node, sympy.Derivative))
    return list(dict.fromkeys(nodes))


def _inner_functions(expr: sympy.Basic, symbol: sympy.Symbol) -> Iterator[sympy.Expr]:
    """The subexpressions worth a name: what stands inside a power or a function, outermost only."""
    for inner in _direct_inner(expr):
        if inner.has(symbol) and (inner.is_Add or (inner.is_Mul and not inner.is_number)) and inner != expr:
            yield inner
        else:
            yield from _inner_functions(inner, symbol)
    for argument in _outer_parts(expr):
        yield from _inner_functions(argument, symbol)


def _outer_parts(expr: sympy.Basic) -> list[sympy.Expr]:
    """The parts of a sum, a product (numerator first) or a choice of branches."""
    if expr.is_Add or expr.is_Mul:
        return sorted(expr.args, key=is_reciprocal)
    return [branch for branch, _ in expr.args] if isinstance(expr, sympy.Piecewise) else []


def _direct_inner(expr: sympy.Basic) -> tuple[sympy.Basic, ...]:
    """What stands directly inside a power or a function."""
    if expr.is_Pow:
        return (expr.base, expr.exp)
    if isinstance(expr, sympy.Piecewise) or not isinstance(expr, (sympy.Function, sympy.Max, sympy.Min)):
        return ()
    return expr.args
