"""The precision in which Arb computes."""

from __future__ import annotations

from typing import Any

import flint

#: No series is longer: of their own, all are given the number of coefficients that they need.
_LONGEST_SERIES = 256


class precision:
    """A context in which Arb computes with ``bits`` bits, whatever the program around has set for itself.

    Flint cuts all power series at a length that it keeps for the process: a shorter one would make coefficients 0.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def __enter__(self) -> None:
        self._outer = flint.ctx.prec, flint.ctx.cap
        flint.ctx.prec, flint.ctx.cap = self._bits, _LONGEST_SERIES

    def __exit__(self, *exception: object) -> None:
        flint.ctx.prec, flint.ctx.cap = self._outer


def is_sharp(ball: Any) -> bool:
    """Whether hardly a bit of the precision is lost, so that no other way to the same number is worth its time."""
    return bool(ball.is_finite() and ball.rel_accuracy_bits() >= flint.ctx.prec - 16)
