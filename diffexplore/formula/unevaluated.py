"""A formula as it was written, for print: the SymPy expression of its tree with nothing simplified."""

from __future__ import annotations

import ast
from typing import Any

import sympy

from diffexplore.formula.functions_sympy import CONSTANT_VALUES, called_in_latex
from diffexplore.formula.grammar import chain
from diffexplore.formula.names import is_symbol
from diffexplore.formula.parse import condition_of, number_of
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.tables import builders

_TIMES = (ast.Mult, ast.Div)


class _Largest(sympy.Function):
    """SymPy's Max keeps a set, which drops what is there twice."""

    _latex_name = r"\max"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return called_in_latex(self._latex_name, self.args, printer, exp)


class _Smallest(_Largest):
    _latex_name = r"\min"


def unevaluated(node: ast.expr) -> sympy.Expr:
    """The expression of a checked tree; to be printed, not computed with."""
    with sympy.evaluate(False):
        return _expression(node)


def _expression(node: ast.expr) -> sympy.Expr:
    if isinstance(node, ast.Constant):
        return number_of(node.value)
    if isinstance(node, ast.Name):
        return sympy.Symbol(node.id, real=True) if is_symbol(node) else CONSTANT_VALUES[node.id]
    if isinstance(node, ast.UnaryOp):
        operand = _expression(node.operand)
        return _negative(operand) if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call):
        return _call(node)
    assert isinstance(node, ast.BinOp)
    if isinstance(node.op, ast.Pow):
        return sympy.Pow(_expression(node.left), _expression(node.right), evaluate=False)
    if isinstance(node.op, _TIMES):
        factors = [
            _inverse(_expression(operand)) if isinstance(operator, ast.Div) else _expression(operand)
            for operator, operand in chain(node, _TIMES)
        ]
        plain = factors[1:] if factors[0] == 1 else factors
        return sympy.Mul(*plain, evaluate=False) if len(plain) > 1 else plain[0]
    terms = [
        _negative(_expression(operand)) if isinstance(operator, ast.Sub) else _expression(operand)
        for operator, operand in chain(node, (ast.Add, ast.Sub))
    ]
    return sympy.Add(*terms, evaluate=False)


def _inverse(operand: sympy.Expr) -> sympy.Expr:
    return sympy.Pow(operand, -1, evaluate=False)


def _negative(operand: sympy.Expr) -> sympy.Expr:
    with sympy.evaluate(bool(operand.is_Rational)):
        return sympy.Mul(-1, operand)


def _call(node: ast.Call) -> sympy.Expr:
    assert isinstance(node.func, ast.Name)
    name = FUNCTIONS[node.func.id].name
    if name in ("where", "Piecewise"):
        pieces = [piece.elts for piece in node.args if isinstance(piece, ast.Tuple)]
        branches = node.args[1:] if name == "where" else [branch for branch, _ in pieces]
        with sympy.evaluate(True):
            conditions = list(map(condition_of, node.args[:1] if name == "where" else [one for _, one in pieces]))
        cases = zip(map(_expression, branches), [*conditions, sympy.true], strict=False)
        return sympy.Piecewise(*cases, evaluate=False)
    arguments = [_expression(argument) for argument in node.args]
    if name == "log" and len(arguments) == 2:
        return sympy.Mul(sympy.log(arguments[0]), _inverse(sympy.log(arguments[1])), evaluate=False)
    if name in ("max", "min"):
        return (_Largest if name == "max" else _Smallest)(*arguments)
    return builders()[name](*arguments)
