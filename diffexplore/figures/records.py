"""A figure as data: axes, layers, units and a caption. Whoever draws it computes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from diffexplore.documents import plain
from diffexplore.lists import grouped

Scale = Literal["linear", "log"]

Role = Literal["plain", "measured", "predicted", "bound", "truth", "chosen", "data", "start", "end", "optimum", "bad"]
"""What a layer stands for; a medium gives each role its own line, marker and colour, the same in every figure."""


@dataclass(frozen=True)
class Axis:
    """What an axis measures, in which unit ("" for none), and how it is divided."""

    label: str
    unit: str = ""
    scale: Scale = "linear"

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Series:
    """Points that belong together, joined by a line or not; both coordinates are finite.

    ``notes`` has a text for each point, or is empty.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    joined: bool = True
    role: Role = "plain"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Band:
    """What lies between two curves over the same ``x``, such as the spread of a measurement."""

    name: str
    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    role: Role = "plain"


@dataclass(frozen=True)
class ValueGrid:
    """A value at each crossing of ``x`` and ``y``: ``values[row][column]`` at ``y[row]``, ``x[column]``; None for none.

    Drawn as contours at ``levels``, or as coloured cells where it has none. ``notes`` names the cells that are not
    what their neighbours are, as (column, row, text): a kink, a singularity.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]
    unit: str = ""
    scale: Scale = "linear"
    levels: tuple[float, ...] = ()
    notes: tuple[tuple[int, int, str], ...] = ()

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers."""
        return [value for row in self.values for value in row if value is not None]

    @property
    def scaled(self) -> list[float]:
        """Those that the scale can show."""
        return [value for value in self.numbers if self.scale == "linear" or value > 0]

    @property
    def noted(self) -> dict[str, list[tuple[float, float]]]:
        """The places of the cells with each text."""
        groups = grouped(self.notes, lambda note: note[2])
        return {text: [(self.x[column], self.y[row]) for column, row, _ in notes] for text, notes in groups.items()}


@dataclass(frozen=True)
class Arrows:
    """Directions at points, such as a gradient field: from (x, y) along (dx, dy), in the units of the axes."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dx: tuple[float, ...]
    dy: tuple[float, ...]
    role: Role = "plain"


@dataclass(frozen=True)
class Rule:
    """A straight line across the figure where the coordinate ``along`` is ``at``, such as the step that was chosen."""

    name: str
    along: Literal["x", "y"]
    at: float
    role: Role = "plain"


@dataclass(frozen=True)
class Bars:
    """A histogram: ``counts[i]`` between ``edges[i]`` and ``edges[i + 1]``."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    role: Role = "plain"

    def heights(self, scale: Scale) -> tuple[float, list[float]]:
        """Where the bars begin on an axis of counts, and where each ends: a logarithmic one has no 0."""
        base = 0.5 if scale == "log" else 0
        return base, [max(count, base) for count in self.counts]


Layer = Series | Band | ValueGrid | Arrows | Rule | Bars


@dataclass(frozen=True)
class Figure:
    """Layers over two axes, the lowest first, with a title for its window and a caption that says what is to be seen.

    ``equal`` says that both axes have the same unit of length on the screen. The caption is the text alternative.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    equal: bool = False

    @property
    def has_grid(self) -> bool:
        """Whether a layer has a value for each cell of a grid, which takes more room."""
        return any(isinstance(layer, ValueGrid) for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The document: a layer names its kind; numbers that are not finite are null."""
        layers = [{"kind": type(layer).__name__.lower(), **_fields(layer)} for layer in self.layers]
        axes = {"x": _fields(self.x), "y": _fields(self.y)}
        return plain({"title": self.title, "caption": self.caption, **axes, "equal": self.equal, "layers": layers})


def _fields(record: Axis | Layer) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in fields(record)}


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
