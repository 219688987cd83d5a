"""What a record claims of the rounding of a kernel, how errors spread through it, and how the canary tries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True)
class Claim:
    """The rounding that is claimed of a kernel: ``ulps`` of its result, and an absolute error in units of u.

    ``narrow_absolute`` is a further absolute error of the narrow dtypes alone, in units of u of float32. A kernel that
    does not compute in a wider dtype throughout rounds ``narrow_roundings`` times to a narrow one. Where an exponential
    inside overflows, one that ``underflows`` gives 0 for what may be up to 1 over the largest number. A kernel for
    float64 with coefficients of fewer digits has a ``double_absolute`` error, in units of u of float64. One that
    reduces its operands first moves each by ``operand_roundings`` times u of itself.
    """

    ulps: float
    absolute: float = 0.0
    narrow_absolute: float = 0.0
    narrow_roundings: int = 1
    underflows: bool = False
    double_absolute: float = 0.0
    operand_roundings: int = 0


class Rounding(Enum):
    """What is claimed of an operation that has no error of its own in ulps."""

    EXACT = "it moves, chooses or negates values, and so rounds nothing"
    NEAREST = "it is rounded to nearest (IEEE 754)"
    IN_STEPS = "its kernels have claims of their own"


EXACT, NEAREST, IN_STEPS = Rounding


class Propagation(Enum):
    """Where the rule is by which the errors of operands spread, if it is not in the record."""

    IN_STEPS = "each kernel that it runs has a rule of its own"
    IN_HANDLER = "a handler of its own, which is in the record of its kernel in diffexplore.torch_ops"
    NONE = "there is none: the result has no bound"


SPREAD_IN_STEPS, SPREAD_IN_HANDLER, NO_SPREAD = Propagation


@dataclass(frozen=True)
class Interval:
    """The numbers from ``low`` to ``high`` at which the canary tries a function of one argument."""

    low: float
    high: float


class Tried(Enum):
    """How the canary tries what is not a function of one argument."""

    AS_ARITHMETIC = "with the other operations of arithmetic, on every build"
    IN_PARTS = "its kernels are tried in its place"
    NOT = "it rounds nothing"


TRIED_AS_ARITHMETIC, TRIED_IN_PARTS, NOT_TRIED = Tried


@dataclass(frozen=True)
class Trials:
    """Sets of operands at which a kernel is run under a watch: ``operands`` is called for them."""

    operands: Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class OwnTrial:
    """A kernel of torch that is not what its operation runs, the same function of Arb's balls, and sets of operands."""

    torch: Callable[..., Any]
    arb: Callable[..., Any]
    operands: Callable[..., Any]
