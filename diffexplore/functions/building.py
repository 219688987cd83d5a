"""What building an expression with a function costs SymPy: measured, on one function within another and beside others.

SymPy evaluates while it builds: it asks for signs, takes real and imaginary parts of what it does not know to be real,
and the value of what has no symbols. :mod:`diffexplore.formula.effort` adds that up before a formula is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class KnownValues(Enum):
    """What SymPy knows of a function's values."""

    REAL = "they are real and finite where the operand is"
    FINITE = "they are finite, whatever the operand"
    INFINITE = "they may be infinite for a finite operand"
    UNSURE = "they may not be real"
    UNSURE_OF_FRACTIONS = "they may not be real where the operand may be infinite"


REAL, FINITE, INFINITE, UNSURE, UNSURE_OF_FRACTIONS = KnownValues


class Trait(Enum):
    """What SymPy does with a function of its own accord."""

    ROOT = "it is a root"
    POWER = "it is a power of its operand"
    SPLIT = "its operand is split into factors where it is not known to be real"
    SAME = "it may be its operand itself, as |x²| is, or the exponential of a logarithm"
    INVERSE = "it is an inverse trigonometric or hyperbolic function"
    OF_INVERSES = "of an inverse function it is written with roots and fractions: sin(atan(x)) = x/√(1 + x²)"
    PARTS = "SymPy takes the parts of an operand that it does not know to be real"
    STEP = "SymPy takes the imaginary part of the operand of a step, and so of each function within"
    EXTREME = "it compares all pairs of its operands"
    CHOICE = "it has branches"


@dataclass(frozen=True)
class Building:
    """What building an expression with a function costs.

    Attributes:
        weight: how often the nodes of its operands are looked at.
        values: what SymPy knows of its values.
        traits: what SymPy does with it of its own accord.
        copies: how often an operand stands in SymPy's expression, or is looked at: nested, the copies are copied.
        parts: how often the real and imaginary parts of an operand stand in those of the function; None where SymPy has
            no rule for them.
        with_roots: the weight where a root is in the operand that SymPy does not know to be real.
        of_constant: the weight for an operand without symbols.
        copies_of_constant: the copies for one, whose value SymPy takes.
        copies_of_unsure: those for an operand that it does not know to be real.
        copies_of_roots: those for such an operand with a root in it.
        largest_constant: the largest operand without symbols: beyond it the value is huge, or takes long. None where no
            constant is an operand.
    """

    weight: int
    values: KnownValues
    traits: tuple[Trait, ...] = ()
    copies: int = 1
    parts: int | None = None
    with_roots: int | None = None
    of_constant: int = 1
    copies_of_constant: int = 1
    copies_of_unsure: int = 1
    copies_of_roots: int = 1
    largest_constant: float | None = 10**6


#: Of a function of which SymPy only notes that it was applied, to what may not be real.
PLAIN = Building(1, UNSURE_OF_FRACTIONS)

#: The same of one that is real where its operands lie in its domain.
PLAIN_ON_DOMAIN = Building(1, UNSURE)
