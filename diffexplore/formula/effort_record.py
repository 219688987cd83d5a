"""What a part of a formula costs: one record, and those of several parts put together."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from diffexplore.formula import effort_weights as of
from diffexplore.functions import FUNCTIONS

MAX_CASES = 64
"""Most cases into which the branches on its sides may split a comparison."""

MOST_NODES = 10**9


@dataclass(frozen=True)
class Effort:
    """What a part of a formula costs.

    Attributes:
        size: the nodes of the expression that SymPy makes of it, a shared one as often as it is there.
        nesting: the functions and powers around its deepest operand.
        heavy: the functions with a weight of 10 or more.
        constant: whether it has no symbol.
        fraction: whether it divides by what SymPy does not know to differ from 0.
        unsure: whether a function or a power is in it whose values SymPy does not know to be real.
        roots: whether such a power is in it.
        inverse: whether it is an inverse trigonometric or hyperbolic function, or a sum or product with one.
        above, below: the nodes of its numerator and its denominator, should it be put over one.
        parts: the nodes of its real and its imaginary part; of what is real, of itself.
        comparisons: those of a condition.
        cases: into how many its branches split a comparison.
        work: all of it.
    """

    size: int = 1
    nesting: int = 0
    heavy: int = 0
    constant: bool = False
    fraction: bool = False
    unsure: bool = False
    roots: bool = False
    inverse: bool = False
    above: int = 1
    below: int = 0
    parts: int = 1
    comparisons: int = 0
    cases: int = 1
    work: int = of.NODE

    @property
    def sign(self) -> int:
        """The work of finding its sign, as that of a fraction."""
        return of.FRACTION * (self.above + self.below) if self.below else 0

    def put_over_one(self, above: int, below: int) -> Effort:
        """The same with so many nodes in its numerator and its denominator."""
        return replace(self, above=min(MOST_NODES, above), below=min(MOST_NODES, below))


def joined(parts: Sequence[Effort]) -> Effort:
    """The operands of one operation, as those of a sum."""
    return Effort(
        size=1 + sum(part.size for part in parts),
        nesting=max(part.nesting for part in parts),
        heavy=sum(part.heavy for part in parts),
        constant=all(part.constant for part in parts),
        fraction=any(part.fraction for part in parts),
        unsure=any(part.unsure for part in parts),
        roots=any(part.roots for part in parts),
        inverse=any(part.inverse for part in parts),
        above=min(MOST_NODES, sum(part.above for part in parts)),
        below=min(MOST_NODES, sum(part.below for part in parts)),
        parts=min(MOST_NODES, 1 + sum(part.parts for part in parts)),
        comparisons=sum(part.comparisons for part in parts),
        cases=math.prod(min(part.cases, MAX_CASES + 1) for part in parts),
        work=of.NODE + sum(part.work for part in parts),
    )


def applied(inside: Effort, weight: int, *, copies: int = 1, unsure: bool = False, roots: bool = False) -> Effort:
    """A function or a power of its operands: of a constant SymPy takes the value again at each level."""
    if inside.constant:
        weight = max(weight, of.CONSTANT)
    size = min(MOST_NODES, 1 + copies * inside.size)
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
        parts=min(MOST_NODES, 2 + inside.parts + size),
        work=inside.work + weight * size * nesting + of.ALONE + inside.sign,
    )


def of_product(operands: Sequence[tuple[ast.operator | None, Effort]]) -> int:
    """The nodes of the parts of a product: each factor that may not be real doubles them."""
    each, doubled = 1, 1
    for operator, one in operands:
        each += one.parts * (of.PARTS_OF_DIVISORS if one.unsure and isinstance(operator, ast.Div) else 1)
        doubled = min(MOST_NODES, doubled * (2 if one.unsure else 1))
    return min(MOST_NODES, each * max(1, doubled // 2))


def of_whole_power(base: Effort, exponent: int) -> int:
    """The same of a whole power: a sum of products of the powers of both parts."""
    if not base.unsure:
        return 1 + base.parts
    times = max(of.PARTS_OF_DIVISORS if exponent < 0 else 2, exponent**2 // 2)
    return min(MOST_NODES, 1 + times * base.parts)


def of_function(name: str, inside: Effort, size: int) -> int:
    """The same of a function that has ``size`` nodes itself: where SymPy has no rule for it, it writes it whole."""
    times = FUNCTIONS[name].building.parts
    written = times is not None and (inside.unsure or inside.fraction)
    return min(MOST_NODES, 2 + ((times or 1) * inside.parts if written else inside.parts + size))
