"""Libraries that differentiate in two ways: operation by operation, and from a graph that they compile once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from diffexplore.benching.records import Measurement, Pair

#: What people call the library, its eager method, and the compiled one.
_PAIRS = (
    ("torch", "reverse", "torch_compile"),
    ("JAX", "jax_grad", "jax_jit"),
    ("TensorFlow", "tensorflow_tape", "tensorflow_function"),
)


def pairs_in(measurements: Sequence[Measurement]) -> tuple[Pair, ...]:
    """Each library's compiled method beside its eager one, wherever both were timed."""
    known = {(one.loss, one.n, one.method): one for one in measurements}
    return tuple(_found(known))


def _found(known: dict[tuple[str, int, str], Measurement]) -> Iterator[Pair]:
    for library, eager_name, compiled_name in _PAIRS:
        for (loss, n, method), compiled in known.items():
            eager = known.get((loss, n, eager_name))
            if method == compiled_name and eager is not None:
                ratio = eager.median / compiled.median
                yield Pair(library, eager_name, compiled_name, loss, n, ratio, _repaid(eager, compiled))


def _repaid(eager: Measurement, compiled: Measurement) -> int | None:
    """After how many later calls the compiled method's first call, beyond the eager one's, is won back."""
    gain = eager.median - compiled.median
    return max(0, math.ceil((compiled.first - eager.first) / gain)) if gain > 0 else None
