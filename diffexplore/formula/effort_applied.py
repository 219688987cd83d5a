"""What functions and powers cost: the nodes of their operands, times the functions nested there, times a weight."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from diffexplore.formula import effort_weights as of
from diffexplore.formula.effort_record import Effort, applied, joined, of_whole_power
from diffexplore.formula.effort_record import of_function as parts_of_function
from diffexplore.formula.grammar import GROUPS, chain
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.building import FINITE, INFINITE, UNSURE, UNSURE_OF_FRACTIONS, Building, Trait

_DEEPEST = 24
"""From this nesting on a step is refused anyway."""

_MOST_ARGUMENTS = 10_000

_LARGEST_EXPONENT = 1000
"""SymPy is given none that is larger."""


def of_power(node: ast.BinOp, base: Effort, exponent: Effort) -> Effort:
    """A power with its base and its exponent."""
    whole = _whole_number(node.right)
    both = joined([base, exponent])
    if whole is None:
        copies = max(_root_copies(node.left, base), of.COPIES_OF_EXPONENTS if exponent.unsure else 1)
        open_question = (both.unsure or both.fraction) and not exponent.constant  # whether the base is real
        questions = of.PART * both.parts if open_question else 0
        found = applied(replace(both, work=both.work + questions), of.POWER, copies=copies, roots=True)
        if isinstance(node.right, ast.Constant):
            found = replace(found, parts=parts_of_function("sqrt", base, found.size))
    else:
        parts = of_whole_power(base, whole)
        found = replace(applied(both, of.WHOLE_POWER), parts=parts, fraction=both.fraction or whole < 0)
    above, below = base.above + 1, base.below + 1 if base.below else 0
    return found.put_over_one(below, above) if whole is not None and whole < 0 else found.put_over_one(above, below)


def _whole_number(node: ast.expr) -> int | None:
    """The value of an exponent that is a whole number: 2**9, too."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _whole_number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, Fraction)) and node.value.denominator == 1:
        return int(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, exponent = _whole_number(node.left), _whole_number(node.right)
        if base is not None and exponent is not None and 0 <= exponent <= _LARGEST_EXPONENT:
            return min(base, _LARGEST_EXPONENT) ** exponent
    return None


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


def of_call(name: str, node: ast.Call, found: Mapping[ast.AST, Effort]) -> Effort:
    """A function of numbers with its arguments."""
    building = FUNCTIONS[name].building
    inside, traits, values = joined([found[argument] for argument in node.args]), building.traits, building.values
    if Trait.EXTREME in traits:
        return _of_extreme(name, node, inside)
    of_inverse = inside.inverse and Trait.OF_INVERSES in traits
    questions = of.PART * inside.parts if Trait.PARTS in traits and inside.unsure else 0
    effort = applied(
        replace(inside, work=inside.work + questions),
        _weight(building, inside),
        copies=_copies(building, node.args[0], found[node.args[0]], inside),
        unsure=values is UNSURE or (inside.fraction and values is UNSURE_OF_FRACTIONS),
        roots=of_inverse or Trait.ROOT in traits,
    )
    effort = replace(
        effort,
        fraction=values is INFINITE or (inside.fraction and values is not FINITE),
        parts=parts_of_function(name, inside, effort.size),
    )
    if of_inverse:
        return effort.put_over_one(inside.above + inside.below + 2, inside.above + inside.below + 2)
    if Trait.POWER in traits:
        return effort.put_over_one(inside.above + 1, inside.below + 1 if inside.below else 0)
    if Trait.INVERSE in traits or Trait.SAME in traits:
        return replace(effort, inverse=Trait.INVERSE in traits).put_over_one(inside.above, inside.below)
    return effort


def _weight(building: Building, inside: Effort) -> int:
    if inside.roots and building.with_roots is not None:
        return building.with_roots
    return max(building.weight, building.of_constant if inside.constant else 1)


def _copies(building: Building, operand: ast.expr, effort: Effort, inside: Effort) -> int:
    """How often SymPy writes, or asks about, the operands of a function."""
    copies = [building.copies, building.copies_of_constant if inside.constant else 1]
    if inside.inverse and Trait.OF_INVERSES in building.traits:
        copies.append(of.COPIES_OF_INVERSES)
    if inside.unsure:
        copies.append(building.copies_of_roots if inside.roots else building.copies_of_unsure)
        if Trait.STEP in building.traits:
            copies.append(of.COPIES_OF_STEPS << min(inside.nesting, _DEEPEST))
    if Trait.SPLIT in building.traits:
        copies.append(_root_copies(operand, effort))
    return max(copies)


def _of_extreme(name: str, node: ast.Call, inside: Effort) -> Effort:
    count = len(_arguments(node, name))
    pairs = max(1, count * (count - 1) // 2)
    each = 2 * inside.size // max(1, len(node.args)) + 1
    heavy = 1 + min(inside.heavy // max(1, len(node.args)), 3)
    # The difference of two is factored at each level within; that from a number is what is compared.
    depth = 1 + inside.nesting if sum(not isinstance(one, ast.Constant) for one in node.args) > 1 else 1
    work = pairs * (each * of.PAIR * heavy * depth + inside.sign)
    return replace(inside, nesting=inside.nesting + 1, heavy=inside.heavy + 1, inverse=False, work=inside.work + work)


def _arguments(node: ast.Call, name: str) -> list[ast.expr]:
    """The arguments of max or min, those of the same function within it among them: SymPy makes one of all."""
    waiting, flat = list(node.args), list[ast.expr]()
    while waiting:
        argument = waiting.pop()
        if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and len(flat) < _MOST_ARGUMENTS:
            inner = FUNCTIONS[argument.func.id].name
            if inner == name or (inner == "relu" and name == "max"):
                waiting += argument.args
                continue
        flat.append(argument)
    return flat
