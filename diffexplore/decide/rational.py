"""Rational functions of generators, exact over the rationals, and the test whether one is 0.

Generators are independent variables of a polynomial ring, but for monic relations g**n = r where r is in earlier
generators only (roots; sin² = 1 − cos²). What is 0 in this ring is 0 as a function; the converse may fail, which
loses proofs and never makes a wrong one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import comb
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx

from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.formula.budget import spend

Poly = Any  # flint's fmpq_mpoly

_MOST_TERMS = 10**6  # larger products are not begun: a call into flint cannot be stopped, and would fill the memory
_HIGHEST = 10**4  # higher powers are taken of single generators only


_GCD_DEGREE, _GCD_TERMS = 1000, 20000
"""The degree and terms up to which common factors are looked for: nothing stops that either."""

_FACTORED_DEGREES, _FACTORED_TERMS = 300, 1000
"""All degrees together, and the terms, up to which a polynomial is factored; a larger one counts as irreducible."""


_TERMS_PER_OPERATION = 16  # flint multiplies about so many pairs of terms while Python visits a node


class RingIsFull(Exception):
    """More generators are needed than the ring has."""


@dataclass(frozen=True)
class Quotient:
    """A polynomial over a polynomial, without a common factor."""

    top: Poly
    bottom: Poly


@dataclass(frozen=True)
class Relation:
    """The generator to the power ``order`` is ``value``."""

    order: int
    value: Quotient


class Ring:
    """Polynomials in generators that are named as they come."""

    def __init__(self, capacity: int) -> None:
        self._context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(capacity)], Ordering.lex)
        self._gens = self._context.gens()
        self._numbers: dict[Hashable, int] = {}
        self.relations: dict[int, Relation] = {}
        self.one = self.constant(1)
        self.zero = self.constant(0)

    def number(self, key: Hashable) -> tuple[int, bool]:
        """The number of the generator of ``key``, and whether it is new."""
        known = self._numbers.get(key)
        if known is not None:
            return known, False
        if len(self._numbers) == len(self._gens):
            raise RingIsFull
        self._numbers[key] = len(self._numbers)
        return self._numbers[key], True

    def generator(self, number: int) -> Quotient:
        return Quotient(self._gens[number], self._context.constant(1))

    def constant(self, value: Any) -> Quotient:
        return Quotient(self._context.constant(value), self._context.constant(1))

    def poly(self, terms: dict[tuple[int, ...], Any]) -> Poly:
        return self._context.from_dict(terms)

    # ----------------------------------------------------------------------------------------------- arithmetic
    def add(self, first: Quotient, second: Quotient) -> Quotient:
        if first.bottom == second.bottom:
            return self.over(first.top + second.top, first.bottom)
        common = common_factor(first.bottom, second.bottom)
        left, right = second.bottom // common, first.bottom // common
        top = _product(first.top, left) + _product(second.top, right)
        return self.over(top, _product(first.bottom, left))

    def mul(self, first: Quotient, second: Quotient) -> Quotient:
        return self.over(_product(first.top, second.top), _product(first.bottom, second.bottom))

    def negative(self, value: Quotient) -> Quotient:
        return Quotient(-value.top, value.bottom)

    def inverse(self, value: Quotient) -> Quotient:
        """1/value; raises :class:`Undefined` where it is 0."""
        if self.is_zero(value):
            raise Undefined("it divides by an expression that is 0 everywhere")
        return self.over(value.bottom, value.top)

    def power(self, value: Quotient, exponent: int) -> Quotient:
        if exponent < 0:
            value, exponent = self.inverse(value), -exponent
        return Quotient(_power(value.top, exponent), _power(value.bottom, exponent))

    def over(self, top: Poly, bottom: Poly) -> Quotient:
        """top/bottom in lowest terms; the leading coefficient below is 1."""
        spend(1 + (len(top) + len(bottom)) // _TERMS_PER_OPERATION)
        if top.is_zero():
            return self.zero
        if bottom.is_one():
            return Quotient(top, bottom)
        common = common_factor(top, bottom)
        if not common.is_one():
            top, bottom = top // common, bottom // common
        lead = bottom.leading_coefficient()
        return Quotient(top, bottom) if lead == 1 else Quotient(top / lead, bottom / lead)

    # ------------------------------------------------------------------------------------------------ relations
    def reduced(self, value: Quotient) -> Quotient:
        """The same with powers of generators above replaced by their relations, the latest generators first."""
        top, below = self._reduce(value.top)
        return value if below is None and top == value.top else self.over(top, value.bottom * (below or self.one.top))

    def is_zero(self, value: Quotient) -> bool:
        return bool(self._reduce(value.top)[0].is_zero())

    def _reduce(self, poly: Poly) -> tuple[Poly, Poly | None]:
        """A poly times a non-zero one, low in all generators with relations; and that factor."""
        factor = None
        for number in sorted(self.relations, reverse=True):
            relation = self.relations[number]
            most = poly.degrees()[number] // relation.order
            if most <= 0:
                continue
            poly = self._lowered(poly, number, relation, most)
            if not relation.value.bottom.is_one():
                extra = _power(relation.value.bottom, most)
                factor = extra if factor is None else factor * extra
        return poly, factor

    def _lowered(self, poly: Poly, number: int, relation: Relation, most: int) -> Poly:
        parts: dict[int, dict[tuple[int, ...], Any]] = {}
        for powers, coefficient in poly.to_dict().items():
            times, rest = divmod(powers[number], relation.order)
            lower = (*powers[:number], rest, *powers[number + 1 :])
            parts.setdefault(times, {})[lower] = coefficient
        spend(1 + len(poly))
        value, total = relation.value, self._context.constant(0)
        for times, terms in parts.items():
            scale = _product(_power(value.top, times), _power(value.bottom, most - times))
            total += _product(self.poly(terms), scale)
        return total


def rational(number: Any) -> fmpq:
    """A rational of SymPy as flint has it."""
    return fmpq(int(number.p), int(number.q))


def common_factor(first: Poly, second: Poly) -> Poly:
    highest = int(max((*first.degrees(), *second.degrees())))
    large = highest > _GCD_DEGREE or len(first) + len(second) > _GCD_TERMS
    if large and len(first) > 1 and len(second) > 1:
        raise Unsupported("a quotient has degrees that are too large")
    if len(first) > 1 and len(second) > 1:
        spend(1 + (len(first) + len(second)) * (1 + highest) // _TERMS_PER_OPERATION)
    return first.gcd(second)


def factored(poly: Poly) -> tuple[Any, list[tuple[Poly, int]]]:
    """A constant, and irreducible factors with their powers, or one factor of which that is not known."""
    if len(poly) > 1 and (sum(poly.degrees()) > _FACTORED_DEGREES or len(poly) > _FACTORED_TERMS):
        lead = poly.leading_coefficient()
        return lead, [(poly / lead, 1)]
    spend(1 + len(poly) * (1 + int(sum(poly.degrees()))))
    return poly.factor()


def _product(first: Poly, second: Poly) -> Poly:
    if len(first) * len(second) > _MOST_TERMS:
        raise Unsupported("a product has too many terms")
    spend(1 + len(first) * len(second) // _TERMS_PER_OPERATION)
    return first * second


def _power(poly: Poly, exponent: int) -> Poly:
    if len(poly) > 1:
        terms = _MOST_TERMS + 1 if exponent > _HIGHEST else comb(exponent + len(poly) - 1, exponent)
        if terms > _MOST_TERMS:
            raise Unsupported("a power has too many terms")
        spend(1 + terms * len(poly) // _TERMS_PER_OPERATION)
    if exponent > _HIGHEST and any(abs(c.p) != 1 or c.q != 1 for c in poly.coeffs()):
        raise Unsupported("a power has numbers that are too large")
    return poly**exponent


def key_of(poly: Poly) -> Hashable:
    """A key that equal polynomials share."""
    return tuple(
        (tuple((place, power) for place, power in enumerate(powers) if power), coefficient)
        for powers, coefficient in ((powers, (int(c.p), int(c.q))) for powers, c in poly.to_dict().items())
    )


def quotient_key(value: Quotient) -> Hashable:
    """A key that equal quotients share."""
    return key_of(value.top), key_of(value.bottom)


def single(poly: Poly) -> int | None:
    """The number of the generator that ``poly`` is, if it is one."""
    terms = poly.to_dict()
    if len(terms) != 1:
        return None
    ((powers, coefficient),) = terms.items()
    return single_power(powers) if coefficient == 1 else None


def single_power(powers: tuple[int, ...]) -> int | None:
    return powers.index(1) if sum(powers) == 1 else None
