"""Balls of complex numbers, some of which are real."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from diffexplore.bounds.complex_balls import OPERATIONS, ComplexBall


def _times(x: tuple[Fraction, Fraction], y: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


def _over(x: tuple[Fraction, Fraction], y: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    square = y[0] * y[0] + y[1] * y[1]
    real, imag = _times(x, (y[0], -y[1]))
    return real / square, imag / square


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
@pytest.mark.parametrize("kinds", ["complex and real", "real and complex", "real and real"])
def test_real_numbers_are_known_to_have_no_imaginary_part(kinds: str, name: str) -> None:
    """Beside a tiny imaginary part, as of a complex step, the rounding of a part of the size of 1 would be all."""
    exact = {
        "add": lambda x, y: (x[0] + y[0], x[1] + y[1]), "sub": lambda x, y: (x[0] - y[0], x[1] - y[1]),
        "mul": _times, "div": _over,
    }[name]  # fmt: skip
    generator, none = torch.Generator().manual_seed(5), torch.zeros((), dtype=torch.float64)
    operands = []
    for kind in kinds.split(" and "):
        value = torch.randn(40, generator=generator, dtype=torch.float64).to(torch.complex128)
        if kind == "complex":
            value += 1e-100j * torch.randn(40, generator=generator, dtype=torch.float64)
        operands.append(ComplexBall(value, none, none, is_real=kind == "real"))
    found = OPERATIONS[name](*operands)
    assert found.is_real is (kinds == "real and real")
    for place in range(40):
        numbers = [complex(one.value[place]) for one in operands]
        expected = exact(*((Fraction(number.real), Fraction(number.imag)) for number in numbers))
        computed = complex(found.value[place])
        for part, number, radius in zip(
            (computed.real, computed.imag), expected, (found.real_radius, found.imag_radius), strict=True
        ):
            allowed = float(radius.expand(40)[place])
            assert abs(Fraction(part) - number) <= Fraction(allowed)
            assert allowed <= 2.0**-47 * abs(part) + 1e-300
