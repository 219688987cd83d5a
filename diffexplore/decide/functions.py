"""Logarithms, roots, exponentials and circular functions of rational functions of generators."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from math import floor, lcm

from flint import fmpq

from diffexplore.decide.factors import Factors, primes
from diffexplore.decide.lattice import FinerBasis
from diffexplore.decide.rational import Poly, Quotient, Relation, key_of, quotient_key, single, single_power
from diffexplore.decide.records import Undefined, Unsupported

_LARGEST_MULTIPLE = 200  # sines of larger multiples of an angle are not written out

_LARGEST_ORDER = 10**4
"""Roots of a higher order are not distinguished: 0.1 read as the double next to it has the order 2**55."""


class Functions(Factors):
    """The identities that turn functions of sums and products into products and sums of functions."""

    # ------------------------------------------------------------------------------------------------ logarithm
    def log(self, value: Quotient) -> Quotient:
        """log(c·Π f^k) = log c + Σ k·log|f| wherever the left side is defined: |·| may be put on every factor."""
        if self.ring.is_zero(value):
            raise Undefined("it has the logarithm of an expression that is 0 everywhere")
        ring = self.ring
        content, factors = self.split(value)
        if content < 0 and all(power % 2 == 0 or self.sign(factor) == 1 for factor, power in factors):
            raise Undefined("it has the logarithm of an expression that is negative everywhere")
        total = ring.zero
        for prime, power in primes(content):
            total = ring.add(total, ring.mul(ring.constant(power), self._log_of(ring.constant(prime).top)))
        for factor, power in factors:
            total = ring.add(total, ring.mul(ring.constant(power), self._log_of(factor)))
        return total

    def _log_of(self, factor: Poly) -> Quotient:
        """log|factor|."""
        number = single(factor)
        if number in self._exp_arguments:
            return self._exp_arguments[number][1]  # log(exp(u)) = u
        if number in self._roots:
            base, order = self._roots[number]
            return self.ring.mul(self.ring.constant(fmpq(1, order)), self.log(Quotient(base, self.ring.one.top)))
        value = Quotient(factor, self.ring.one.top)
        logarithm = self.atom(("log", key_of(factor)), depends=self.depends_on(value))
        self._logarithms[single(logarithm.top)] = factor  # type: ignore[index]
        return logarithm

    # --------------------------------------------------------------------------------------------------- powers
    def root(self, base: Quotient, power: Fraction) -> Quotient:
        """base^power for a base that is not negative: the product of |f|^(k·power) over factors of known sign.

        What remains, the factors whose signs are not known, stays together: it has the sign that makes the base
        positive.
        """
        if self.ring.is_zero(base):
            if power < 0:
                raise Undefined("it divides by an expression that is 0 everywhere")
            return self.ring.zero
        content, factors = self.split(base)
        sign, result, unknown = (1 if content > 0 else -1), self.ring.one, []
        for prime, times in primes(content):
            result = self.ring.mul(result, self._root_of(self.ring.constant(prime).top, power * times))
        for factor, times in factors:
            known = self.sign(factor)
            if known is None:
                unknown.append((factor, times))
                continue
            sign *= known if times % 2 else 1
            result = self.ring.mul(result, self._root_of(factor if known > 0 else -factor, power * times))
        return self.ring.mul(result, self._root_of_unknown(sign, unknown, power))

    def _root_of_unknown(self, sign: int, factors: list[tuple[Poly, int]], power: Fraction) -> Quotient:
        if not factors:
            if sign < 0:
                raise Undefined("it has a root of an expression that is negative everywhere")
            return self.ring.one
        if len(factors) == 1 and factors[0][1] % 2:  # the one factor left has the sign that makes the base positive
            ((factor, times),) = factors
            return self._root_of(factor if sign > 0 else -factor, power * times)
        whole, block = self.ring.one, self.ring.constant(sign).top
        for factor, times in factors:
            pulled, rest = divmod(times, 2 * power.denominator)  # (f^(2n))^(m/n) = f^(2m) whatever the sign of f
            part = self.ring.power(Quotient(factor, self.ring.one.top), 2 * pulled * power.numerator)
            whole, block = self.ring.mul(whole, part), block * factor**rest
        if block.is_one():
            return whole
        return self.ring.mul(whole, self._root_of(block, power))

    def _root_of(self, base: Poly, power: Fraction) -> Quotient:
        """base^power for a base that is not negative."""
        number = single(base)
        if number in self._exp_arguments:
            vector, argument = self._exp_arguments[number]
            scaled = {key: value * power for key, value in vector.items()}
            times = self.ring.constant(fmpq(power.numerator, power.denominator))
            return self._exp_of(scaled, self.ring.mul(times, argument))
        if number in self._roots:
            inner, order = self._roots[number]
            return self._root_of(inner, power / order)
        whole = floor(power)
        plain = Quotient(base, self.ring.one.top)
        result = self.ring.power(plain, whole)
        if power == whole:
            return result
        order = self._order(base, power.denominator)
        key = ("root", key_of(base), order)
        root = self.atom(key, positive=True, depends=self.depends_on(plain))
        generator = single(root.top)
        assert generator is not None
        self.ring.relations.setdefault(generator, Relation(order, plain))
        self._roots[generator] = (base, order)
        return self.ring.mul(result, self.ring.power(root, int((power - whole) * order)))

    def _order(self, base: Poly, needed: int) -> int:
        """The order of the one root of ``base`` that all its roots are powers of."""
        key = key_of(base)
        known = self._orders.get(key)
        order = lcm(known or 1, needed)
        if order > _LARGEST_ORDER:
            raise Unsupported(f"a root of the order {order} is too high")
        if known is None:
            self._orders[key] = known = needed
        elif known % needed:
            self._orders[key] = order
            raise FinerBasis
        return known

    # ----------------------------------------------------------------------------------- exp, and sin with cos
    def exp(self, argument: Quotient) -> Quotient:
        """exp of a sum as a product: r·log|f| with a rational r gives |f|^r, the rest powers of few exponentials."""
        argument = self.reduced(argument)
        result, terms = self.ring.one, argument.top.to_dict()
        if argument.bottom.is_one():
            for powers, coefficient in argument.top.to_dict().items():
                number = single_power(powers)
                factor = self._logarithms.get(number) if number is not None else None
                sign = self.sign(factor) if factor is not None else None
                if factor is not None and sign is not None:
                    power = Fraction(int(coefficient.p), int(coefficient.q))
                    result = self.ring.mul(result, self._root_of(factor if sign > 0 else -factor, power))
                    del terms[powers]
        rest = self.ring.over(self.ring.poly(terms), argument.bottom)
        return self.ring.mul(result, self._exp_of(_vector(rest), rest))

    def _exp_of(self, vector: dict[Hashable, Fraction], argument: Quotient) -> Quotient:
        result = self.ring.one
        for element, times in self._exponents.coordinates(vector).items():
            if element == len(self._exp_numbers):
                self._new_exponential(vector, argument, self._exponents.scale(element))
            result = self.ring.mul(result, self.ring.power(self.ring.generator(self._exp_numbers[element]), times))
        return result

    def _new_exponential(self, vector: dict[Hashable, Fraction], argument: Quotient, scale: int) -> None:
        small = {key: value / scale for key, value in vector.items()}
        shrunk = self.ring.mul(self.ring.constant(fmpq(1, scale)), argument)
        key = ("exp", quotient_key(shrunk))
        number = single(self.atom(key, positive=True, depends=self.depends_on(argument)).top)
        assert number is not None
        self._exp_numbers.append(number)
        self._exp_arguments[number] = (small, shrunk)

    def circular(self, argument: Quotient) -> tuple[Quotient, Quotient]:
        """sin and cos of a sum by the addition theorems, with sin² = 1 − cos² for each of few angles."""
        ring, argument = self.ring, self.reduced(argument)
        sine, cosine = ring.zero, ring.one
        for element, times in self._angles.coordinates(_vector(argument)).items():
            if element == len(self._angle_numbers):
                self._new_angle(argument, self._angles.scale(element))
            if abs(times) > _LARGEST_MULTIPLE:
                raise Unsupported("an angle is too large a multiple of another")
            s, c = (ring.generator(number) for number in self._angle_numbers[element])
            if times < 0:
                s = ring.negative(s)
            for _ in range(abs(times)):
                sine, cosine = (
                    self.reduced(ring.add(ring.mul(sine, c), ring.mul(cosine, s))),
                    self.reduced(ring.add(ring.mul(cosine, c), ring.negative(ring.mul(sine, s)))),
                )
        return sine, cosine

    def _new_angle(self, argument: Quotient, scale: int) -> None:
        ring = self.ring
        key, depends = quotient_key(ring.mul(ring.constant(fmpq(1, scale)), argument)), self.depends_on(argument)
        cosine = self.atom(("cos", key), depends=depends)
        sine = self.atom(("sin", key), depends=depends)
        numbers = single(sine.top), single(cosine.top)
        assert numbers[0] is not None and numbers[1] is not None
        square = ring.add(ring.one, ring.negative(ring.mul(cosine, cosine)))
        ring.relations.setdefault(numbers[0], Relation(2, square))
        self._angle_numbers.append((numbers[0], numbers[1]))


def _vector(value: Quotient) -> dict[Hashable, Fraction]:
    below = key_of(value.bottom)
    return {
        (powers, below): Fraction(int(coefficient.p), int(coefficient.q))
        for powers, coefficient in value.top.to_dict().items()
    }
