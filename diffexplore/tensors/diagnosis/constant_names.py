"""Numbers in words: √3, 2/√π, π/2, log 2."""

from __future__ import annotations

import math
from collections.abc import Mapping

#: What formulas of losses and activations are made of.
_CONSTANTS: Mapping[str, float] = {
    "√2": math.sqrt(2),
    "√3": math.sqrt(3),
    "√5": math.sqrt(5),
    "√6": math.sqrt(6),
    "√7": math.sqrt(7),
    "√10": math.sqrt(10),
    "π": math.pi,
    "√π": math.sqrt(math.pi),
    "√(2·π)": math.sqrt(2 * math.pi),
    "√(2/π)": math.sqrt(2 / math.pi),
    "π²": math.pi**2,
    "log 2": math.log(2),
    "log 10": math.log(10),
    "e": math.e,
}

#: They stand with numerators and denominators up to this.
_LARGEST = 6

#: A number has to be known to that, relative to its size: else others of those are as near.
_CLEAR = 2.0**-24


def constant_in_words(number: float, spread: float) -> str | None:
    """``√3/2``: a number that is a known constant times a short fraction; None for another one."""
    if number == 0 or spread > _CLEAR * abs(number):
        return None
    sign, size = ("−" if number < 0 else ""), abs(number)
    for below in range(1, _LARGEST + 1):
        for above in range(1, _LARGEST + 1):
            for name, value in _CONSTANTS.items() if math.gcd(above, below) == 1 else ():
                if abs(size - value * above / below) <= spread + 1e-12 * size:
                    return sign + (name if above == 1 else f"{above}·{name}") + (f"/{below}" if below > 1 else "")
                if abs(size - above / (below * value)) <= spread + 1e-12 * size and "(2/" not in name:
                    return f"{sign}{above}/{name if below == 1 else f'({below}·{name})'}"
    return None
