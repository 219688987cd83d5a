"""How much work SymPy has with a formula: counted on its syntax tree, before SymPy sees it.

SymPy simplifies while it builds. For ``abs`` it conjugates the whole argument, for ``max`` it subtracts every pair of
arguments, for ``cosh`` it asks whether each power below is real: nested, these questions come again at each level.
For the sign of a sum it puts fractions over one denominator, which grows as continued fractions do. So the work is not
that of the characters. It is counted as a sum over sums, functions, powers and comparisons: the nodes of the operands,
times the functions nested there, times weights that were measured (:mod:`diffexplore.formula.effort_weights`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from diffexplore.errors import UsageError
from diffexplore.formula import effort_weights as of
from diffexplore.formula.effort_applied import of_call, of_power
from diffexplore.formula.effort_record import MAX_CASES, Effort, joined, of_product
from diffexplore.formula.grammar import GROUPS, chain
from diffexplore.formula.names import is_symbol
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.building import Trait

MAX_WORK = 1_000_000
"""Largest work that is taken on: half a second, so that a sum of 200 fractions is read."""


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
        assert isinstance(node.func, ast.Name)
        entry = FUNCTIONS[node.func.id]
        if Trait.CHOICE in entry.building.traits:
            return _of_choice(entry.name, node, found)
        return of_call(entry.name, node, found)
    parts = [found[child] for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if not parts:
        return Effort(constant=not (isinstance(node, ast.Name) and is_symbol(node)))
    if isinstance(node, ast.BinOp):
        return of_power(node, *parts)
    if isinstance(node, ast.Compare):
        return _of_comparison(joined(parts))
    whole = joined(parts)
    if isinstance(node, ast.BoolOp):  # each comparison is compared with all others
        return replace(whole, work=whole.work + whole.comparisons**2)
    return whole


# ------------------------------------------------------------------------------------------------ sums and products
def _of_chain(operands: Sequence[tuple[ast.operator | None, ast.expr]], found: dict[ast.AST, Effort]) -> Effort:
    """A sum or a product of all its operands at once."""
    whole = joined([found[operand] for _, operand in operands])
    work = whole.work + (of.OPERAND + of.NODE) * len(operands) + _bits([node for _, node in operands]) ** 2 // of.BITS
    if whole.constant:
        work += of.CONSTANT * whole.size
    if any(isinstance(operator, (ast.Add, ast.Sub)) for operator, _ in operands):
        above = whole.above + (len(operands) - 1) * whole.below
        # Two fractions may both be infinite, and their sum not a number: SymPy does not know it to be real.
        unsure = whole.unsure or sum(found[operand].below > 0 for _, operand in operands) > 1
        return replace(whole, work=work, unsure=unsure).put_over_one(above, whole.below)
    above = below = 0
    for operator, operand in operands:
        part = found[operand]
        if isinstance(operator, ast.Div):
            above, below, work = above + part.below, below + part.above, work + of.ALONE + part.sign
        else:
            above, below = above + part.above, below + part.below
    parts = [(operator, found[operand]) for operator, operand in operands]
    fraction = whole.fraction or any(isinstance(operator, ast.Div) and not one.constant for operator, one in parts)
    return replace(whole, work=work, fraction=fraction, parts=of_product(parts)).put_over_one(above, below)


def _bits(operands: Collection[ast.expr]) -> int:
    """The binary digits of the numbers among some operands."""
    numbers = [node.value for node in operands if isinstance(node, ast.Constant)]
    return sum(
        number.numerator.bit_length() + number.denominator.bit_length()
        for number in numbers
        if isinstance(number, (int, Fraction))
    )


# -------------------------------------------------------------------------------------------------------- conditions
def _of_comparison(both: Effort) -> Effort:
    if both.cases > MAX_CASES:
        raise UsageError(f"a comparison of the formula splits into more than {MAX_CASES} cases: branch less")
    size = both.size * both.cases
    work = both.work + size * (both.nesting + both.cases) + of.COMPARISON + both.cases * both.sign
    if both.unsure:
        work += both.cases * of.PART_COMPARED * both.parts
    return replace(both, size=size, comparisons=both.cases, cases=1, work=work)


def _of_choice(name: str, node: ast.Call, found: dict[ast.AST, Effort]) -> Effort:
    """Branches with their conditions; within a comparison each branch is a case, and conditions are there twice."""
    pieces = [piece for piece in node.args if isinstance(piece, ast.Tuple)]
    branches = node.args[1:] if name == "where" else [piece.elts[0] for piece in pieces]
    conditions = node.args[:1] if name == "where" else [piece.elts[1] for piece in pieces]
    parts = [found[part] for part in (*branches, *conditions)]
    whole = joined(parts)
    return replace(
        whole,
        size=1 + sum(found[branch].size for branch in branches) + 2 * sum(found[part].size for part in conditions),
        nesting=whole.nesting + 1,
        above=1,
        below=0,
        unsure=whole.unsure or whole.fraction,
        comparisons=0,
        cases=sum(min(found[branch].cases, MAX_CASES + 1) for branch in branches),
        work=whole.work + sum(part.size for part in parts),
    )
