"""The arguments of exp, sin and cos as rational combinations of a few that are independent over the rationals."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fractions import Fraction
from math import lcm

Vector = Mapping[Hashable, Fraction]


class FinerBasis(Exception):
    """A combination has a fraction that the generators chosen so far cannot express: start anew with finer ones."""


class Lattice:
    """A basis that grows: an argument that is not a combination of the earlier ones becomes an element of it.

    The generator of an element b is exp(b/scale), so that all combinations have whole coefficients. ``scales`` is
    kept from one start to the next.
    """

    def __init__(self, scales: dict[Hashable, int]) -> None:
        self._scales = scales
        self._rows: list[tuple[Hashable, dict[Hashable, Fraction], dict[int, Fraction]]] = []
        self.basis: list[Vector] = []

    def scale(self, element: int) -> int:
        return self._scales.get(_key(self.basis[element]), 1)

    def coordinates(self, vector: Vector) -> dict[int, int]:
        """Whole numbers c with vector = Σ c·b/scale(b) over elements b of the basis."""
        whole = {}
        for element, fraction in self._express(vector).items():
            scaled = fraction * self.scale(element)
            if scaled.denominator != 1:
                self._scales[_key(self.basis[element])] = lcm(self.scale(element), fraction.denominator)
                raise FinerBasis
            whole[element] = int(scaled)
        return whole

    def _express(self, vector: Vector) -> dict[int, Fraction]:
        rest, found = dict(vector), dict[int, Fraction]()
        for pivot, row, combination in self._rows:
            if pivot not in rest:
                continue
            factor = rest[pivot] / row[pivot]
            _subtract(rest, row, factor)
            _subtract(found, combination, -factor)
        if not rest:
            return found
        new = len(self.basis)
        self.basis.append(dict(vector))
        combination = {element: -fraction for element, fraction in found.items()}
        combination[new] = Fraction(1)
        self._rows.append((min(rest, key=repr), rest, combination))
        return {new: Fraction(1)}


def _subtract(target: dict, row: Mapping, factor: Fraction) -> None:  # type: ignore[type-arg]
    for key, value in row.items():
        changed = target.get(key, Fraction(0)) - factor * value
        if changed:
            target[key] = changed
        else:
            target.pop(key, None)


def _key(vector: Vector) -> Hashable:
    return frozenset(vector.items())
