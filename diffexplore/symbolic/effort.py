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

MAX_CASES = 64
"""Most cases into which the branches on its sides may split a comparison."""

#: Weights of the functions whose building takes more than looking at the operand once.
_WEIGHTS = {
    "abs": 10, "cbrt": 20, "hypot": 10, "lgamma": 20, "gamma": 20, "heaviside": 10, "logcosh": 60, "exp2": 10,
    "trigamma": 4, "polygamma": 4, "sinh": 20, "cosh": 20, "tanh": 20, "sech": 20, "csch": 20, "sign": 4, "log2": 2,
    "log10": 2, "log": 2, "atanh": 2, "pow": 6, "sqrt": 6, "square": 2,
}  # fmt: skip
_POWER = 6
_PAIR = 100
_ALONE = 300

#: Their operands stand in SymPy's expression twice, or are asked about twice at each level.
_TWICE = frozenset({"cbrt"})
_TWICE_OVER_ROOTS = frozenset({"sinh", "cosh", "tanh", "sech", "csch", "logcosh", "exp2", "gamma"})
_ROOTS = frozenset({"sqrt", "cbrt", "hypot", "pow"})
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
    """Raises UsageError where a checked tree takes more than :data:`MAX_WORK`, or splits into too many cases."""
    found: dict[ast.AST, Effort] = {}
    for node in reversed(list(ast.walk(tree))):  # operands come before what they are operands of
        if isinstance(node, (ast.expr, ast.operator, ast.cmpop)):
            found[node] = effort = _effort(node, found)
            if effort.cases > MAX_CASES:
                raise UsageError(f"a comparison of the formula splits into more than {MAX_CASES} cases: branch less")
            if effort.work > MAX_WORK:
                raise _too_much(node)


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
        twice = 2 if not whole and isinstance(node.left, ast.Constant) and parts[1].roots else 1
        return _applied(_joined(parts), _POWER if not whole else 1, growth=twice, roots=not whole)
    if isinstance(node, ast.Compare):
        both = _joined(parts)
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


def _applied(inside: Effort, weight: int, *, growth: int = 1, roots: bool = False) -> Effort:
    size = 1 + growth * inside.size
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
        weight = pairs * each * _PAIR * (1 + inside.heavy // max(1, len(node.args))) * (1 + inside.nesting)
        return Effort(
            inside.size, inside.nesting + 1, inside.heavy + 1, inside.roots, inside.cases, inside.work + weight
        )
    growth = 2 if name in _TWICE or (name in _TWICE_OVER_ROOTS and inside.roots) else 1
    return _applied(inside, _WEIGHTS.get(name, 1), growth=growth, roots=name in _ROOTS)


def _arguments(node: ast.Call, name: str) -> list[ast.expr]:
    """The arguments of max or min, those of the same function within it among them: SymPy makes one of all."""
    waiting, flat = list(node.args), []
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
