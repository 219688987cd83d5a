"""How much work SymPy has with a formula: counted on its syntax tree, before SymPy sees it.

SymPy simplifies while it builds. For ``abs`` it conjugates the whole argument, for ``max`` it subtracts every pair of
arguments, for ``cosh`` it asks whether each power below is real: nested, these questions are asked again at each level.
For the sign of a sum it puts fractions over one denominator, which grows as continued fractions do. So the work is not
that of the characters. It is counted as a sum over sums, functions, powers and comparisons: the nodes of the operands,
times the functions that are nested there, times a weight that was measured (:mod:`diffexplore.symbolic.effort_weights`).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction as Number

from diffexplore.errors import UsageError
from diffexplore.symbolic import effort_weights as of
from diffexplore.symbolic.functions import FUNCTIONS
from diffexplore.symbolic.grammar import GROUPS, chain

MAX_WORK = 500_000
"""Largest work that is taken on: a quarter of a second."""

MAX_CASES = 64
"""Most cases into which the branches on its sides may split a comparison."""

_MOST_NODES = 10**9


@dataclass(frozen=True)
class Effort:
    """What a part of a formula costs.

    Attributes:
        size: the nodes of the expression that SymPy makes of it, a shared one as often as it is there.
        nesting: the functions and powers around its deepest operand.
        heavy: the functions with a weight of 10 or more.
        unsure: whether a function or a power is in it whose values SymPy does not know to be real.
        roots: whether such a power is in it.
        inverse: whether it is an inverse trigonometric or hyperbolic function, or a sum or product with one.
        above, below: the nodes of its numerator and its denominator, should it be put over one.
        comparisons: those of a condition.
        cases: into how many its branches split a comparison.
        work: all of it.
    """

    size: int = 1
    nesting: int = 0
    heavy: int = 0
    unsure: bool = False
    roots: bool = False
    inverse: bool = False
    above: int = 1
    below: int = 0
    comparisons: int = 0
    cases: int = 1
    work: int = of.NODE

    @property
    def sign(self) -> int:
        """The work of finding its sign, as that of a fraction."""
        return of.FRACTION * (self.above + self.below) if self.below else 0


def check_effort(tree: ast.expr) -> None:
    """Raises UsageError where a checked tree takes more than :data:`MAX_WORK`, or splits into too many cases."""
    found: dict[ast.AST, Effort] = {}
    for node in _operands_first(tree):
        found[node] = effort = _effort(node, found)
        if effort.work > MAX_WORK:
            raise _too_much(node)


def _operands_first(tree: ast.expr) -> Iterator[ast.expr]:
    """The expressions of a tree, but for the sums in sums and the products in products."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    sums = [node for node in nodes if isinstance(node, ast.BinOp) and _group(node) is not None]
    inner = {node.left for node in sums if _group(node) == _group(node.left)}
    return (node for node in reversed(nodes) if node not in inner)


def _group(node: ast.AST) -> tuple[type[ast.operator], ...] | None:
    """The operators of a sum or of a product; None for everything else."""
    if not isinstance(node, ast.BinOp):
        return None
    return next((group for group in GROUPS[:2] if isinstance(node.op, group)), None)


def _too_much(node: ast.AST) -> UsageError:
    name = f"{node.func.id}(…)" if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else "it"
    return UsageError(
        f"the formula takes too much work to read ({name} takes more than {MAX_WORK:,} steps): nest functions and "
        "powers less deeply, and give max and min fewer arguments"
    )


def _effort(node: ast.expr, found: dict[ast.AST, Effort]) -> Effort:
    group = _group(node)
    if group is not None:
        assert isinstance(node, ast.BinOp)
        return _of_chain(chain(node, group), found)
    if isinstance(node, ast.Call):
        return _of_call(node, found)
    parts = [found[child] for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if not parts:
        return Effort()
    if isinstance(node, ast.BinOp):
        return _of_power(node, *parts)
    if isinstance(node, ast.Compare):
        return _of_comparison(_joined(parts))
    joined = _joined(parts)
    if isinstance(node, ast.BoolOp):  # each comparison is compared with all others
        return replace(joined, work=joined.work + joined.comparisons**2)
    return joined


def _joined(parts: Sequence[Effort]) -> Effort:
    """The operands of one operation."""
    return Effort(
        1 + sum(part.size for part in parts),
        max(part.nesting for part in parts),
        sum(part.heavy for part in parts),
        any(part.unsure for part in parts),
        any(part.roots for part in parts),
        any(part.inverse for part in parts),
        min(_MOST_NODES, sum(part.above for part in parts)),
        min(_MOST_NODES, sum(part.below for part in parts)),
        sum(part.comparisons for part in parts),
        math.prod(min(part.cases, MAX_CASES + 1) for part in parts),
        of.NODE + sum(part.work for part in parts),
    )


# ------------------------------------------------------------------------------------------------ sums and products
def _of_chain(operands: Sequence[tuple[ast.operator | None, ast.expr]], found: dict[ast.AST, Effort]) -> Effort:
    """A sum or a product of all its operands at once."""
    joined = _joined([found[operand] for _, operand in operands])
    work = joined.work + (of.OPERAND + of.NODE) * len(operands) + _bits([node for _, node in operands]) ** 2 // of.BITS
    if any(isinstance(operator, (ast.Add, ast.Sub)) for operator, _ in operands):
        above = joined.above + (len(operands) - 1) * joined.below
        return replace(joined, above=min(_MOST_NODES, above), work=work)
    above = below = 0
    for operator, operand in operands:
        part = found[operand]
        if isinstance(operator, ast.Div):
            above, below, work = above + part.below, below + part.above, work + of.ALONE + part.sign
        else:
            above, below = above + part.above, below + part.below
    return replace(joined, above=min(_MOST_NODES, above), below=min(_MOST_NODES, below), work=work)


def _bits(operands: Collection[ast.expr]) -> int:
    """The binary digits of the numbers among some operands."""
    numbers = [Number(node.value) for node in operands if isinstance(node, ast.Constant)]
    return sum(number.numerator.bit_length() + number.denominator.bit_length() for number in numbers)


# ------------------------------------------------------------------------------------------- functions and powers
def _of_power(node: ast.BinOp, base: Effort, exponent: Effort) -> Effort:
    whole = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
    copies = 1 if whole else max(_root_copies(node.left, base), of.COPIES_OF_EXPONENTS if exponent.unsure else 1)
    found = _applied(_joined([base, exponent]), 1 if whole else of.POWER, copies=copies, roots=not whole)
    return _as_fraction(found, base.above + 1, base.below + 1 if base.below else 0)


def _root_copies(operand: ast.expr, effort: Effort) -> int:
    """What a root of an operand costs: more where SymPy splits it, and does not know it to be real."""
    if not effort.unsure:
        return 1
    found = 1
    for operator, factor in chain(operand, GROUPS[1]):
        if isinstance(operator, ast.Div):
            found = max(found, of.COPIES_OF_QUOTIENTS)
        if _is_power(factor):
            found = of.COPIES_OF_POWERS
    return found


def _is_power(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return FUNCTIONS[node.func.id].name in ("square", "pow")
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _applied(inside: Effort, weight: int, *, copies: int = 1, unsure: bool = False, roots: bool = False) -> Effort:
    size = min(_MOST_NODES, 1 + copies * inside.size)
    nesting = inside.nesting + 1
    return replace(
        inside,
        size=size,
        nesting=nesting,
        heavy=inside.heavy + (weight >= 10),
        unsure=inside.unsure or unsure or roots,
        roots=inside.roots or roots,
        inverse=False,
        above=1,
        below=0,
        work=inside.work + weight * size * nesting + of.ALONE + inside.sign,
    )


def _as_fraction(effort: Effort, above: int, below: int) -> Effort:
    return replace(effort, above=min(_MOST_NODES, above), below=min(_MOST_NODES, below))


def _of_call(node: ast.Call, found: dict[ast.AST, Effort]) -> Effort:
    assert isinstance(node.func, ast.Name)
    name = FUNCTIONS[node.func.id].name
    if name in of.CHOICES:
        return _of_choice(name, node, found)
    inside = _joined([found[argument] for argument in node.args])
    if name in of.EXTREMES:
        return _of_extreme(name, node, inside)
    of_inverse = inside.inverse and name in of.OF_INVERSES
    copies = [of.COPIES.get(name, 1)]
    if inside.unsure:
        copies.append((of.COPIES_OF_ROOTS if inside.roots else of.COPIES_OF_UNSURE).get(name, 1))
    if name in ("sqrt", "pow", "cbrt"):
        copies.append(_root_copies(node.args[0], found[node.args[0]]))
    if of_inverse:
        copies.append(of.COPIES_OF_INVERSES)
    effort = _applied(
        inside,
        of.WEIGHTS.get(name, 1),
        copies=max(copies),
        unsure=name in of.UNSURE,
        roots=of_inverse or name in of.ROOTS,
    )
    if of_inverse:
        return _as_fraction(effort, inside.above + inside.below + 2, inside.above + inside.below + 2)
    if name in of.POWERS:
        return _as_fraction(effort, inside.above + 1, inside.below + 1 if inside.below else 0)
    effort = replace(effort, inverse=name in of.INVERSES)
    return _as_fraction(effort, inside.above, inside.below) if name in of.INVERSES | of.SAME else effort


def _of_extreme(name: str, node: ast.Call, inside: Effort) -> Effort:
    count = len(_arguments(node, name))
    pairs = max(1, count * (count - 1) // 2)
    each = 2 * inside.size // max(1, len(node.args)) + 1
    work = pairs * (each * of.PAIR * (1 + min(inside.heavy // max(1, len(node.args)), 3)) + inside.sign)
    return replace(inside, nesting=inside.nesting + 1, heavy=inside.heavy + 1, inverse=False, work=inside.work + work)


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


# -------------------------------------------------------------------------------------------------------- conditions
def _of_comparison(both: Effort) -> Effort:
    if both.cases > MAX_CASES:
        raise UsageError(f"a comparison of the formula splits into more than {MAX_CASES} cases: branch less")
    size = both.size * both.cases
    work = both.work + size * (both.nesting + both.cases) + of.COMPARISON + both.cases * both.sign
    return replace(both, size=size, comparisons=both.cases, cases=1, work=work)


def _of_choice(name: str, node: ast.Call, found: dict[ast.AST, Effort]) -> Effort:
    """Branches with their conditions; within a comparison each branch is a case, and conditions are there twice."""
    pieces = [piece for piece in node.args if isinstance(piece, ast.Tuple)]
    branches = node.args[1:] if name == "where" else [piece.elts[0] for piece in pieces]
    conditions = node.args[:1] if name == "where" else [piece.elts[1] for piece in pieces]
    parts = [found[part] for part in (*branches, *conditions)]
    joined = _joined(parts)
    return replace(
        joined,
        size=1 + sum(found[branch].size for branch in branches) + 2 * sum(found[part].size for part in conditions),
        nesting=joined.nesting + 1,
        above=1,
        below=0,
        comparisons=0,
        cases=sum(min(found[branch].cases, MAX_CASES + 1) for branch in branches),
        work=joined.work + sum(part.size for part in parts),
    )
