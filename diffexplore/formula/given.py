"""What a loss is made of as it is given: a summand as text or as an expression, names, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.arguments import as_texts, as_words
from diffexplore.errors import UsageError
from diffexplore.formula.branches import without_branches
from diffexplore.formula.exclusive import check_compatible
from diffexplore.formula.functions_sympy import dsinc, foreign_node
from diffexplore.formula.grammar import too_deep
from diffexplore.formula.names import check_name, shown
from diffexplore.formula.parse import parse_condition, parsed
from diffexplore.formula.syntax import names_of, read
from diffexplore.formula.written import program_of
from diffexplore.program.program import Program


@dataclass(frozen=True)
class Summand:
    """What was given: the expression that is differentiated, and the program that was written.

    ``program`` is None for an expression of SymPy, where no more was written than the expression says.
    """

    expression: sympy.Expr
    program: Program | None


def summand_of(formula: str | sympy.Expr, names: Sequence[str]) -> Summand:
    """The summand with real symbols, using all of ``names`` and no others; its program takes them in this order.

    Raises UsageError where it is not read, or where its symbols are not the names.
    """
    tree = None
    if isinstance(formula, str):
        tree = read(formula, symbols=names)
        expression, used = parsed(tree), sorted(names_of(tree))
    elif isinstance(formula, sympy.Expr):
        expression = _made_real(formula)
        used = sorted(symbol.name for symbol in expression.free_symbols)
    else:
        raise UsageError(f"a formula must be text or a SymPy expression, not {type(formula).__name__}")
    strange = [name for name in used if name not in names]
    if strange:
        listed = ", ".join(repr(name) for name in strange)
        verb = "is" if len(strange) == 1 else "are"
        raise UsageError(f"the formula uses {listed}, which {verb} neither parameter nor data")
    for name in names:
        if name not in used:
            dropped = "" if tree is not None else " (SymPy drops what cancels, such as a - a)"
            raise UsageError(f"the formula has no symbol {name!r}{dropped}: leave it out of parameters and data")
    try:
        return Summand(expression, None if tree is None else program_of(tree, names))
    except RecursionError:
        raise too_deep() from None


def _made_real(formula: sympy.Expr) -> sympy.Expr:
    """A SymPy expression of the user with real symbols and exact numbers."""
    real = {symbol: sympy.Symbol(check_name(symbol.name), real=True) for symbol in formula.free_symbols}
    real = {symbol: replacement for symbol, replacement in real.items() if symbol != replacement}
    exact = {number: sympy.Rational(*float(number).as_integer_ratio()) for number in formula.atoms(sympy.Float)}
    expression = formula.xreplace(real | exact).replace(
        lambda node: isinstance(node, Boolean) and node.has(sympy.ITE, sympy.Piecewise), without_branches
    )
    orders = (node for node in expression.atoms(sympy.polygamma, dsinc) if not node.args[0].is_Integer)
    strange = foreign_node(expression) or next(orders, None)
    if strange is not None:
        raise UsageError(f"the formula contains {strange}, which diffexplore cannot compute with")
    return expression


def names_in_order(names: str | Sequence[str], what: str = "names") -> tuple[str, ...]:
    """Names as given, one by one, or in one string with commas or spaces; ``what`` they are called in messages."""
    return tuple(check_name(name) for name in as_words(names, what))


def check_distinct(names: Sequence[str]) -> None:
    """Raises UsageError where a name is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"the name {name!r} is given twice")
        seen.add(name)


def conditions_of(domain: str | Sequence[str] | None, names: Sequence[str]) -> tuple[Boolean, ...]:
    """The conditions one by one; those that always hold are dropped.

    Raises UsageError for what is no condition on the names, for one that never holds, and for some that exclude each
    other.
    """
    conditions: list[Boolean] = []
    for text in () if domain is None else as_texts(domain, "domain", "'s > 0' or ['s > 0', 'x != 0']"):
        condition = parse_condition(text, names)
        if condition == sympy.false:
            raise UsageError(f"the condition {shown(text)} never holds")
        conditions += condition.args if isinstance(condition, sympy.And) else [condition]
    conditions = [condition for condition in conditions if condition != sympy.true]
    check_compatible(conditions)
    return tuple(conditions)
