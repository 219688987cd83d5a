"""Points that are nothing special: where no product vanishes, and no two wrong terms cancel by accident."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

#: Short decimals without a simple relation; all are positive, as most domains are.
_VALUES = (0.7, 1.3, 0.4, 1.9, 0.9, 1.6, 0.3, 1.1)


def generic_values(names: Sequence[str]) -> dict[str, float]:
    """A number for each name."""
    return {name: _VALUES[i % len(_VALUES)] + i // len(_VALUES) for i, name in enumerate(names)}


def most_generic(points: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The first point at which no parameter is 0 and no two are equal, or else the first of all."""
    return next((point for point in points if _is_generic(point.values())), points[0])


def _is_generic(values: Iterable[float]) -> bool:
    sizes = [abs(value) for value in values]
    return all(sizes) and len(set(sizes)) == len(sizes)
