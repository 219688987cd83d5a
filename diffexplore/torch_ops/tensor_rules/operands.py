"""What a tensor rule is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact

Tensor = torch.Tensor

#: Of a truth value: the balls do not decide it; they do, but it changes with the least change of what varies.
UNDECIDED, TIED = 1, 2


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor among the arguments of an operator.

    Attributes:
        value: what the program computed, on the CPU, detached; of any dtype.
        ball: the exact value, in the shape of ``value``; None for integers and truth values. Complex numbers are pairs
            along a last axis.
        undecided: of truth values: :data:`UNDECIDED` where the balls do not decide them, :data:`TIED` where they hold
            the borderline exactly (uint8, that shape); None where all are certain, also nearby.
        varies: whether it depends on what is differentiated by, as autograd sees it.
    """

    value: Tensor
    ball: DoubleBall | None
    undecided: np.ndarray | None = None
    varies: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def number(self) -> DoubleBall:
        """The exact value; integers and truth values are numbers as well."""
        if self.ball is not None:
            return self.ball
        return whole(self.value.numpy(force=True))


def whole(values: np.ndarray) -> DoubleBall:
    """Integers and truth values as balls of radius 0; those of 64 bits have a lower part."""
    if values.dtype not in (np.int64, np.uint64):
        return exact(values.astype(np.float64))
    bits = values.dtype.type(32)
    above = (values >> bits).astype(np.float64) * 2.0**32
    below = values.astype(np.uint32).astype(np.float64)
    high = above + below
    low = below - (high - above)  # exact: above is 0, or no smaller than below
    return DoubleBall(high, low, np.zeros_like(high))


@dataclass(frozen=True, eq=False)
class Truths:
    """The exact values of a condition: truth values, and which of them are not certain (uint8, one shape)."""

    value: np.ndarray
    undecided: np.ndarray


#: The cotangents of the results (None for a result that nothing uses) → those of the operands, in their order among
#: the arguments; None for an operand of which the result does not depend smoothly.
Pullback = Callable[[Sequence[DoubleBall | None]], Sequence[DoubleBall | None]]


@dataclass(frozen=True, eq=False)
class OpenDifference:
    """What an operand's cotangent is off by, where it is open which of several numbers an operator chooses.

    Attributes:
        ball: the difference of the cotangents between two choices, in the operand's shape.
        choice: by element, the number of the choice that the difference is of, from 1 on (int64, that shape); 0 where
            there is none. None where differences of several choices are added up: then ``ball`` is around 0.
    """

    ball: DoubleBall
    choice: np.ndarray | None


@dataclass(frozen=True, eq=False)
class OpenChoices:
    """The way back of an operator that chooses, where it is open what.

    The cotangents of the operands are those of ``middle``, and λ times each of the differences, −1 ≤ λ ≤ 1, the same λ
    for all operands and elements of one choice. ``differences`` gives lists of differences by operand, each list with
    choices of its own.
    """

    middle: Pullback
    differences: Callable[[Sequence[DoubleBall | None]], Iterable[Sequence[OpenDifference | None]]]


@dataclass(frozen=True, eq=False)
class Applied:
    """The results of an operator on balls, and how cotangents come back.

    ``outputs`` has an entry for each result: None for one that is what the program computed, whatever the operands'
    balls hold (an index, a shape). ``pullback`` is None where no result depends smoothly on an operand; where choices
    are open it encloses all of them, and ``open_choices`` says how they are connected. ``by_element`` says that each
    element of the one result is computed of those at its place, ``moves`` that elements are moved and nothing else.
    """

    outputs: tuple[DoubleBall | Truths | None, ...]
    pullback: Pullback | None
    open_choices: OpenChoices | None = None
    by_element: bool = False
    moves: bool = False


class NotCertified(Exception):
    """The exact derivative is not known here; the text says why, as the end of "no certified truth: …"."""


NOT_HERMITIAN = "the matrix is not Hermitian, and one triangle of it is not read"


def closeness(total: float) -> tuple[float, float]:
    """The relative and the absolute tolerance within which a matrix, by the sum of its entries, counts as Hermitian.

    It decides which function is meant, not how exact a number is: its program made it so, up to rounding.
    """
    return 1e-3, 1e-6 * total


class NoDerivative(NotCertified, NotImplementedError):
    """There is none, or it is not certain that there is one: at equal eigenvalues, of a singular matrix, of a phase.

    Where steps that raise it are run for a bound, there is none.
    """


@dataclass(frozen=True, eq=False)
class OperatorCall:
    """A call of an operator: ``function`` with its arguments, in which each tensor is an :class:`Operand`.

    ``out`` is what the program computed, tensors (also among others in a tuple) on the CPU.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any

    def argument(self, name: str, default: Any = None) -> Any:
        """The argument of that name, wherever it stands; ``default`` where it is not given and has no default."""
        for place, stated in enumerate(self.function._schema.arguments):
            if stated.name == name:
                if place < len(self.args) and not stated.kwarg_only:
                    return self.args[place]
                return self.kwargs.get(name, stated.default_value if stated.has_default_value() else default)
        return default


def results_of(call: OperatorCall) -> list[Tensor]:
    """What the program computed, one tensor after the other."""
    return [call.out] if isinstance(call.out, torch.Tensor) else list(call.out)


#: Runs an operator on balls. Raises :class:`NotCertified`.
TensorRule = Callable[[OperatorCall], Applied]


@dataclass(frozen=True)
class InSteps:
    """In place of a rule: what the operator computes, in other operators on tensors."""

    steps: Callable[..., Any]


def operands_of(value: Any) -> list[Operand]:
    """The operands among arguments, in their order."""
    if isinstance(value, Operand):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [operand for item in value for operand in operands_of(item)]
    return []


def replaced(value: Any, change: Callable[[Operand], Any]) -> Any:
    """Arguments with each operand changed."""
    if isinstance(value, Operand):
        return change(value)
    if isinstance(value, dict):
        return {name: replaced(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(item, change) for item in value)
    return value
