"""The summand of a loss with its names and conditions: as given, as SymPy has it, as written, as shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.arguments import as_texts, as_words
from diffexplore.errors import UsageError, unknown
from diffexplore.formula.compare import without_branches
from diffexplore.formula.elimination import check_compatible
from diffexplore.formula.functions_sympy import dsinc, foreign_node
from diffexplore.formula.grammar import too_deep
from diffexplore.formula.names import check_name, shown
from diffexplore.formula.parse import parse_condition, parsed
from diffexplore.formula.syntax import names_of, read
from diffexplore.formula.text import conditions_to_text
from diffexplore.formula.written import program_of
from diffexplore.program.program import Program, lower

_Kept = TypeVar("_Kept")


class WrittenSummand:
    """What follows from the formula of a loss alone; ``_derived`` keeps what was made of it."""

    expression: sympy.Expr
    formula: str
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    domain: tuple[Boolean, ...]
    _program: Program | None
    _derived: dict[tuple[str, ...], Any]

    @property
    def symbols(self) -> dict[str, sympy.Symbol]:
        """Name → SymPy symbol, the parameters first, then the data."""
        if ("symbols",) not in self._derived:  # read a thousand times while a cause is sought
            made = {name: sympy.Symbol(name, real=True) for name in (*self.parameters, *self.data)}
            self._derived["symbols",] = made
        return cast("dict[str, sympy.Symbol]", self._derived["symbols",])

    @property
    def written(self) -> Program:
        """The summand operation by operation, as it was written: a program of the parameters, then the data.

        This is what runs, what torch differentiates, and what says where the loss has a value. Of a SymPy expression
        and of a torch function it is the expression.
        """
        inputs = (*self.parameters, *self.data)
        return self._program or self._kept("written", lambda: lower([self.expression], inputs, plain=False))

    def has_written(self, name: str) -> bool:
        """Whether a symbol stands in the formula as it was given, though it may cancel there."""
        return self._program is not None and name in names_of(read(self.formula))

    @property
    def is_text(self) -> bool:
        """Whether it was given as text, whose operations come in the order that was written."""
        return self._program is not None

    @property
    def shown(self) -> sympy.Expr:
        """The summand to be printed: what was written, with nothing evaluated, where SymPy made another one of it."""
        if self.rewritten is None:
            return self.expression
        from diffexplore.formula.unevaluated import unevaluated

        return unevaluated(read(self.formula, symbols=self.symbols))

    @property
    def rewritten(self) -> str | None:
        """What SymPy made of the formula, as a sentence, where that is another one; else None."""
        from diffexplore.formula.rewritten import rewriting

        program = self._program
        if program is None:
            return None
        return self._kept("rewritten", lambda: rewriting(self.expression, program, self.domain))

    def _kept(self, key: str, make: Callable[[], _Kept]) -> _Kept:
        """What ``make`` makes, once."""
        if (key,) not in self._derived:
            self._derived[key,] = make()
        return cast(_Kept, self._derived[key,])

    def times(self, name: str) -> str | sympy.Expr:
        """The summand, as it was written, times a symbol called ``name``."""
        return sympy.Symbol(name, real=True) * self.expression if self._program is None else f"{name}*({self.formula})"

    @property
    def domain_text(self) -> str | None:
        """The conditions of the domain in one text, or None where there are none."""
        return conditions_to_text(self.domain) if self.domain else None


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


def distinct_names(
    parameters: str | Sequence[str], data: str | Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of both, in the order given. Raises UsageError where one comes twice."""
    names, columns = names_in_order(parameters, "parameters"), names_in_order(data, "data")
    check_distinct((*names, *columns))
    return names, columns


def symbols_named(
    wrt: str | Sequence[str] | None, parameters: tuple[str, ...], symbols: Collection[str]
) -> tuple[str, ...]:
    """The symbols to differentiate by, once each; None stands for all parameters.

    Raises UsageError for a name that comes twice, and for one that is no symbol.
    """
    names = parameters if wrt is None else names_in_order(wrt, "wrt")
    check_distinct(names)
    for name in names:
        if name not in symbols:
            raise unknown("symbol", name, symbols)
    return names


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
