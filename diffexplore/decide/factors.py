"""Generators, the signs that are certain of polynomials in them, and their factors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import sympy
from flint import fmpq

from diffexplore.decide.lattice import Lattice
from diffexplore.decide.rational import Poly, Quotient, Ring, factored, key_of

_LARGEST_FACTORED = 2**48  # integers up to here are split into primes; a larger one is a generator of its own


class Factors:
    """Generators with what is known of them, the signs and the factors of polynomials in them."""

    def __init__(self, capacity: int, scales: dict[Hashable, int], orders: dict[Hashable, int]) -> None:
        self.ring = Ring(capacity)
        self.minus_one = self.ring.constant(-1)
        self._orders = orders
        self._exponents, self._angles = Lattice(scales), Lattice(scales)
        self._exp_numbers: list[int] = []
        self._exp_arguments: dict[int, tuple[dict[Hashable, Fraction], Quotient]] = {}
        self._angle_numbers: list[tuple[int, int]] = []
        self._depends: dict[int, frozenset[sympy.Basic]] = {}
        self._positive: set[int] = set()
        self._logarithms: dict[int, Poly] = {}
        self._roots: dict[int, tuple[Poly, int]] = {}
        self._signs: dict[Hashable, int] = {}

    # ----------------------------------------------------------------------------------------------- generators
    def atom(self, key: Hashable, *, positive: bool = False, depends: Any = frozenset()) -> Quotient:
        """The generator of ``key``."""
        number, new = self.ring.number(key)
        if new:
            self._depends[number] = frozenset(depends)
            if positive:
                self._positive.add(number)
        return self.ring.generator(number)

    def reduced(self, value: Quotient) -> Quotient:
        return self.ring.reduced(value)

    def depends_on(self, value: Quotient) -> frozenset[sympy.Basic]:
        """The symbols that the generators of ``value`` are made of."""
        used: frozenset[sympy.Basic] = frozenset()
        for poly in (value.top, value.bottom):
            for number, degree in enumerate(poly.degrees()):
                if degree > 0:
                    used |= self._depends.get(number, frozenset())
        return used

    # ---------------------------------------------------------------------------------------------------- signs
    def learn_nonnegative(self, value: Quotient) -> None:
        """Note that ``value`` ≥ 0, where that tells the sign of one of its factors."""
        content, factors = self.split(value)
        sign, unknown = (1 if content > 0 else -1), []
        for factor, power in factors:
            known = self.sign(factor)
            never_zero = known is not None and self._never_zero(factor)
            if power % 2 == 0:
                if not never_zero and power > 0:  # x²·y ≥ 0 says nothing of y where x is 0
                    return
            elif known is None or not never_zero:
                unknown.append(factor)
            else:
                sign *= known
        if unknown:  # where another factor is 0 nothing would follow
            self._signs[_key_of_product(unknown)] = sign

    def sign_of_product(self, factors: Iterable[Poly]) -> int | None:
        """1 where the product of irreducible factors ≥ 0 is certain, −1 where ≤ 0 is."""
        sign, unknown = 1, []
        for factor in factors:
            known = self.sign(factor)
            if known is None:
                unknown.append(factor)
            else:
                sign *= known
        together = self._signs.get(_key_of_product(unknown)) if unknown else 1
        return None if together is None else sign * together

    def sign(self, poly: Poly) -> int | None:
        """1 where poly ≥ 0 is certain, −1 where ≤ 0 is."""
        known = self._signs.get(key_of(poly))
        if known is not None:
            return known
        signs = set()
        for powers, coefficient in poly.to_dict().items():
            if any(power % 2 and not self._is_positive(number) for number, power in enumerate(powers)):
                return None
            signs.add(1 if coefficient > 0 else -1)
        return signs.pop() if len(signs) == 1 else None

    def _never_zero(self, poly: Poly) -> bool:
        """For a poly that :meth:`sign` knows: whether one of its terms is a product of exponentials and constants."""
        never = self._exp_arguments
        return any(all(number in never for number, power in enumerate(powers) if power) for powers in poly.to_dict())

    def _is_positive(self, number: int) -> bool:
        if number in self._positive:
            return True
        return self._signs.get(key_of(self.ring.generator(number).top)) == 1

    def split(self, value: Quotient) -> tuple[fmpq, list[tuple[Poly, int]]]:
        """Content and irreducible factors with their powers; a leading coefficient is positive."""
        value = self.reduced(value)
        content, found = fmpq(1), []
        for poly, direction in ((value.top, 1), (value.bottom, -1)):
            number, factors = factored(poly)
            content = content * number**direction
            for factor, power in factors:
                if factor.leading_coefficient() < 0:
                    factor, content = -factor, content * (-1) ** int(power)
                found.append((factor, int(power) * direction))
        return fmpq(content), found


def _key_of_product(factors: Sequence[Poly]) -> Hashable:
    """That of the factor itself where there is one alone."""
    return key_of(factors[0]) if len(factors) == 1 else frozenset(map(key_of, factors))


def primes(content: fmpq) -> list[tuple[int, int]]:
    """The primes of |content| with their powers; a number too large to split counts as one."""
    found = []
    for number, direction in ((abs(int(content.p)), 1), (int(content.q), -1)):
        if number == 1:
            continue
        parts = sympy.factorint(number) if number <= _LARGEST_FACTORED else {number: 1}
        found += [(int(prime), int(power) * direction) for prime, power in parts.items()]
    return found
