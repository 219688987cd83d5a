"""A formula as the program that was written: operation by operation, in the order of the text.

SymPy simplifies while it builds an expression: exp(log(a)) becomes a, sqrt(a)**2 too, 0*log(a) + a as well. All are a
wherever they have a value, so that their derivatives may be taken from a; but what has a value, and what somebody's
code computes, the text alone says. Nothing is rewritten here but what has no symbols: it becomes one constant.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

import sympy

from diffexplore.formula.collector import Collector
from diffexplore.formula.constants import checked
from diffexplore.formula.grammar import chain
from diffexplore.formula.names import is_symbol
from diffexplore.formula.parse import condition_of, expression_of
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.tables import composed
from diffexplore.program.program import Program

_SUMS, _PRODUCTS = (ast.Add, ast.Sub), (ast.Mult, ast.Div)

_OPERATIONS: dict[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}

_EXACT: dict[type[ast.operator], Callable[[sympy.Expr, sympy.Expr], sympy.Expr]] = {
    ast.Add: lambda x, y: x + y, ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y, ast.Div: lambda x, y: x / y,
}  # fmt: skip

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip


def program_of(tree: ast.expr, inputs: Sequence[str]) -> Program:
    """The program of a checked tree (:func:`diffexplore.formula.syntax.read`), with one output.

    Raises TypeError for a symbol that is not among ``inputs``.
    """
    writer = _Writer(tree, tuple(inputs))
    return writer.collector.program([writer.value(tree)])


class _Writer:
    """Writes the operations of one tree. A slot below 0 holds a constant."""

    def __init__(self, tree: ast.expr, inputs: tuple[str, ...]) -> None:
        self.collector = Collector(inputs)
        self._bare = _without_symbols(tree)

    def value(self, node: ast.expr) -> int:
        """The slot of an expression."""
        if node in self._bare:
            return self.collector.constant(expression_of(node))
        if isinstance(node, ast.Name):
            return self.collector.input(node.id)
        if isinstance(node, ast.UnaryOp):
            operand = self.value(node.operand)
            return self.collector.step("neg", operand) if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Call):
            return self._call(node)
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Pow):
            return self.collector.step("pow", self.value(node.left), self.value(node.right))
        return self._chain(node, _SUMS if isinstance(node.op, _SUMS) else _PRODUCTS)

    def _chain(self, node: ast.BinOp, operators: tuple[type[ast.operator], ...]) -> int:
        """A sum or a product, from left to right; the constants that it begins with are one."""
        (_, first), *others = chain(node, operators)
        leading = expression_of(first) if first in self._bare else None
        value = None if leading is not None else self.value(first)
        for operator, operand in others:
            assert operator is not None
            if leading is not None and operand in self._bare:
                leading = checked(_EXACT[type(operator)](leading, expression_of(operand)))
                continue
            if leading is not None:
                value, leading = self.collector.constant(leading), None
            assert value is not None
            value = self.collector.step(_OPERATIONS[type(operator)], value, self.value(operand))
        assert value is not None, "what has no symbols is a constant"
        return value

    # ----------------------------------------------------------------------------------------------- functions
    def _call(self, node: ast.Call) -> int:
        assert isinstance(node.func, ast.Name)
        name = FUNCTIONS[node.func.id].name
        if name == "where":
            return self._choice(self.condition(node.args[0]), node.args[1], lambda: self.value(node.args[2]))
        if name == "Piecewise":
            return self._pieces([piece for piece in node.args if isinstance(piece, ast.Tuple)])
        if name in ("max", "min"):
            return self._extreme(name, node.args)
        slots = [self.value(argument) for argument in node.args]
        if name == "log" and len(slots) == 2:  # the logarithm of a constant base is a constant
            base, of_base = node.args[1], slots[1]
            constant = sympy.log(expression_of(base)) if base in self._bare else None
            below = self.collector.step("log", of_base) if constant is None else self.collector.constant(constant)
            return self.collector.step("div", self.collector.step("log", slots[0]), below)
        function = FUNCTIONS[name]
        left_out = len(node.args) - function.least
        slots += [self.collector.constant(sympy.Integer(one)) for one in function.optional[left_out:]]
        orders = node.args[: function.orders]
        if function.of_order_0 is not None and all(expression_of(order).is_zero for order in orders):
            return self.collector.step(function.of_order_0.name, *slots[function.orders :])
        return composed(function, self.collector, slots)

    def _extreme(self, name: str, arguments: Sequence[ast.expr]) -> int:
        """The largest or smallest of some arguments: the constants among them first, as one."""
        constants = [expression_of(argument) for argument in arguments if argument in self._bare]
        slots = [self.value(argument) for argument in arguments if argument not in self._bare]
        if constants:
            slots.append(self.collector.constant((sympy.Max if name == "max" else sympy.Min)(*constants)))
        return self.collector.fold(name, slots)

    # ---------------------------------------------------------------------------------------------- conditions
    def _pieces(self, pieces: Sequence[ast.Tuple]) -> int:
        """The branch of the first condition that holds; the last one always does."""
        branch, condition = pieces[0].elts
        return self._choice(self.condition(condition), branch, lambda: self._pieces(pieces[1:]))

    def _choice(self, condition: int | bool, branch: ast.expr, otherwise: Callable[[], int]) -> int:
        if isinstance(condition, bool):
            return self.value(branch) if condition else otherwise()
        return self.collector.choice(condition, self.value(branch), otherwise())

    def condition(self, node: ast.expr) -> int | bool:
        """The slot of a condition, or what it always is."""
        if node in self._bare:
            known = condition_of(node)
            if known in (sympy.true, sympy.false):
                return bool(known)
        if isinstance(node, ast.UnaryOp):
            operand = self.condition(node.operand)
            return not operand if isinstance(operand, bool) else self.collector.step("not", operand)
        if isinstance(node, ast.BoolOp):
            return self._joined(node)
        assert isinstance(node, ast.Compare)
        left, right = self.value(node.left), self.value(node.comparators[0])
        if left < 0 and right < 0:  # SymPy cannot tell which of two constants is the larger
            left = self.collector.step("full_like", 0, left)
        return self.collector.step(_COMPARISONS[type(node.ops[0])], left, right)

    def _joined(self, node: ast.BoolOp) -> int | bool:
        every = isinstance(node.op, ast.And)
        parts = [self.condition(part) for part in node.values]
        if (not every) in [part for part in parts if isinstance(part, bool)]:
            return not every
        slots = [part for part in parts if not isinstance(part, bool)]
        if not slots:
            return every
        return self.collector.fold("and" if every else "or", slots)


def _without_symbols(tree: ast.expr) -> set[ast.AST]:
    """The expressions and conditions below ``tree`` in which no symbol stands."""
    bare: set[ast.AST] = set()
    for node in reversed(list(ast.walk(tree))):  # operands come before what they are operands of
        if isinstance(node, ast.Name):
            named = not is_symbol(node)
        else:
            named = all(child in bare for child in ast.iter_child_nodes(node))
        if named:
            bare.add(node)
    return bare
