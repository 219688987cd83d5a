"""Logarithms, roots and exponentials of rational functions of generators."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from math import floor, gcd, lcm
from typing import Any

from flint import fmpq

from diffexplore.decide.factors import Factors, primes
from diffexplore.decide.lattice import FinerBasis
from diffexplore.decide.rational import Poly, Quotient, Relation, key_of, quotient_key, single, single_power
from diffexplore.decide.records import Undefined, Unsupported

Powers = tuple[int, ...]
"""Of each generator, in a product of them."""

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
        result, generator, order = self._power_of(Quotient(base, self.ring.one.top), key_of(base), power)
        if generator is not None:
            self._roots[generator] = (base, order)
        return result

    def _power_of(self, base: Quotient, key: Hashable, power: Fraction) -> tuple[Quotient, int | None, int]:
        """base^power by the root of a base that is not negative; the generator of that root, and its order."""
        whole = floor(power)
        result = self.ring.power(base, whole)
        if power == whole:
            return result, None, 1
        order = self._order(key, power.denominator)
        root = self.atom(("root", key, order), positive=True, depends=self.depends_on(base))
        generator = single(root.top)
        assert generator is not None
        self.ring.relations.setdefault(generator, Relation(order, base))
        return self.ring.mul(result, self.ring.power(root, int((power - whole) * order))), generator, order

    def _order(self, key: Hashable, needed: int) -> int:
        """The order of the one root of the base of that key that all its roots are powers of."""
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

    # ----------------------------------------------------------------------------------------------------- exp
    def exp(self, argument: Quotient) -> Quotient:
        """exp of a sum as a product: r·log|f| with a rational r gives |f|^r, the rest powers of few exponentials."""
        argument = self.without_roots_below(argument)
        terms, logarithms = argument.top.to_dict(), dict[Powers, tuple[Poly, Fraction]]()
        for powers, ((above, below), coefficient) in _terms(argument).items():
            number = None if any(below) else single_power(above)
            if number in self._logarithms:
                logarithms[powers] = self._logarithms[number], coefficient
        result = self._product_of_powers(logarithms)
        for powers in logarithms:
            del terms[powers]
        rest = self.ring.over(self.ring.poly(terms), argument.bottom)
        return self.ring.mul(result, self._exp_of(exponent_vector(rest), rest))

    def _product_of_powers(self, powers: dict[Powers, tuple[Poly, Fraction]]) -> Quotient:
        """Π|f|^c for factors f; those of which not enough signs are known are left out, and taken from ``powers``."""
        result, together = self.ring.one, dict[Powers, tuple[Poly, Fraction]]()
        for key, (factor, power) in powers.items():
            sign = self.sign(factor)
            if sign is None:
                together[key] = factor, power
            else:
                result = self.ring.mul(result, self._root_of(factor if sign > 0 else -factor, power))
        if not together:
            return result
        numbers = [power for _, power in together.values()]
        common = Fraction(gcd(*(c.numerator for c in numbers)), lcm(*(c.denominator for c in numbers)))
        common *= 1 if numbers[0] > 0 else -1
        whole = [(factor, int(power / common)) for factor, power in together.values()]
        sign = self.sign_of_product(factor for factor, times in whole if times % 2)
        if sign is None:
            for key in together:
                del powers[key]
            return result
        base = self.ring.constant(sign)
        for factor, times in whole:
            base = self.ring.mul(base, self.ring.power(Quotient(factor, self.ring.one.top), times))
        return self.ring.mul(result, self._power_of(base, ("product", quotient_key(base)), common)[0])

    def without_roots_below(self, argument: Quotient) -> Quotient:
        """Without roots of one term in a denominator of one term: x/√t as x·√t/t, so that equal terms look alike."""
        argument = self.reduced(argument)
        for number, (base, order) in sorted(self._roots.items(), reverse=True):
            power = argument.bottom.degrees()[number]
            if power > 0 and len(argument.bottom) == len(base) == 1:
                times = -(-power // order)
                above = self.ring.power(self.ring.generator(number), times * order)
                below = self.ring.power(Quotient(base, self.ring.one.top), times)
                argument = self.reduced(self.ring.mul(self.ring.mul(argument, above), self.ring.inverse(below)))
        return argument

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


def _terms(value: Quotient) -> dict[Powers, tuple[tuple[Powers, tuple[Any, ...]], Fraction]]:
    """What is added up above: by its powers there, what it is over what is below, and how often.

    Over one term each is in lowest terms: then u/t + 1 has the terms u/t and 1.
    """
    found, below = {}, list(value.bottom.to_dict())
    for powers, coefficient in value.top.to_dict().items():
        element: tuple[Powers, tuple[Any, ...]] = (powers, (key_of(value.bottom),))
        if len(below) == 1:
            pairs = list(zip(powers, below[0], strict=True))
            element = tuple(max(a - b, 0) for a, b in pairs), tuple(max(b - a, 0) for a, b in pairs)
        found[powers] = element, Fraction(int(coefficient.p), int(coefficient.q))
    return found


def exponent_vector(value: Quotient) -> dict[Hashable, Fraction]:
    """An argument of exp, sin or cos by its terms."""
    return dict(_terms(value).values())
