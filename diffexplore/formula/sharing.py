"""Products inside longer products, and sums inside longer sums.

SymPy writes r·(r·x·(1 − x)) as r²·x·(1 − x). Where r·x·(1 − x) is a part of the formula elsewhere, it is one node, and
the longer product is r times that: so a step that is used twice stays a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import sympy

from diffexplore.formula import build
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.order import is_negative_term
from diffexplore.lists import grouped


def is_constant(expr: sympy.Basic) -> bool:
    """Whether ``expr`` is the same whatever the inputs are; N counts as a constant."""
    if expr.is_Symbol:
        return bool(expr == SAMPLES)
    return not isinstance(expr, BatchSum) and all(map(is_constant, expr.args))


def unsigned(term: sympy.Expr) -> sympy.Expr:
    """A term of a sum without its minus sign; the number of −2·(a + b) stays in front of the sum."""
    return build.product([sympy.S.NegativeOne, term]) if is_negative_term(term) else term


@dataclass(frozen=True)
class Product:
    """A constant times powers of what is no number."""

    constant: sympy.Expr
    powers: Mapping[sympy.Expr, Fraction]

    @classmethod
    def of(cls, expr: sympy.Expr) -> Product:
        factors = sympy.Mul.make_args(expr)
        constant = sympy.Mul(*(factor for factor in factors if is_constant(factor)))
        varying = (factor for factor in factors if not is_constant(factor))
        return cls(constant, dict(_power(factor) for factor in varying))

    @cached_property
    def size(self) -> tuple[Fraction, int, bool]:
        """Smaller for what is a part of something: it orders products, so that none is a part of its own parts."""
        exponents = self.powers.values()
        return sum(map(abs, exponents), Fraction()), sum(exponent < 0 for exponent in exponents), self.constant != 1

    def times(self, part: Product) -> int:
        """How often ``part`` is a factor, negative below the bar; 0 where it is none."""
        if not part.powers.keys() <= self.powers.keys() or not part.size < self.size:
            return 0
        counts = {self.powers[base] / exponent for base, exponent in part.powers.items()}
        if len({count > 0 for count in counts}) != 1:
            return 0
        count = int(min(map(abs, counts))) * (1 if min(counts) > 0 else -1)
        fits = part.constant == 1 or (part.constant == self.constant and count == 1)
        return count if fits else 0

    def without(self, part: Product, count: int) -> Product:
        """What is left beside ``part`` to this power."""
        powers = {base: e - count * part.powers.get(base, Fraction()) for base, e in self.powers.items()}
        constant = self.constant / part.constant**count
        return Product(constant, {base: exponent for base, exponent in powers.items() if exponent != 0})


def _power(factor: sympy.Expr) -> tuple[sympy.Expr, Fraction]:
    if factor.is_Pow and factor.exp.is_Rational:
        return factor.base, Fraction(int(factor.exp.p), int(factor.exp.q))
    return factor, Fraction(1)


class Shared:
    """The products and sums of a formula that can be parts of others."""

    def __init__(self, expr: sympy.Expr) -> None:
        inside = list(_inside(expr))
        self._products = sorted(
            ((part, Product.of(part)) for part in inside if part.is_Mul),
            key=lambda pair: (pair[1].size, pair[0].sort_key()),
            reverse=True,
        )
        self._products = [(part, product) for part, product in self._products if len(product.powers) > 1]
        self._of_base = _by_rarest_base([product for _, product in self._products])
        sums = (part for part in inside if part.is_Add)
        self._sums = sorted(
            (part for part in sums if sum(not is_constant(term) for term in part.args) > 1),
            key=lambda part: (len(part.args), part.sort_key()),
            reverse=True,
        )

    def in_product(self, product: Product) -> tuple[list[tuple[sympy.Expr, int]], Product]:
        """The parts of a product with their powers, the largest first, and what is left."""
        parts = []
        places = sorted(place for base in product.powers for place in self._of_base.get(base, ()))
        for expr, part in (self._products[place] for place in places):
            count = product.times(part)
            if count:
                parts.append((expr, count))
                product = product.without(part, count)
        return parts, product

    def in_sum(self, expr: sympy.Add) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
        """The sums that are parts of a sum, and the terms that are left."""
        parts, terms = [], list(expr.args)
        for part in self._sums:
            if len(part.args) < len(expr.args) and all(term in terms for term in part.args):
                parts.append(part)
                terms = [term for term in terms if term not in part.args]
        return parts, terms


def _by_rarest_base(products: Sequence[Product]) -> dict[sympy.Expr, list[int]]:
    """The places of products by one base of each, which is in few others: what lacks it has no such part."""
    uses = Counter(base for product in products for base in product.powers)
    return grouped(range(len(products)), lambda place: min(products[place].powers, key=lambda base: uses[base]))


def _inside(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    """Every part of an expression once, however often it comes."""
    seen: set[sympy.Basic] = set()
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            waiting += [unsigned(term) for term in part.args] if part.is_Add else part.args
            yield part
