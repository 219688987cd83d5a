"""Radii that are written down as sums, and added up element by element only where somebody reads them.

What a chain of sums, products and quotients does to an error is mostly a multiple of what is known already: of the
absolute values that were computed, of radii before. Adding these up after each operation would take several times as
long as the operations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.ball import LEAST
from diffexplore.bounds.claims import UPWARD

#: Elements that are added up at a time, in the cache of a core.
_BLOCK = 16_384

#: Parts of a radius that are kept apart; more are added up.
_MOST_TERMS = 3

#: What the products that are added up may lose below the normal doubles; nothing that counts where there is no rest.
_LOST = 4 * LEAST

#: Factors that are as equal as this count as equal: the larger one is taken.
_ALIKE = 1 + 2.0**-20


class DeferredNumber(NamedTuple):
    """One number for all elements, within ``rad`` of the exact one."""

    mid: float
    rad: float

    @property
    def length(self) -> int:
        """How many numbers it is."""
        return 1

    def computed(self, values: np.ndarray) -> Tensor:
        """Its radius, shape ()."""
        return torch.tensor(self.rad, dtype=torch.float64)


class RadiusTerm(NamedTuple):
    """``factor`` times an array without negative elements, of which ``most`` is at least the largest."""

    factor: float
    array: np.ndarray
    most: float


class Deferred:
    """Radii of n float64 numbers: ``share`` of their absolute values, plus ``terms``, plus ``rest``.

    Attributes:
        length: how many numbers.
        least: at most the smallest of the absolute values, above 0.
        most: at least the largest of them, finite.
        share: what part of the absolute values.
        terms: arrays of shape (n,), each with a factor.
        rest: a number for all elements.
    """

    __slots__ = ("_beyond", "_size", "_values", "least", "length", "most", "rest", "share", "terms")

    def __init__(
        self, length: int, size: np.ndarray | None, least: float, most: float, share: float = 0.0,
        terms: Sequence[RadiusTerm] = (), rest: float = 0.0,
    ) -> None:  # fmt: skip
        self.length, self.least, self.most = length, least, most
        self.share, self.terms, self.rest = share, terms, rest
        self._size = size
        self._values: np.ndarray | None = None
        self._beyond: RadiusTerm | None = None

    @property
    def is_exact(self) -> bool:
        """Whether all radii are 0."""
        return not (self.share or self.terms or self.rest)

    @contextmanager
    def of(self, values: np.ndarray) -> Iterator[None]:
        """Within it the numbers, shape (n,), are at hand. Kept, they would keep the memory of tensors that are gone."""
        self._values = values
        try:
            yield
        finally:
            self._values = None

    @property
    def size(self) -> np.ndarray:
        """The absolute values, computed once, while the numbers are at hand."""
        if self._size is None:
            assert self._values is not None, "the numbers are at hand"
            self._size = np.absolute(self._values)
        return self._size

    @property
    def relative(self) -> float:
        """At least what part of the numbers their radii are, without the share of them."""
        beyond = self.beyond
        return (self.rest if beyond is None else beyond.factor * beyond.most) / self.least * UPWARD

    @property
    def beyond(self) -> RadiusTerm | None:
        """The radii without the share of the absolute values, as one array; None where they are all ``rest``."""
        if self._beyond is None and self.terms:
            self._beyond = added(self.terms, self.rest)
        return self._beyond

    def copied(self) -> Deferred:
        """The same radii of numbers that differ at most in their signs."""
        return Deferred(self.length, self._size, self.least, self.most, self.share, self.terms, self.rest)

    def computed(self, values: np.ndarray) -> Tensor:
        """The radius of each of the numbers, shape (n,)."""
        if not (self.share or self.terms):
            return torch.full((), self.rest, dtype=torch.float64).expand(self.length)
        radii, spare = np.empty(self.length), np.empty(min(self.length, _BLOCK))
        for first in range(0, self.length, _BLOCK):
            part = slice(first, first + _BLOCK)
            self._write(radii[part], spare[: self.length - first], values, part)
        return torch.from_numpy(radii)

    def _write(self, radii: np.ndarray, spare: np.ndarray, values: np.ndarray, part: slice) -> None:
        terms = self.terms
        if self.share:
            size = np.absolute(values[part], out=radii) if self._size is None else self._size[part]
            np.multiply(size, self.share, out=radii)
        else:
            np.multiply(terms[0].array[part], terms[0].factor, out=radii)
            terms = terms[1:]
        for term in terms:
            np.add(radii, np.multiply(term.array[part], term.factor, out=spare), out=radii)
        if self.rest:
            np.add(radii, self.rest + _LOST, out=radii)


def added(terms: Sequence[RadiusTerm], rest: float) -> RadiusTerm:
    """Several arrays and a number for all elements as one array; of equal factors the factor stays outside."""
    first, *others = terms
    if not others and not rest:
        return first
    factor = max(term.factor for term in terms)
    alike = not rest and all(term.factor * _ALIKE >= factor for term in terms)
    if alike:
        total = np.add(first.array, others[0].array)
        for term in others[1:]:
            np.add(total, term.array, out=total)
    else:
        total, spare = np.multiply(first.array, first.factor), np.empty(len(first.array))
        for term in others:
            np.add(total, np.multiply(term.array, term.factor, out=spare), out=total)
        if rest:
            np.add(total, rest, out=total)
    most = math.fsum(term.most * (1.0 if alike else term.factor) for term in terms) + rest
    return RadiusTerm(factor * UPWARD if alike else UPWARD, total, most * UPWARD)


def merged(terms: Sequence[RadiusTerm]) -> list[RadiusTerm]:
    """Terms of which no two have the same array, and no more than a few."""
    by_array: dict[int, RadiusTerm] = {}
    for term in terms:
        known = by_array.get(id(term.array))
        by_array[id(term.array)] = term if known is None else term._replace(factor=known.factor + term.factor)
    found = list(by_array.values())
    return found if len(found) <= _MOST_TERMS else [added(found, 0.0)]


#: What is deferred: radii of an array, or that of one number.
Operand = Deferred | DeferredNumber
