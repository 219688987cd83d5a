"""The mathematics of a function of real numbers, as its record states it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from diffexplore.functions.domains import Domain


class Sign(Enum):
    """The sign of the values of a function, where it is defined."""

    POSITIVE = "positive"
    NOT_NEGATIVE = "positive or 0"
    UNKNOWN = "not known from its argument alone"


UNKNOWN_SIGN = Sign.UNKNOWN
ALWAYS_POSITIVE = Sign.POSITIVE
NEVER_NEGATIVE = Sign.NOT_NEGATIVE


@dataclass(frozen=True)
class Increasing:
    """The sign of an increasing function with a ``root``: that of its argument minus the root."""

    root: int


Range = tuple[int, int]
"""The numbers between which all values of a function lie strictly."""

UNBOUNDED = None


class Smoothness(Enum):
    """What a function is like inside its domain."""

    ANALYTIC = "it has a Taylor series at every inner point of its domain"
    CORNER = "it is continuous, and has a corner"
    JUMP = "it jumps, and is constant between its jumps"
    CUT = "it is analytic but for a cut, over which it jumps"


ANALYTIC, CORNER, JUMP, CUT = Smoothness


class NormalForm(Enum):
    """What a proof makes of a function without identities of its own."""

    GENERATOR = "a number of its own for each argument"
    ODD = "the same, with f(−u) = −f(u)"
    RESOLVED = "branches are resolved before anything is brought to a normal form"
    STRUCTURAL = "sums, products and powers are the normal form itself"
    UNKNOWN = "there is no rule"


GENERATOR, ODD, RESOLVED, STRUCTURAL, NO_NORMAL_FORM = NormalForm


@dataclass(frozen=True)
class Equal:
    """The normal form of a function is that of an expression in others, made of SymPy arguments."""

    expression: Callable[..., Any]


class AtInfinity(Enum):
    """Whether an infinite argument, met in a computation, leaves a trace in the value."""

    NOT_FINITE = "the value is infinite or NaN"
    MAY_BE_FINITE = "the value may be finite"


NOT_FINITE, MAY_BE_FINITE = AtInfinity


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The mathematics of a function of real numbers.

    Attributes:
        domain: where it is defined.
        sign: the sign of its values there.
        values: the numbers between which they lie strictly.
        smooth: what it is like inside its domain.
        normal_form: a rule of :mod:`diffexplore.decide.rules`, or which plain one applies.
        at_infinity: whether an infinite argument may be lost.
    """

    domain: Domain
    sign: Sign | Increasing
    values: Range | None
    smooth: Smoothness
    normal_form: NormalForm | Equal | Callable[..., Any]
    at_infinity: AtInfinity
