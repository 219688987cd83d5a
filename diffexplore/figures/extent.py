"""How far the layers of a figure reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from diffexplore.figures.records import Axis, Band, Bars, Figure, Layer, Rule

Range = tuple[float, float]


def extent(figure: Figure) -> tuple[Range, Range] | None:
    """The least and the largest x and y of all layers that the axes can show; None where there is no such point.

    On a logarithmic axis only positive coordinates can be shown.
    """
    x = [value for layer in figure.layers for value in _x(layer)]
    y = [value for layer in figure.layers for value in _y(layer, figure.y)]
    horizontal, vertical = _range(x, figure.x), _range(y, figure.y)
    if horizontal is None or vertical is None:
        return None
    return horizontal, vertical


def shown(value: float, axis: Axis) -> bool:
    """Whether an axis can show the value."""
    return axis.scale == "linear" or value > 0


def _x(layer: Layer) -> Iterable[float]:
    if isinstance(layer, Rule):
        return (layer.at,) if layer.along == "x" else ()
    return layer.edges if isinstance(layer, Bars) else layer.x


def _y(layer: Layer, axis: Axis) -> Iterable[float]:
    if isinstance(layer, Rule):
        return (layer.at,) if layer.along == "y" else ()
    if isinstance(layer, Bars):
        return (float(layer.heights(axis.scale)[0]), *map(float, layer.counts))
    if isinstance(layer, Band):
        return (*layer.low, *layer.high)
    return layer.y


def _range(values: Sequence[float], axis: Axis) -> Range | None:
    kept = [value for value in values if shown(value, axis)]
    return (min(kept), max(kept)) if kept else None
