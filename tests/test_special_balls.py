"""Enclosures of special functions lose hardly a bit, also where one of the ways to compute them cancels."""

from __future__ import annotations

import mpmath
import pytest
from flint import arb

from diffexplore.arithmetic.balls import bessel_k
from diffexplore.arithmetic.incomplete import lower_beta
from diffexplore.arithmetic.precision import precision

#: Arb's own Kₙ loses 2.9 bits for each unit of x, up to where it goes by the asymptotic series.
PLACES = (2.0**-40, 0.5, 3.0, 8.0, 20.0, 29.75, 30.25, 55.0, 100.0, 700.0)


@pytest.mark.parametrize("bits", [64, 128, 256])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_modified_bessel_functions_are_sharp(order: int, bits: int) -> None:
    with precision(bits):
        assert min(bessel_k(order, arb(x)).rel_accuracy_bits() for x in PLACES) >= bits - 20


@pytest.mark.parametrize("order", [0, 1, 3])
def test_modified_bessel_functions_are_those_of_mpmath(order: int) -> None:
    for x in PLACES[::3]:
        with precision(64), mpmath.workprec(96):
            assert bessel_k(order, arb(x)).overlaps(arb(mpmath.nstr(mpmath.besselk(order, x), 28)))


def test_an_incomplete_beta_function_is_sharp_around_a_whole_number() -> None:
    """Near x = 1 Arb's own way is wide on balls around a whole number b."""
    with precision(128):
        around = lower_beta(arb(2.5), arb(8, 2.0**-100), arb(0.9375))
        assert around.rel_accuracy_bits() >= 115
        assert around.overlaps(lower_beta(arb(2.5), arb(8), arb(0.9375)))
