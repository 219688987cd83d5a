"""What a picture of a loss is made of: plain values, frozen. Whoever draws it computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from diffexplore.documents import plain
from diffexplore.exploring.window import Window
from diffexplore.fitting.terrain import PathStep, Point
from diffexplore.formula.descriptions import LossSummary, PartialFormula

if TYPE_CHECKING:
    from diffexplore.figures.records import Figure

Values = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Surface:
    """The loss over two axes, all other parameters held: ``values[row][column]`` at ``y[row]``, ``x[column]``.

    None where the loss has no value. ``levels`` are those of the contours: spaced geometrically above the minimum, or
    such that equal parts of the picture lie between them, where no minimum is known.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    values: Values
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Field:
    """The direction of −∇L at points of a surface, as steps (dx, dy) of one length on the screen."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    dx: tuple[float, ...]
    dy: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """The loss over one axis: its values, None where it has none, and its slopes."""

    x: tuple[float, ...]
    values: tuple[float | None, ...]
    slopes: tuple[float | None, ...]


@dataclass(frozen=True)
class Mark:
    """A stationary point: "minimum", "local minimum", "saddle", "maximum" or "degenerate"; certified elsewhere."""

    kind: str
    point: Point
    loss: float


@dataclass(frozen=True)
class Valley:
    """An eigenvector of the Hessian over the axes at ``at``: a unit direction, and the curvature along it."""

    at: Point
    along: Point
    curvature: float


@dataclass(frozen=True)
class Fitted:
    """The curve of a fit over its data: the ``y`` for each ``x`` at which no sample pulls at a parameter.

    ``formula`` says it; ``lines`` are curves at named points as (name, x values, y values).
    """

    x: str
    y: str
    formula: str
    lines: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]


@dataclass(frozen=True)
class Live:
    """What a page needs to compute by itself: the JavaScript functions ``value``, ``gradient``, ``hessian``, ``inside``
    and, where there is a fitted curve, ``fitted``. Each takes the parameters, then the data of one sample.

    ``operations`` is what a step of a descent takes, ``rate`` the learning rate to begin with, ``reach`` the range of
    each parameter; ``bounded`` says whether the domain has conditions.
    """

    source: str
    operations: int
    rate: float
    reach: Mapping[str, tuple[float, float]]
    bounded: bool


@dataclass(frozen=True)
class Explorer:
    """A loss as it is seen: its surface, a descent on it, and where that leads.

    Attributes:
        loss: what is drawn.
        gradient: the simplified partial by each parameter.
        n, origin: how many samples there are, and where the data come from.
        axes: the one or two parameters that are drawn; all others are ``held``.
        held: a value for every parameter.
        rate: the learning rate; None where the optimizer chose its own steps.
        optimizer, steps: what descended, and how far it went.
        path: the descent from ``start``; a long one is thinned.
        marks: stationary points that were certified.
        valleys: the eigenvectors of the Hessian over both axes at the minimum, the flattest first; may be empty.
        windows: the whole path first; what lies close to the minimum second, where there is one.
        surface, downhill, profile: over the first window; a profile where one parameter is drawn, else a surface.
        near: a surface over the second window.
        fitted: the curve over its data; None where the loss has none.
        columns: the data by name, where a page can carry them.
        live: None where a page cannot compute by itself: ``not_live`` says why.
        notes: sentences on what is not to be seen, and why.
    """

    loss: LossSummary
    gradient: Mapping[str, PartialFormula]
    n: int
    origin: str
    axes: tuple[str, ...]
    held: Point
    start: Point
    optimizer: str
    rate: float | None
    steps: int
    path: tuple[PathStep, ...]
    marks: tuple[Mark, ...]
    valleys: tuple[Valley, ...]
    windows: tuple[Window, ...]
    surface: Surface | None
    downhill: Field | None
    near: Surface | None
    profile: Profile | None
    fitted: Fitted | None
    columns: Mapping[str, tuple[float, ...]] = field(repr=False)
    live: Live | None = field(repr=False)
    not_live: str | None
    notes: tuple[str, ...]

    @property
    def minimum(self) -> Mark | None:
        """The lowest minimum that is known; None where there is none."""
        minima = [mark for mark in self.marks if "minimum" in mark.kind]
        return min(minima, key=lambda mark: mark.loss, default=None)

    def figure(self) -> Figure:
        """The surface (or, of one parameter, the curve) with gradient, path, start and minimum, as data."""
        from diffexplore.exploring.figure import surface_figure

        return surface_figure(self)

    def figures(self) -> tuple[Figure, ...]:
        """All that there is to be seen: the surface, what lies close to the minimum, the data with fitted curves."""
        from diffexplore.exploring.figure import every_figure

        return every_figure(self)

    def plot(self) -> Any:
        """:meth:`figure` as a matplotlib figure; raises UsageError with what to install where that is missing."""
        from diffexplore.figures.matplotlib import draw

        return draw(self.figure())

    def to_html(self) -> str:
        """One self-contained page with sliders, which needs no network."""
        from diffexplore.pages.live import document

        return document(self)

    def to_dict(self) -> dict[str, Any]:
        """What is drawn, as plain values; null for a number that is not finite."""
        drawn = {name: getattr(self, name) for name in ("loss", "axes", "held", "start", "rate", "steps")}
        live = {"live": self.live is not None, "not_live": self.not_live, "notes": self.notes}
        return plain(drawn | live | {"figures": [figure.to_dict() for figure in self.figures()]})

    def _repr_html_(self) -> str:
        from diffexplore.pages.live import frame

        return frame(self)

    def _mime_(self) -> tuple[str, str]:
        """What marimo shows."""
        return "text/html", self._repr_html_()

    def __repr__(self) -> str:
        drawn = " and ".join(self.axes)
        return f"<Explorer of {self.loss.name or self.loss.formula}: the loss over {drawn}>"
