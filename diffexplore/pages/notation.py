"""Reads the formulas that are shown, as text on one line, into trees that can be typeset.

The language is that of :mod:`diffexplore.formula.text`, in Unicode and in ASCII, with what formulas of people, graphs
and derivations have beside: ``mean[…]``, ``∂/∂a[…]``, ``∂u/∂a``, ``Σ(…)``. Python's grammar reads it, with names of its
own in the places of ours and of numbers; nothing is evaluated. What is not read is shown as text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from diffexplore.errors import UsageError
from diffexplore.formula.grammar import chain
from diffexplore.formula.notation import without_bars
from diffexplore.formula.syntax import parsed

#: Longer or deeper formulas are not typeset: nobody reads them.
LONGEST, DEEPEST = 3_000, 40

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ"
_SUPERSCRIPTS = str.maketrans(_RAISED, "0123456789-n")

#: A name; superscripts count as letters to regular expressions, and are none.
NAME = rf"[^\W\d{_RAISED}][^\W{_RAISED}]*"

_ATOM = re.compile(
    rf"(?P<partial>∂²?(?:{NAME})?/∂{NAME}(?:²|∂{NAME})?)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<raised>[{_RAISED}]+)"
    rf"|(?P<name>{NAME})"
)
_ROOT = re.compile(rf"([√∛])\s*(?:(?=\()|({NAME}|[\d.]+)(?!\s*\())")
_ROOTS = {"√": "root_of_order_2", "∛": "root_of_order_3"}
_SIGNS = str.maketrans({"−": "-", "·": "*", "^": "**", "≠": "!=", "≤": "<=", "≥": ">="})
_EQUALS = re.compile(r"(?<![<>!=])=(?!=)")
_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "≠", ast.LtE: "≤", ast.GtE: "≥", ast.Lt: "<", ast.Gt: ">",
}  # fmt: skip


class NotReadError(ValueError):
    """The text is not in the language."""


@dataclass(frozen=True)
class NotationNode:
    """A piece of a formula.

    ``kind`` is number, name, partial (whose ``word`` is as written), sum (whose ``word`` has a + or − for each term),
    product, fraction, negative, power, root (``word`` 2 or 3), size (|x|), call, index (``mean[…]``), relation (a sign
    for each pair in ``word``), or and, or, not.
    """

    kind: str
    word: str = ""
    parts: tuple[NotationNode, ...] = ()
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        depth = 1 + max((part.depth for part in self.parts), default=0)
        if depth > DEEPEST:
            raise NotReadError("too deep")
        object.__setattr__(self, "depth", depth)


def read(text: str) -> NotationNode:
    """The tree of a formula. Raises :class:`NotReadError` where it is not in the language, or too long to be read."""
    if len(text) > LONGEST or "#" in text:  # where a comment of Python's would begin
        raise NotReadError(text)
    atoms: list[NotationNode] = []

    def placed(atom: re.Match[str]) -> str:
        if atom["raised"]:
            return f"**({atom[0].translate(_SUPERSCRIPTS)})"
        if atom[0] in ("and", "or", "not"):
            return atom[0]
        atoms.append(NotationNode(str(atom.lastgroup), atom[0]))
        return f" _{len(atoms) - 1} "

    plain = without_bars(_ATOM.sub(placed, _ROOT.sub(_called, text))).translate(_SIGNS)
    try:
        return _node(parsed(_EQUALS.sub("==", plain).strip()), atoms)
    except (UsageError, RecursionError):
        raise NotReadError(text) from None


def _called(root: re.Match[str]) -> str:
    return f"{_ROOTS[root[1]]}({root[2]})" if root[2] else _ROOTS[root[1]]


def _node(tree: ast.expr, atoms: Sequence[NotationNode]) -> NotationNode:
    """What a tree of Python's means, with the ``atoms`` that stand in it by their numbers."""
    of = partial(_node, atoms=atoms)
    match tree:
        case ast.Name(id=name):
            return atoms[int(name[1:])] if name.startswith("_") else NotationNode("name", name)
        case ast.Constant(value=int(number)):
            return NotationNode("number", str(number))
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            operands = chain(tree, (ast.Add, ast.Sub))
            signs = "".join("−" if isinstance(sign, ast.Sub) else "+" for sign, _ in operands)
            return NotationNode("sum", signs, tuple(of(operand) for _, operand in operands))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _times(of(left), of(right))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _over(of(left), of(right))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return NotationNode("power", parts=(of(left), of(right)))
        case ast.UnaryOp(op=ast.UAdd(), operand=inside):
            return of(inside)
        case ast.UnaryOp(op=ast.USub() | ast.Not() as unary, operand=inside):
            return NotationNode("not" if isinstance(unary, ast.Not) else "negative", parts=(of(inside),))
        case ast.BoolOp(op=junction, values=parts):
            return NotationNode("and" if isinstance(junction, ast.And) else "or", parts=tuple(map(of, parts)))
        case ast.Compare(ops=ops) if all(type(op) in _RELATIONS for op in ops):
            return NotationNode(
                "relation", "".join(_RELATIONS[type(op)] for op in ops), tuple(map(of, (tree.left, *tree.comparators)))
            )
        case ast.Call(func=ast.Name() as function, args=[_, *_] as arguments, keywords=[]):
            return _call(of(function), tuple(map(of, arguments)), bars=function.id == "abs")
        case ast.Subscript(value=ast.Name() as function, slice=inside):
            return NotationNode("index", of(function).word, (of(function), of(inside)))
        case ast.Tuple(elts=[first, second]):  # a piece of a Piecewise
            return NotationNode("call", "", (of(first), of(second)))
    raise NotReadError(ast.dump(tree)[:100])


def _call(function: NotationNode, arguments: tuple[NotationNode, ...], *, bars: bool) -> NotationNode:
    if function.kind != "name":
        raise NotReadError(function.word)
    if bars:
        return NotationNode("size", parts=arguments)
    kind, word = ("root", function.word[-1]) if function.word in _ROOTS.values() else ("call", function.word)
    return NotationNode(kind, word, arguments)


def _times(left: NotationNode, right: NotationNode) -> NotationNode:
    """A product as one row of factors; a sign that begins it stands before it."""
    if left.kind == "negative":
        return NotationNode("negative", parts=(_times(left.parts[0], right),))
    factors = left.parts if left.kind == "product" else (left,)
    return NotationNode("product", parts=(*factors, right))


def _over(left: NotationNode, right: NotationNode) -> NotationNode:
    if left.kind == "negative":
        return NotationNode("negative", parts=(_over(left.parts[0], right),))
    return NotationNode("fraction", parts=(left, right))
