"""Sines and cosines of rational functions of generators."""

from __future__ import annotations

from flint import fmpq

from diffexplore.decide.functions import Functions, exponent_vector
from diffexplore.decide.rational import Quotient, Relation, quotient_key, single
from diffexplore.decide.records import Unsupported

_LARGEST_MULTIPLE = 200  # sines of larger multiples of an angle are not written out


class Angles(Functions):
    """The addition theorems."""

    def circular(self, argument: Quotient) -> tuple[Quotient, Quotient]:
        """sin and cos of a sum by the addition theorems, with sin² = 1 − cos² for each of few angles."""
        ring, argument = self.ring, self.without_roots_below(argument)
        sine, cosine = ring.zero, ring.one
        for element, times in self._angles.coordinates(exponent_vector(argument)).items():
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
