"""Where functions are defined: one statement, read by proofs, tracing, simplification, the truth and the tests.

A domain is a tuple of conditions on the arguments that hold together. Each condition is read in two ways: as what an
expression of SymPy needs (``needs``), and on Arb's balls, where it certainly ``holds`` or certainly ``fails``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Kind = Literal["nonzero", "nonnegative", "positive", "no pole"]
"""What is needed of an expression; "no pole": it is not 0, −1, −2, …"""

Need = tuple[Any, Kind]


class Condition(Protocol):
    """A condition on the arguments of a function; where it is about one of them, it is about the last."""

    def needs(self, *arguments: Any) -> Iterator[Need]:
        """What has to hold of expressions of SymPy."""

    def holds(self, *balls: Any) -> bool:
        """Whether it holds for all numbers in the balls."""

    def fails(self, *balls: Any) -> bool:
        """Whether it fails for all numbers in the balls."""


@dataclass(frozen=True)
class Above:
    """x > bound."""

    bound: int

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield arguments[-1] - self.bound, "positive"

    def holds(self, *balls: Any) -> bool:
        return bool(balls[-1] > self.bound)

    def fails(self, *balls: Any) -> bool:
        return bool(balls[-1] <= self.bound)


@dataclass(frozen=True)
class AtLeast:
    """x ≥ bound."""

    bound: int

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield arguments[-1] - self.bound, "nonnegative"

    def holds(self, *balls: Any) -> bool:
        return bool(balls[-1] >= self.bound)

    def fails(self, *balls: Any) -> bool:
        return bool(balls[-1] < self.bound)


@dataclass(frozen=True)
class AtMost:
    """x ≤ bound."""

    bound: int

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield self.bound - arguments[-1], "nonnegative"

    def holds(self, *balls: Any) -> bool:
        return bool(balls[-1] <= self.bound)

    def fails(self, *balls: Any) -> bool:
        return bool(balls[-1] > self.bound)


@dataclass(frozen=True)
class Of:
    """A condition on the argument at a ``place``, counted from the end as well."""

    place: int
    condition: Condition

    def needs(self, *arguments: Any) -> Iterator[Need]:
        return self.condition.needs(arguments[self.place])

    def holds(self, *balls: Any) -> bool:
        return self.condition.holds(balls[self.place])

    def fails(self, *balls: Any) -> bool:
        return self.condition.fails(balls[self.place])


@dataclass(frozen=True)
class Within:
    """|x| ≤ 1, or |x| < 1 where it is ``strict``."""

    strict: bool

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield 1 - arguments[-1] ** 2, self._kind

    def linear(self, *arguments: Any) -> Iterator[Need]:
        """The same of both sides: 1 − x and 1 + x."""
        yield 1 - arguments[-1], self._kind
        yield 1 + arguments[-1], self._kind

    @property
    def _kind(self) -> Kind:
        return "positive" if self.strict else "nonnegative"

    def holds(self, *balls: Any) -> bool:
        size = abs(balls[-1])
        return bool(size < 1 if self.strict else size <= 1)

    def fails(self, *balls: Any) -> bool:
        size = abs(balls[-1])
        return bool(size >= 1 if self.strict else size > 1)


@dataclass(frozen=True)
class Nonzero:
    """x ≠ 0, or ``of``(x) ≠ 0: the cosine, for the tangent."""

    of: Literal["", "sin", "cos"] = ""

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield self._value(arguments[-1]), "nonzero"

    def holds(self, *balls: Any) -> bool:
        return not self._at(balls[-1]).contains(0)

    def fails(self, *balls: Any) -> bool:
        return bool(self._at(balls[-1]).is_zero())

    def _value(self, x: Any) -> Any:
        import sympy

        return getattr(sympy, self.of)(x) if self.of else x

    def _at(self, ball: Any) -> Any:
        return getattr(ball, self.of)() if self.of else ball


@dataclass(frozen=True)
class NoPole:
    """x is not 0, −1, −2, …, where the gamma function has its poles."""

    def needs(self, *arguments: Any) -> Iterator[Need]:
        yield arguments[-1], "no pole"

    def holds(self, *balls: Any) -> bool:
        return bool(balls[-1] > 0) or not balls[-1].contains_integer()

    def fails(self, *balls: Any) -> bool:
        return bool(balls[-1].is_integer() and balls[-1] <= 0)


@dataclass(frozen=True)
class NotTheOrigin:
    """The two arguments are not both 0."""

    def needs(self, *arguments: Any) -> Iterator[Need]:
        y, x = arguments
        yield y**2 + x**2, "nonzero"

    def holds(self, *balls: Any) -> bool:
        return not all(ball.contains(0) for ball in balls)

    def fails(self, *balls: Any) -> bool:
        return all(ball.is_zero() for ball in balls)


@dataclass(frozen=True)
class OfPower:
    """x**p: not 1/0, and no power of a negative number but a whole one."""

    def needs(self, *arguments: Any) -> Iterator[Need]:
        import sympy

        base, exponent = arguments
        if exponent.is_Integer:
            if exponent.is_negative:
                yield base, "nonzero"
        elif exponent.is_Rational:
            yield base, "positive" if exponent.is_negative else "nonnegative"
        elif base is not sympy.E:
            yield base, "positive"

    def holds(self, *balls: Any) -> bool:
        base, exponent = balls
        whole = exponent.is_integer() and (exponent >= 0 or not base.contains(0))
        return bool(base > 0 or whole or (base >= 0 and exponent > 0))

    def fails(self, *balls: Any) -> bool:
        base, exponent = balls
        return bool((base.is_zero() and exponent < 0) or (base < 0 and not exponent.contains_integer()))


@dataclass(frozen=True)
class Domain:
    """Where all ``conditions`` hold. PyTorch may compute a number beyond it where it ``reaches_further``."""

    conditions: tuple[Condition, ...]
    reaches_further: bool

    def needs(self, *arguments: Any) -> Iterator[Need]:
        """What all conditions need of expressions of SymPy."""
        for condition in self.conditions:
            yield from condition.needs(*arguments)

    def linear(self, *arguments: Any) -> Iterator[Need]:
        """The same, of expressions that are linear in the arguments where the conditions are."""
        for condition in self.conditions:
            yield from condition.linear(*arguments) if isinstance(condition, Within) else condition.needs(*arguments)

    def holds(self, *balls: Any) -> bool:
        """Whether all numbers in the balls are inside."""
        return all(condition.holds(*balls) for condition in self.conditions)

    def fails(self, *balls: Any) -> bool:
        """Whether all numbers in the balls are outside."""
        return any(condition.fails(*balls) for condition in self.conditions)


EVERYWHERE = Domain((), reaches_further=False)


def where(*conditions: Condition) -> Domain:
    """The domain of a function that has no value elsewhere: PyTorch gives NaN or infinity there."""
    return Domain(conditions, reaches_further=False)


def at_least_where(*conditions: Condition) -> Domain:
    """The domain in formulas of a function of which PyTorch may have values elsewhere, too."""
    return Domain(conditions, reaches_further=True)
