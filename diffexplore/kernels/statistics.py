"""Sufficient statistics of a loss: what is added up over the data, about a centre, and how.

With the terms of :mod:`diffexplore.kernels.separation`, Σᵢ ℓ(θ; zᵢ) = Σₖ f_k(θ) Σᵢ g_k(zᵢ): one pass over the data is
enough for the loss and all its derivatives by parameters at every point. The sums are those of products of powers of
generators, less a centre that is near the data, so that an offset of the data costs no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.text import to_text
from diffexplore.kernels.accumulator import Accumulator
from diffexplore.kernels.generators import Generators
from diffexplore.kernels.separation import product_of, separated
from diffexplore.loss import Loss

#: Data whose middle is no further from 0 than so many times their spread lose nothing that matters without a centre.
_OFF_CENTRE = 2.0**10

#: The exponent of each generator.
Exponents = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Statistics:
    """A summand by its terms.

    Attributes:
        loss: whose summand it is.
        generators: data symbols, and functions of the data alone.
        terms: the coefficient of each product of powers of generators, in the parameters.
    """

    loss: Loss
    generators: tuple[sympy.Expr, ...]
    terms: Mapping[Exponents, sympy.Expr]

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """What is added up over the samples, as text; the count of the samples is known beside them."""
        return tuple(to_text(self.product(powers)) for powers in self.terms if any(powers))

    def product(self, powers: Exponents) -> sympy.Expr:
        """What one sum is of."""
        return product_of(zip(self.generators, powers, strict=True))

    @cached_property
    def _columns(self) -> Generators:
        return Generators(self.loss.data, self.generators)

    def centre(self, first_block: Mapping[str, np.ndarray]) -> tuple[float, ...]:
        """A number near each generator over the first block of rows; 0 where these are near 0 already."""
        return tuple(map(_middle, self._columns.doubles(first_block)))

    def about(self, centre: Sequence[float]) -> Accumulator:
        """What adds up the statistics about a centre, with which all processes and threads begin."""
        return Accumulator(self._columns, tuple(centre), self._needed(centre))

    def _needed(self, centre: Sequence[float]) -> tuple[Exponents, ...]:
        """The powers that are added up."""
        found = {lower for powers in self.terms for lower in below(powers, centre)}
        return tuple(sorted(powers for powers in found if any(powers)))

    def coefficients(self, centre: Sequence[float]) -> dict[Exponents, sympy.Expr]:
        """What each sum about the centre is multiplied by, in the parameters and in the symbols of the centre."""
        found: dict[Exponents, list[sympy.Expr]] = {}
        for powers, factor in self.terms.items():
            for lower in below(powers, centre):
                shares = (
                    math.comb(power, less) * symbol ** (power - less)
                    for power, less, symbol in zip(powers, lower, self.centre_symbols, strict=True)
                )
                found.setdefault(lower, []).append(sympy.Mul(factor, *shares))
        return {powers: sympy.Add(*parts) for powers, parts in found.items()}

    def refused(self, powers: Exponents, instead: str = "") -> UsageError:
        """The error for a sum that is no double; ``instead``: what else can be done."""
        formula = to_text(self.product(powers))
        if any(power and not generator.is_Symbol for generator, power in zip(self.generators, powers, strict=True)):
            return UsageError(
                f"the sum of {formula} over the data is no finite number in double precision: look for samples at "
                f"which {formula} has no value, or a huge one{instead}"
            )
        return UsageError(f"the sum of {formula} over the data is beyond double precision: scale the data{instead}")

    @property
    def centre_symbols(self) -> tuple[sympy.Symbol, ...]:
        """Symbols for the centre; no symbol of a formula has such a name."""
        return tuple(sympy.Symbol(f"#centre{place}", real=True) for place in range(len(self.generators)))


def statistics_of(loss: Loss) -> Statistics:
    """The sufficient statistics of a loss; raises :class:`~diffexplore.kernels.separation.NotSeparable`."""
    data = [loss.symbols[name] for name in loss.data]
    terms = separated(loss.expression, data, loss.domain)
    found = {generator for monomial in terms for generator, _ in monomial}
    generators = tuple(
        sorted(found, key=lambda one: (one not in data, data.index(one) if one in data else 0, str(one)))
    )
    by_powers = {
        tuple(dict(monomial).get(generator, 0) for generator in generators): factor
        for monomial, factor in terms.items()
    }
    return Statistics(
        loss, generators, dict(sorted(by_powers.items(), key=lambda item: (sum(item[0]), *(-p for p in item[0]))))
    )


def below(powers: Sequence[int], centre: Sequence[float]) -> Iterable[Exponents]:
    """The products that a product is made of about a centre: x² is (x − c)², x − c and 1, times what does not vary."""
    return product(*(range(power + 1) if c else (power,) for power, c in zip(powers, centre, strict=True)))


def _middle(column: np.ndarray) -> float:
    low, high = float(column.min()), float(column.max())
    middle = low / 2 + high / 2
    return middle if math.isfinite(middle) and abs(middle) > _OFF_CENTRE * (high - low) else 0.0
