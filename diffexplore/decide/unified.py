"""Sums over one common denominator, in which linear relations between them show.

Σ e/(e + 1) and Σ 1/(e + 1) are generators of their own, and yet they add up to N. Over the least common denominator D
of all sums, each is a combination of sums Σ m/D of monomials m in the generators with data. These m are independent,
and what is left is Σ D/D = N.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diffexplore.decide.factors import Factors
from diffexplore.decide.rational import Poly, Quotient, Ring, common_factor, single

Powers = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """Σ of a monomial in the generators with data over ``below``, for the samples in one region (None: for all)."""

    place: int | None
    powers: Powers
    below: Poly


def by_data(poly: Poly, ring: Ring, has_data: Callable[[int], bool]) -> dict[Powers, Poly]:
    """``poly`` by the powers of its generators with data, each with its coefficient, which is free of data."""
    with_data = [degree > 0 and has_data(number) for number, degree in enumerate(poly.degrees())]
    parts: dict[Powers, dict[Powers, Any]] = {}
    for powers, number in poly.to_dict().items():
        data = tuple(power if kept else 0 for power, kept in zip(powers, with_data, strict=True))
        rest = tuple(0 if kept else power for power, kept in zip(powers, with_data, strict=True))
        parts.setdefault(data, {})[rest] = number
    return {data: ring.poly(terms) for data, terms in parts.items()}


def vanishes(
    generators: Factors, value: Quotient, sums: Mapping[int, Term], samples: Quotient, has_data: Callable[[int], bool]
) -> bool:
    """Whether ``value`` is 0 once its generators that are ``sums`` stand over one denominator.

    ``samples`` is the generator N; ``has_data`` tells which generators have data.
    """
    ring = generators.ring
    top = ring.reduced(value).top
    used = {number: sums[number] for number, degree in enumerate(top.degrees()) if degree > 0 and number in sums}
    if all(term.below.is_one() for term in used.values()):
        return False
    common = ring.one.top
    for term in used.values():
        missing = Quotient(term.below // common_factor(common, term.below), ring.one.top)
        common = ring.mul(Quotient(common, ring.one.top), missing).top
    whole = by_data(common, ring, has_data)

    def over_common(place: int | None, powers: Powers) -> Quotient:
        return generators.atom(("sum over all", place, powers))

    def combined(place: int | None, parts: Mapping[Powers, Poly]) -> Quotient:
        total = ring.zero
        for powers, coefficient in parts.items():
            term = ring.mul(Quotient(coefficient, ring.one.top), over_common(place, powers))
            total = ring.add(total, term)
        return total

    new: dict[int, Quotient] = {}
    for number, term in used.items():
        raised = ring.reduced(Quotient(ring.poly({term.powers: 1}) * (common // term.below), ring.one.top))
        if not raised.bottom.is_one():
            return False  # the relation of a root has a denominator: its data would have to join the common one
        new[number] = combined(term.place, by_data(raised.top, ring, has_data))
    first = min(whole, key=lambda powers: (len(whole[powers]), powers))
    rest = combined(None, {powers: part for powers, part in whole.items() if powers != first})
    left = ring.add(samples, ring.negative(rest))
    lead = single(over_common(None, first).top)
    assert lead is not None
    solved = ring.mul(left, ring.inverse(Quotient(whole[first], ring.one.top)))
    new = {number: _with(ring, value.top, {lead: solved}) for number, value in new.items()}
    return ring.is_zero(_with(ring, top, new))


def _with(ring: Ring, poly: Poly, values: Mapping[int, Quotient]) -> Quotient:
    """``poly`` with values in the places of generators."""
    total = ring.zero
    for replaced, coefficient in by_data(poly, ring, values.__contains__).items():
        product = Quotient(coefficient, ring.one.top)
        for place, power in enumerate(replaced):
            if power:
                product = ring.mul(product, ring.power(values[place], power))
        total = ring.add(total, product)
    return total
