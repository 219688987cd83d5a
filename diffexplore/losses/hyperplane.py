"""Distance of points to the hyperplane w · x + b = 0 in d dimensions."""

from dataclasses import replace
from functools import partial

from diffexplore.errors import UsageError
from diffexplore.losses._data import cloud
from diffexplore.losses._entry import Entry

MOST_DIMENSIONS = 32


def hyperplane(dimensions: int) -> Entry:
    """The entry for ``dimensions`` from 1 to 32; weights are named w1, w2, …, coordinates x1, x2, …

    Raises :class:`~diffexplore.errors.UsageError` outside that range.
    """
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise UsageError(f"hyperplane has 1 to {MOST_DIMENSIONS} dimensions, not {dimensions!r}")
    weights = tuple(f"w{axis}" for axis in range(1, dimensions + 1))
    coordinates = tuple(f"x{axis}" for axis in range(1, dimensions + 1))
    score = " + ".join(f"{w}*{x}" for w, x in zip(weights, coordinates, strict=True))
    squared_norm = " + ".join(f"{w}**2" for w in weights)
    return Entry(
        name=f"hyperplane:{dimensions}",
        title=f"distance to the hyperplane w · x + b = 0 in {dimensions} dimensions",
        formula=f"abs({score} + b) / sqrt({squared_norm})",
        parameters=(*weights, "b"),
        data=coordinates,
        domain=(f"{squared_norm} > 0",),
        source="T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning "
        "(2nd ed., Springer 2009), section 4.5",
        default_points=(_point(weights, 0.75), _point(weights, -1.25)),
        default_data=partial(cloud, coordinates),
    )


def _point(weights: tuple[str, ...], offset: float) -> dict[str, float]:
    """Weights 1, −0.75, 0.5, −1, …, all of one size, and an offset that grows as |w| does: every partial is visible."""
    sizes = (1.0, -0.75, 0.5, -1.0, 0.75, -0.5)
    b = round(offset * len(weights) ** 0.5, 2)
    return {w: sizes[axis % len(sizes)] for axis, w in enumerate(weights)} | {"b": b}


ENTRY = replace(
    hyperplane(3),
    name="hyperplane",
    title="distance to the hyperplane w · x + b = 0 in d dimensions (3, or hyperplane:d)",
    family=hyperplane,
)
