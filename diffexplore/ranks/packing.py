"""What one process found, as bytes for another: pickles, of balls too."""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

from flint import arb

#: Bits of the mantissa of a radius in Arb.
_RADIUS_BITS = 30


def packed(found: Any) -> bytes:
    """``found`` as bytes; raises what pickle raises for what cannot be sent."""
    file = io.BytesIO()
    _Packer(file, pickle.HIGHEST_PROTOCOL).dump(found)
    return file.getvalue()


def unpacked(content: bytes) -> Any:
    """What :func:`packed` was given."""
    return pickle.loads(content)


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return (_ball, _parts(value)) if type(value) is arb else NotImplemented


def _parts(ball: arb) -> tuple[Any, Any]:
    """Midpoint and radius, each an exact pair (mantissa, exponent of 2); doubles where one of them is not finite."""
    if not ball.is_finite():
        mid = float(ball.mid())
        return (mid, 0.0) if math.isnan(mid) or math.isinf(mid) else (0.0, math.inf)
    middle, radius = ([int(part) for part in number.man_exp()] for number in (ball.mid(), ball.rad()))
    return tuple(middle), _below(*radius)


def _below(mantissa: int, exponent: int) -> tuple[int, int]:
    """The number of which Arb makes the radius that is meant: it rounds up to the 30 bits of a radius."""
    if mantissa == 0:
        return 0, 0
    shift = _RADIUS_BITS - mantissa.bit_length()
    return 2 * (mantissa << shift) - 1, exponent - shift - 1


def _ball(mid: Any, radius: Any) -> arb:
    return arb(mid, radius)
