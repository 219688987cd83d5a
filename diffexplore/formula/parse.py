"""Formula text → SymPy, with real symbols and exact numbers; never evaluated as code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from fractions import Fraction
from typing import TypeVar

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.errors import DiffexploreError, UsageError, unknown
from diffexplore.formula import build
from diffexplore.formula.choices import first_choice, pieces_of, replaced
from diffexplore.formula.constants import check_argument, check_divisor, check_power, checked
from diffexplore.formula.functions_sympy import CONSTANT_VALUES, foreign_node, piecewise
from diffexplore.formula.grammar import chain, too_deep
from diffexplore.formula.made import caught, check_multiplied_out
from diffexplore.formula.names import is_symbol
from diffexplore.formula.notation import reduction_of
from diffexplore.formula.syntax import names_of, read
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.building import Trait
from diffexplore.functions.tables import builders

_Built = TypeVar("_Built", sympy.Expr, Boolean)

MAX_ORDER = 10
"""Largest order of polygamma, besselj and the like."""


def parse(text: str, allowed: Collection[str] | None = None) -> sympy.Expr:
    """The formula ``text`` as a SymPy expression.

    Symbols are real; decimals are exact rationals (0.1 is 1/10).

    Args:
        text: a formula of the functions in :data:`diffexplore.functions.TABLE`.
        allowed: the symbols that it may use, also where they are names of functions; None allows every other name.

    Raises:
        UsageError: where the text is not a formula, names an unknown function or symbol, is too large, or stands
            for no real number at any point, such as ``1/0`` or ``sqrt(-1)``.
    """
    return parsed(read(text, symbols=allowed or ()), allowed)


def parsed(tree: ast.expr, allowed: Collection[str] | None = None) -> sympy.Expr:
    """The same for a tree that was read already."""
    _check_symbols(names_of(tree), allowed)
    return _built(expression_of, tree)


def parse_condition(text: str, allowed: Collection[str] | None = None) -> Boolean:
    """A condition such as ``s > 0`` or ``x != 0 and s > 0`` as a SymPy relational or Boolean.

    Raises:
        UsageError: as :func:`parse` does.
    """
    tree = read(text, condition=True, symbols=allowed or ())
    _check_symbols(names_of(tree), allowed)
    return _built(condition_of, tree)


def names_in(text: str, symbols: Collection[str] = ()) -> tuple[str, ...]:
    """The symbols of a formula, or of ``mean[…]``, in order of first appearance, found without computing anything.

    ``symbols`` are declared: they count wherever they are not called, if they are names of functions, too.

    Raises:
        UsageError: where the text is not a formula.
    """
    return names_of(read(reduction_of(text)[1], symbols=symbols))


def _check_symbols(names: Collection[str], allowed: Collection[str] | None) -> None:
    for name in names:
        if allowed is not None and name not in allowed:
            if not allowed:
                raise UsageError(f"unknown symbol {name!r}: no symbols are declared")
            raise unknown("symbol", name, allowed)


def _built(convert: Callable[[ast.expr], _Built], tree: ast.expr) -> _Built:
    """Convert, with everything that SymPy refuses turned into a UsageError."""
    try:
        expr = caught(lambda: convert(tree))
    except DiffexploreError:
        raise
    except RecursionError:
        raise too_deep() from None
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        raise UsageError(f"the formula cannot be read as a real expression: {error}") from None
    strange = foreign_node(expr)
    if strange is not None:
        raise UsageError(f"the formula contains {strange}, which is not a real number that can be computed with")
    return expr


def expression_of(node: ast.expr) -> sympy.Expr:
    """A node of a checked tree as SymPy, which simplifies it on the way."""
    if isinstance(node, ast.Constant):
        return checked(number_of(node.value))
    if isinstance(node, ast.Name):
        return sympy.Symbol(node.id, real=True) if is_symbol(node) else CONSTANT_VALUES[node.id]
    if isinstance(node, ast.UnaryOp):
        operand = expression_of(node.operand)
        return operand if isinstance(node.op, ast.UAdd) else build.product([sympy.S.NegativeOne, operand])
    if isinstance(node, ast.Call):
        return checked(_call(node))
    assert isinstance(node, ast.BinOp)
    if isinstance(node.op, ast.Pow):
        return _power(expression_of(node.left), expression_of(node.right))
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return checked(build.total(_terms(node)))
    return checked(build.product(_factors(node)))


def number_of(value: object) -> sympy.Rational:
    """The exact number of a constant in a checked tree."""
    assert isinstance(value, (int, Fraction))
    return sympy.Rational(value.numerator, value.denominator)


def _terms(node: ast.expr) -> list[sympy.Expr]:
    """The terms of a sum, with their signs."""
    terms = []
    for operator, operand in chain(node, (ast.Add, ast.Sub)):
        term = expression_of(operand)
        terms.append(build.product([sympy.S.NegativeOne, term]) if isinstance(operator, ast.Sub) else term)
    return terms


def _factors(node: ast.expr) -> list[sympy.Expr]:
    """The factors of a product; a product in the denominator gives its factors one by one."""
    factors = []
    for operator, operand in chain(node, (ast.Mult, ast.Div)):
        factor = expression_of(operand)
        if not isinstance(operator, ast.Div):
            factors.append(factor)
            continue
        check_divisor(factor)
        factors.extend(1 / part for part in sympy.Mul.make_args(factor))
    return factors


def _power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    check_power(base, exponent)
    if not exponent.is_number:
        check_multiplied_out(exponent)
    if exponent.is_negative:
        check_divisor(base)
    return checked(build.power(base, exponent))  # (x**1000)**1000 has become one power


def _call(node: ast.Call) -> sympy.Expr:
    assert isinstance(node.func, ast.Name)
    name = FUNCTIONS[node.func.id].name
    if name == "Piecewise":
        pieces = (piece.elts for piece in node.args if isinstance(piece, ast.Tuple))
        return piecewise(*((expression_of(branch), condition_of(condition)) for branch, condition in pieces))
    if name == "where":
        return builders()[name](condition_of(node.args[0]), *map(expression_of, node.args[1:]))
    arguments = [expression_of(argument) for argument in node.args]
    orders = FUNCTIONS[name].orders
    for order in arguments[:orders]:
        if not (order.is_Integer and 0 <= order <= MAX_ORDER):
            raise UsageError(f"the order of {name} must be a whole number from 0 to {MAX_ORDER}")
    if name in ("pow", "square", "exp2", "hypot"):
        return _written_as_powers(name, arguments)
    for argument in arguments[orders:]:
        check_argument(name, argument)
        if Trait.PARTS in FUNCTIONS[name].building.traits and not argument.is_extended_real:
            check_multiplied_out(argument)
    if name == "log":
        for base in arguments[1:]:
            checked(sympy.log(base))  # SymPy takes 1/log(0) for 0
    return builders()[name](*arguments)


def _written_as_powers(name: str, arguments: list[sympy.Expr]) -> sympy.Expr:
    """The functions that are powers, with the bounds of powers."""
    two = sympy.Integer(2)
    if name == "pow":
        return _power(arguments[0], arguments[1])
    if name == "exp2":
        return _power(two, arguments[0])
    if name == "square":
        return _power(arguments[0], two)
    return sympy.sqrt(checked(build.total(_power(argument, two) for argument in arguments)))


_RELATIONS: dict[type[ast.cmpop], type] = {
    ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge, ast.Eq: sympy.Eq, ast.NotEq: sympy.Ne,
}  # fmt: skip


def condition_of(node: ast.expr) -> Boolean:
    """A condition of a checked tree as SymPy, with no branches on the sides of its comparisons."""
    if isinstance(node, ast.Constant):
        return sympy.true if node.value else sympy.false
    if isinstance(node, ast.UnaryOp):
        return sympy.Not(condition_of(node.operand))
    if isinstance(node, ast.BoolOp):
        joined = sympy.And if isinstance(node.op, ast.And) else sympy.Or
        return joined(*(condition_of(part) for part in node.values))
    assert isinstance(node, ast.Compare)
    return _comparison(node)


def _comparison(node: ast.Compare) -> Boolean:
    """A comparison as the cases of the branches on its sides, outermost first.

    Of where(x > 0, x, y) > 1 it makes (x > 0 and x > 1) or (not x > 0 and y > 1). Each case is read from the text, so
    that the bounds on constants hold in it, too; SymPy would make an if-then-else, which nothing else here knows.
    """
    choice = first_choice(node)
    if choice is None:
        relation = _RELATIONS[type(node.ops[0])]
        return relation(expression_of(node.left), expression_of(node.comparators[0]))
    cases, earlier = [], sympy.true
    for branch, condition in pieces_of(choice):
        holds = sympy.true if condition is None else condition_of(condition)
        cases.append(sympy.And(earlier, holds, _comparison(replaced(node, choice, branch))))
        earlier = sympy.And(earlier, sympy.Not(holds))
    return sympy.Or(*cases)
