"""How errors spread through sums, products and quotients, where their radii are deferred.

The rules are those of :mod:`~diffexplore.bounds.ball`. They are written for numbers whose radii are a small part of
them: what has an exact result of 0, or nearly no digits, is left to the rules on elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from diffexplore.bounds.ball import LEAST, MARGIN
from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.deferred import Deferred, DeferredNumber, Operand, RadiusTerm, merged

#: Relative radii below it are so small that their products are counted as parts of the radii themselves.
_SMALL = 2.0**-12

#: Quotients that are as equal as this count as equal: the largest is taken.
_EVEN = 1 + 2.0**-10

#: Far from the ends of the doubles; between them a product rounds to nothing else than a normal number.
_FAR = (1e-280, 1e280)

#: Covers the roundings of a bound on a size.
_WIDER = 1 + 2.0**-50

#: What is below this part of a share of the results is counted as a part of that share.
_BESIDE = 2.0**-20


class DeferredSpread(NamedTuple):
    """How far the errors of operands move a result: a share of the exact one, terms, and a number.

    ``least`` and ``most`` are bounds on its absolute values; 0 and infinite where they are to be looked at. It is
    ``lossless`` where nothing is rounded.
    """

    share: float
    terms: list[RadiusTerm]
    rest: float
    least: float
    most: float
    lossless: bool = False


def of_sum(x: Operand, y: Operand, value: np.ndarray) -> DeferredSpread | None:
    rest, most, exact, terms = 0.0, 0.0, True, list[RadiusTerm]()
    for one in (x, y):
        if isinstance(one, DeferredNumber):
            rest, most, exact = rest + one.rad, most + abs(one.mid), exact and not one.rad
            continue
        rest, most, exact = rest + one.rest, most + one.most, exact and one.is_exact
        terms.extend(one.terms)
        if one.share:
            terms.append(RadiusTerm(one.share, one.size, one.most))
    return None if exact else DeferredSpread(0.0, merged(terms), rest, 0.0, most)  # many sums of exact ones are exact


def of_product(x: Operand, y: Operand, value: np.ndarray) -> DeferredSpread | None:
    """|x|·ry + |y|·rx + rx·ry."""
    if isinstance(x, DeferredNumber):
        return None if isinstance(y, DeferredNumber) else _by_number(y, x)
    if isinstance(y, DeferredNumber):
        return _by_number(x, y)
    least, most = _between(x.least * y.least, x.most * y.most)
    if x.is_exact and y.is_exact and (_is_power_of_two(x) or _is_power_of_two(y)):
        return _exactly(least, most)
    small = min(x.relative, y.relative)
    both = small if small <= _SMALL else 0.0
    if x is y:
        terms = _times(x, x, 2 * (1 + x.share) + both)
    else:
        terms = _times(x, y, 1 + y.share + both) + _times(y, x, 1 + x.share + both)
    share = x.share + y.share + x.share * y.share
    rest = LEAST * math.fsum(1 + term.factor for term in terms)
    if not both and small:
        both_moved, uniform = _of_radii(x, y)
        terms, rest = [*terms, *both_moved], rest + uniform
    return DeferredSpread(share, terms, rest, least, most)


def _by_number(x: Deferred, number: DeferredNumber) -> DeferredSpread | None:
    size, radius = abs(number.mid), number.rad
    if not radius < size:
        return None
    share, factor = radius / size, size + radius
    least, most = _between(x.least * size, x.most * size)
    if x.is_exact and not share and math.frexp(size)[0] == _HALF:
        return _exactly(least, most)
    return DeferredSpread(x.share * (1 + share) + share, _scaled(x.terms, factor), x.rest * factor, least, most)


def of_quotient(x: Operand, y: Operand, value: np.ndarray) -> DeferredSpread | None:
    """|x/y|·ry/(|y| − ry) + rx/(|y| − ry)."""
    if isinstance(y, DeferredNumber):
        return None if isinstance(x, DeferredNumber) else _over_number(x, y)
    near = y.share + y.relative
    if not near <= _SMALL:
        return None
    factor = UPWARD / (1 - near)
    share, terms = y.share, []
    if isinstance(x, DeferredNumber):
        if not x.rad < abs(x.mid):
            return None
        share, least, most = share + x.rad / abs(x.mid), abs(x.mid), abs(x.mid)
    else:
        share, least, most = share + x.share, x.least, x.most
        terms = _over(x, y, factor)
    if y.relative:
        shares = _over(y, y, factor)[0]
        share += LEAST  # what a quotient there may lose
        if shares.most <= float(shares.array.min()) * _EVEN:  # as of a number that every sample has a copy of
            share += shares.factor * shares.most / factor
        else:
            sizes = np.absolute(value)
            array = np.multiply(shares.array, sizes, out=shares.array)
            terms = [*terms, RadiusTerm(shares.factor, array, float(array.max()))]
    lost = LEAST * math.fsum(1 + term.factor for term in terms)
    return DeferredSpread(share * factor, terms, lost, *_between(least / y.most, most / y.least))


def _over_number(x: Deferred, number: DeferredNumber) -> DeferredSpread | None:
    size, radius = abs(number.mid), number.rad
    if not radius < size * MARGIN or not 1 / (size - radius) < math.inf:
        return None
    left = size - radius
    return DeferredSpread(
        (x.share * size + radius) / left, _scaled(x.terms, 1 / left), x.rest / left,
        *_between(x.least / size, x.most / size),
    )  # fmt: skip


#: The fraction of a power of two.
_HALF = 0.5


def _between(least: float, most: float) -> tuple[float, float]:
    """Bounds on the absolute values of rounded results from those on the exact ones; 0 and infinite near the ends."""
    return (least / _WIDER, most * _WIDER) if least > _FAR[0] and most < _FAR[1] else (0.0, math.inf)


def _exactly(least: float, most: float) -> DeferredSpread | None:
    """The spread of exact results; None where they are near the ends of the doubles."""
    return DeferredSpread(0.0, [], 0.0, least, most, lossless=True) if least else None


def _is_power_of_two(x: Deferred) -> bool:
    """Whether the numbers are all one power of two, or its negative."""
    return x.least == x.most and math.frexp(x.least)[0] == _HALF


def _scaled(terms: Sequence[RadiusTerm], factor: float) -> list[RadiusTerm]:
    return [term._replace(factor=term.factor * factor) for term in terms]


def _times(x: Deferred, y: Deferred, factor: float) -> list[RadiusTerm]:
    """What x's radii without its share are times |y|."""
    beyond = x.beyond
    if beyond is not None:
        return [RadiusTerm(beyond.factor * factor, beyond.array * y.size, beyond.most * y.most * UPWARD)]
    return [RadiusTerm(x.rest * factor, y.size, y.most)] if x.rest else []


def _over(x: Deferred, y: Deferred, factor: float) -> list[RadiusTerm]:
    """What x's radii without its share are over |y|."""
    beyond = x.beyond
    if beyond is None and not x.rest:
        return []
    array = np.divide(1.0 if beyond is None else beyond.array, y.size)
    return [RadiusTerm((x.rest if beyond is None else beyond.factor) * factor, array, float(array.max()))]


def _of_radii(x: Deferred, y: Deferred) -> tuple[list[RadiusTerm], float]:
    """The product of radii, without shares: a term at most, and a number."""
    one, other = x.beyond, y.beyond
    if one is None or other is None:
        factor, beyond = (x.rest, other) if one is None else (y.rest, one)
        return ([], x.rest * y.rest) if beyond is None else (_scaled([beyond], factor), 0.0)
    product = RadiusTerm(one.factor * other.factor, one.array * other.array, one.most * other.most * UPWARD)
    return [product], LEAST


def rounded(value: np.ndarray, spread: DeferredSpread, relative: float, absolute: float) -> Deferred | None:
    """The radii of results; None where one of them is 0, not a number, or infinite, or some radius is."""
    size, least, most = None, spread.least, spread.most
    if spread.lossless:
        return Deferred(len(value), None, least, most)
    if not least:
        size = np.absolute(value)
        least = float(size.min())
    if not most < _FAR[1]:
        most = float(np.absolute(value).max())
    share = spread.share * (1 + 2 * relative) * UPWARD  # of the exact result
    rest = spread.rest * UPWARD + absolute * (1 + share)
    share += relative
    if not (least > 0 and most < math.inf and share < math.inf and rest < math.inf):
        return None
    if rest <= share * _BESIDE * least and share * least > _FAR[0]:
        share, rest = (share + rest / least) * UPWARD, 0.0
    terms = _scaled(spread.terms, UPWARD)
    if not all(term.factor > _FAR[0] and term.factor * term.most < math.inf for term in terms):
        return None
    return Deferred(len(value), size, least, most, share, terms, rest)


#: How errors spread through the kernels that are claimed to round to nearest, by their names.
RULES: Mapping[str, Callable[[Operand, Operand, np.ndarray], DeferredSpread | None]] = {
    "add": of_sum, "sub": of_sum, "rsub": of_sum, "mul": of_product, "div": of_quotient,
}  # fmt: skip
