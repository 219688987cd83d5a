"""Choices on the sides of a comparison: ``where`` and ``Piecewise`` in the syntax tree of a condition."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from diffexplore.functions import FUNCTIONS


def first_choice(node: ast.AST) -> ast.Call | None:
    """The outermost choice below ``node``, the first from the left; None where there is none."""
    return next((call for call in _calls(node) if _name(call) in ("where", "Piecewise")), None)


def pieces_of(choice: ast.Call) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """The branches of a choice, each with its condition, or None for what is taken otherwise."""
    if _name(choice) == "where":
        condition, taken, otherwise = choice.args
        yield taken, condition
        yield otherwise, None
        return
    for piece in choice.args:
        assert isinstance(piece, ast.Tuple)
        branch, condition = piece.elts
        always = isinstance(condition, ast.Constant) and condition.value is True
        yield branch, None if always else condition
        if always:
            return


def replaced(node: ast.Compare, choice: ast.Call, branch: ast.expr) -> ast.Compare:
    """A comparison in which ``branch`` stands wherever ``choice``, or what is written like it, stood."""
    return _Replaced(_written(choice), branch).visit(ast.Compare(node.left, node.ops, node.comparators))


class _Replaced(ast.NodeTransformer):
    """Makes new nodes only on the way to what is replaced: the tree that was read stays as it is."""

    def __init__(self, written: list[object], branch: ast.expr) -> None:
        self._written, self._branch = written, branch

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if _name(node) in ("where", "Piecewise") and _written(node) == self._written:
            return self._branch
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], node.keywords)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        operands: list[tuple[ast.operator, ast.expr]] = []
        left: ast.expr = node  # a sum of thousands of terms is as deep as it is long
        while isinstance(left, ast.BinOp):
            operands.append((left.op, left.right))
            left = left.left
        value = self.visit(left)
        for operator, right in reversed(operands):
            value = ast.BinOp(value, operator, self.visit(right))
        return value

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        return ast.UnaryOp(node.op, self.visit(node.operand))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.visit(value) for value in node.values])

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        return ast.Tuple([self.visit(part) for part in node.elts], node.ctx)

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        return ast.Compare(self.visit(node.left), node.ops, [self.visit(side) for side in node.comparators])


def _written(tree: ast.AST) -> list[object]:
    """What is written, in order: equal for equal trees."""
    waiting, found = [tree], list[object]()
    while waiting:
        node = waiting.pop()
        children = list(ast.iter_child_nodes(node))
        found.append((type(node), len(children), getattr(node, "id", None), getattr(node, "value", None)))
        waiting += children
    return found


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _name(call: ast.Call) -> str:
    return FUNCTIONS[call.func.id].name if isinstance(call.func, ast.Name) else ""
