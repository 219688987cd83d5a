"""How much work SymPy has with a formula: counted on its syntax tree, before SymPy sees it.

SymPy simplifies while it builds. For ``abs`` it conjugates the whole argument, for ``max`` it subtracts every pair of
arguments, for ``cosh`` it asks whether each power below is real: nested, these questions are asked again at each level.
So the work is not that of the characters. It is counted as a sum over functions and powers: the nodes of the operands,
times the functions that are nested there, times a weight that was measured (one unit is about half a microsecond).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffexplore.errors import UsageError
from diffexplore.symbolic.functions import FUNCTIONS

MAX_WORK = 1_000_000
"""Largest work that is taken on."""

_SMALL_WORK, _SMALL_SIZE = 10_000, 64
"""Bounds of a small formula: of 1,600 hostile texts within them none took SymPy 40 ms."""

_MARK = "small"

MAX_CASES = 64
"""Most cases into which the branches on its sides may split a comparison."""

#: Weights of the functions whose building takes more than looking at the operand once.
_WEIGHTS = {
    "abs": 10, "cbrt": 20, "hypot": 10, "lgamma": 20, "gamma": 20, "heaviside": 10, "logcosh": 60, "exp2": 10,
    "trigamma": 10, "polygamma": 4, "sinh": 20, "cosh": 20, "tanh": 20, "sech": 20, "csch": 20, "sign": 4, "log2": 2,
    "sinc": 4, "log10": 4, "log": 2, "atanh": 2, "log1p": 4, "pow": 6, "sqrt": 6, "square": 2,
}  # fmt: skip
_POWER = 6
_PAIR = 100
_ALONE = 300

#: How often an operand stands in SymPy's expression, or is asked about, where it may leave the real numbers: SymPy does
#: not know that roots are taken of what is positive, and takes real and imaginary parts of what it makes of them.
_COPIES = {"cbrt": 2}
_COPIES_OF_ROOTS = {
    "sinh": 6, "cosh": 6, "tanh": 6, "sech": 6, "csch": 6, "coth": 6, "logcosh": 6, "exp2": 3, "gamma": 2, "cbrt": 8,
    "tan": 2, "cot": 2, "sec": 2, "csc": 2,
}  # fmt: skip
_COPIES_OF_POWERS_OF_ROOTS = 8
_ROOTS = frozenset({"sqrt", "cbrt", "hypot", "pow", "log", "log1p", "log2", "log10", "asin", "acos", "acosh", "atanh"})
_EXTREMES = frozenset({"max", "min", "relu"})
_CHOICES = frozenset({"where", "Piecewise"})


@dataclass(frozen=True)
class Effort:
    """What a part of a formula costs.

    Attributes:
        size: the nodes of the expression that SymPy makes of it, a shared one as often as it is there.
        nesting: the functions and powers around its deepest operand.
        heavy: the functions with a weight of 10 or more.
        roots: whether a power is in it that may be no whole one.
        cases: into how many its branches split a comparison.
        work: all of it.
    """

    size: int = 1
    nesting: int = 0
    heavy: int = 0
    roots: bool = False
    cases: int = 1
    work: int = 0


def check_effort(tree: ast.expr) -> None:
    """Raises UsageError where a checked tree takes more than :data:`MAX_WORK`, or splits into too many cases.

    A small tree is marked for :func:`is_small`.
    """
    found: dict[ast.AST, Effort] = {}
    for node in reversed(list(ast.walk(tree))):  # operands come before what they are operands of
        if isinstance(node, (ast.expr, ast.operator, ast.cmpop)):
            found[node] = effort = _effort(node, found)
            if effort.work > MAX_WORK:
                raise _too_much(node)
    whole = found[tree]
    if whole.work <= _SMALL_WORK and whole.size <= _SMALL_SIZE:
        vars(tree)[_MARK] = True


def is_small(tree: ast.expr) -> bool:
    """Whether a tree was checked here, and has so few parts that SymPy is done with it at once."""
    return _MARK in vars(tree)


def _too_much(node: ast.AST) -> UsageError:
    name = f"{node.func.id}(…)" if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else "it"
    return UsageError(
        f"the formula takes too much work to read ({name} takes more than {MAX_WORK:,} steps): nest functions and "
        "powers less deeply, and give max and min fewer arguments"
    )


def _effort(node: ast.AST, found: dict[ast.AST, Effort]) -> Effort:
    if isinstance(node, ast.Call):
        return _of_call(node, found)
    parts = [found[child] for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if not parts:
        return Effort()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        whole = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
        copies = 1 if whole else max(_root_copies(node.left, parts[0]), 3 if parts[1].roots else 1)
        return _applied(_joined(parts), _POWER if not whole else 1, copies=copies, roots=not whole)
    if isinstance(node, ast.Compare):
        both = _joined(parts)
        if both.cases > MAX_CASES:
            raise UsageError(f"a comparison of the formula splits into more than {MAX_CASES} cases: branch less")
        size = both.size * both.cases
        return Effort(size, both.nesting, both.heavy, both.roots, 1, both.work + size * (both.nesting + both.cases))
    return _joined(parts)


def _joined(parts: Sequence[Effort]) -> Effort:
    """A sum, a product or the operands of a function."""
    return Effort(
        1 + sum(part.size for part in parts),
        max(part.nesting for part in parts),
        sum(part.heavy for part in parts),
        any(part.roots for part in parts),
        math.prod(min(part.cases, MAX_CASES + 1) for part in parts),
        sum(part.work for part in parts),
    )


def _root_copies(operand: ast.expr, effort: Effort) -> int:
    """What a root of an operand costs: more where it is a power or a product with roots in it, which SymPy splits."""
    if isinstance(operand, ast.Call) and isinstance(operand.func, ast.Name):
        splits = FUNCTIONS[operand.func.id].name in ("square", "pow", "exp2", "sqrt", "cbrt", "hypot", "exp", "abs")
    else:
        splits = isinstance(operand, ast.BinOp) and isinstance(operand.op, (ast.Pow, ast.Mult, ast.Div))
    return _COPIES_OF_POWERS_OF_ROOTS if splits and effort.roots else 1


def _applied(inside: Effort, weight: int, *, copies: int = 1, roots: bool = False) -> Effort:
    size = 1 + copies * inside.size
    nesting = inside.nesting + 1
    return Effort(
        size,
        nesting,
        inside.heavy + (weight >= 10),
        inside.roots or roots,
        inside.cases,
        inside.work + weight * (size * nesting + _ALONE),
    )


def _of_call(node: ast.Call, found: dict[ast.AST, Effort]) -> Effort:
    assert isinstance(node.func, ast.Name)
    name = FUNCTIONS[node.func.id].name
    if name in _CHOICES:
        return _of_choice(name, node, found)
    inside = _joined([found[argument] for argument in node.args])
    if name in _EXTREMES:
        count = len(_arguments(node, name))
        pairs = max(1, count * (count - 1) // 2)
        each = 2 * inside.size // max(1, len(node.args)) + 1
        weight = pairs * each * _PAIR * (1 + min(inside.heavy // max(1, len(node.args)), 3))
        return Effort(
            inside.size, inside.nesting + 1, inside.heavy + 1, inside.roots, inside.cases, inside.work + weight
        )
    copies = _COPIES.get(name, 1)
    if inside.roots:
        copies = max(copies, _COPIES_OF_ROOTS.get(name, 1))
    if name in ("sqrt", "pow"):
        copies = max(copies, _root_copies(node.args[0], found[node.args[0]]))
    return _applied(inside, _WEIGHTS.get(name, 1), copies=copies, roots=name in _ROOTS)


def _arguments(node: ast.Call, name: str) -> list[ast.expr]:
    """The arguments of max or min, those of the same function within it among them: SymPy makes one of all."""
    waiting, flat = list(node.args), list[ast.expr]()
    while waiting:
        argument = waiting.pop()
        if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and len(flat) < MAX_WORK:
            inner = FUNCTIONS[argument.func.id].name
            if inner == name or (inner == "relu" and name == "max"):
                waiting += argument.args
                continue
        flat.append(argument)
    return flat


def _of_choice(name: str, node: ast.Call, found: dict[ast.AST, Effort]) -> Effort:
    """Branches with their conditions; within a comparison each branch is a case, and conditions are there twice."""
    pieces = [piece for piece in node.args if isinstance(piece, ast.Tuple)]
    branches = node.args[1:] if name == "where" else [piece.elts[0] for piece in pieces]
    conditions = node.args[:1] if name == "where" else [piece.elts[1] for piece in pieces]
    parts = [found[part] for part in (*branches, *conditions)]
    return Effort(
        1 + sum(found[branch].size for branch in branches) + 2 * sum(found[part].size for part in conditions),
        max(part.nesting for part in parts) + 1,
        sum(part.heavy for part in parts),
        any(part.roots for part in parts),
        sum(min(found[branch].cases, MAX_CASES + 1) for branch in branches),
        sum(part.work for part in parts) + sum(part.size for part in parts),
    )
