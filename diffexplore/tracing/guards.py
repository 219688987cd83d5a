"""What a trace takes for granted of the number of samples."""

from __future__ import annotations

import sympy

from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.tracing.capture import Capture, MixesSamples
from diffexplore.tracing.interpret import Reading
from diffexplore.tracing.size_expressions import relation_in_samples
from diffexplore.tracing.sizes import meets


def read_guards(captured: Capture, reading: Reading) -> None:
    """What the function requested of the number of samples; torch's own questions about memory layouts do not count."""
    for guard, place in captured.guards:
        if "_prims_common" in place or captured.size is None:
            continue
        condition = relation_in_samples(guard, captured.size)
        if isinstance(condition, sympy.Equality) and not condition.has(sympy.Mod, sympy.floor):
            raise MixesSamples(f"a fixed number of samples at {place.strip('()')}")
        if condition.has(SAMPLES) and not meets([condition], captured.tried):
            raise MixesSamples(f"a condition on the number of samples at {place.strip('()')}")
        if condition.has(SAMPLES):
            reading.require(condition)
