"""An explorer as figures: the surface with what stands on it, the neighbourhood of the minimum, the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diffexplore.exploring.records import Explorer, Surface
from diffexplore.exploring.window import Window
from diffexplore.figures.records import Arrows, Axis, Figure, Layer, Role, Scale, Series, ValueGrid
from diffexplore.writing.numbers import coordinate, counted

#: Samples that a picture of the data shows: more of them are one blot.
_MOST_SAMPLES = 2_000

_ROLES: dict[str, Role] = {"start": "start", "end": "end", "minimum": "optimum"}


def surface_figure(explorer: Explorer) -> Figure:
    """The loss over the axes, in the window of the whole path."""
    return _profile(explorer) if len(explorer.axes) == 1 else _surface(explorer, 0, explorer.surface)


def every_figure(explorer: Explorer) -> tuple[Figure, ...]:
    """All figures, the surface first."""
    found = [surface_figure(explorer)]
    if explorer.near is not None:
        found.append(_surface(explorer, 1, explorer.near))
    if explorer.fitted is not None and explorer.columns:
        found.append(data_figure(explorer))
    return tuple(found)


def _name(explorer: Explorer) -> str:
    return explorer.loss.name or explorer.loss.formula


# ------------------------------------------------------------------------------------------------------- two parameters
def _surface(explorer: Explorer, place: int, surface: Surface | None) -> Figure:
    first, second = explorer.axes
    window = explorer.windows[place]
    layers: list[Layer] = []
    if surface is not None:
        scale, levels = _scale(surface), surface.levels
        layers.append(ValueGrid("loss", surface.x, surface.y, surface.values, scale=scale, levels=levels))
    if explorer.downhill is not None and place == 0:
        field = explorer.downhill
        layers.append(Arrows("downhill", field.x, field.y, field.dx, field.dy, role="bound"))
    layers += [*_valleys(explorer, window), *_path(explorer, window), *_marks(explorer, window)]
    title = f"Loss surface of {_name(explorer)}{'' if place == 0 else f', {window.name}'}"
    return Figure(title, _caption(explorer, surface, place), Axis(first), Axis(second), tuple(layers))


def _scale(surface: Surface) -> Scale:
    """A colour for each factor rather than each difference, where all values are positive."""
    values = [value for row in surface.values for value in row if value is not None]
    return "log" if min(values) > 0 else "linear"


def about_surface(explorer: Explorer) -> list[str]:
    """What stands on the surface, or on the curve, whatever the path is."""
    if len(explorer.axes) == 1:
        return [f"The loss over {explorer.axes[0]}"]
    first, second = explorer.axes
    by_parts = explorer.minimum is None
    spaced = "between equal parts of the picture" if by_parts else "spaced geometrically above its minimum"
    parts = [
        f"Contours of the loss over {first} and {second}, {spaced}",
        "arrows point down the gradient, all of one length on the screen",
    ]
    if explorer.valleys:
        flat, steep = explorer.valleys[0].curvature, explorer.valleys[-1].curvature
        parts.append(
            f"the straight lines are the eigenvectors of the Hessian at the minimum, with curvatures {_short(flat)} "
            f"(along the valley) and {_short(steep)}"
        )
    return parts


def _caption(explorer: Explorer, surface: Surface | None, place: int) -> str:
    parts = about_surface(explorer) if surface is not None else []
    if place:
        parts = [part for part in parts if not part.startswith("arrows")]
    return "; ".join([*parts, _about_path(explorer, place), *explorer.notes]) + "."


def _about_path(explorer: Explorer, place: int = 0) -> str:
    """How it was made, and where it leaves the picture."""
    rate = "" if explorer.rate is None else f" at the rate {_short(explorer.rate)}"
    words = f"the path is {counted(explorer.steps, 'step')} of {explorer.optimizer}{rate}"
    window = explorer.windows[place]
    inside = [window.holds(tuple(step.point[axis] for axis in explorer.axes)) for step in explorer.path]
    if not place and False in inside:
        words += f", which leaves the picture with step {explorer.path[inside.index(False)].step}"
    return words


def _valleys(explorer: Explorer, window: Window) -> Iterator[Series]:
    """A line through the minimum along each eigenvector, from edge to edge of the window."""
    names = ("valley (flattest direction)", "steepest direction")
    for name, valley in zip(names, explorer.valleys, strict=False):
        centre = [valley.at[axis] for axis in explorer.axes]
        along = [valley.along[axis] for axis in explorer.axes]
        reach = _reach(centre, along, window)
        if reach is not None:
            x, y = (tuple(c + t * d for t in reach) for c, d in zip(centre, along, strict=True))
            yield Series(f"{name}, curvature {_short(valley.curvature)}", x, y, role="predicted")


def _reach(centre: Sequence[float], along: Sequence[float], window: Window) -> tuple[float, float] | None:
    """From where to where a line stays in the window, in units of ``along``; None where it is never there."""
    low, high = -float("inf"), float("inf")
    for c, d, a, b in zip(centre, along, window.low, window.high, strict=True):
        if d == 0:
            if not a <= c <= b:
                return None
            continue
        ends = sorted(((a - c) / d, (b - c) / d))
        low, high = max(low, ends[0]), min(high, ends[1])
    return (low, high) if low < high else None


def _path(explorer: Explorer, window: Window) -> Iterator[Series]:
    """The path while it stays in the window."""
    places = [tuple(step.point[axis] for axis in explorer.axes) for step in explorer.path]
    begin = next((i for i, place in enumerate(places) if window.holds(place)), len(places))
    end = next((i for i in range(begin, len(places)) if not window.holds(places[i])), len(places))
    kept = explorer.path[begin:end]
    if len(kept) > 1:
        x, y = (tuple(step.point[axis] for step in kept) for axis in explorer.axes)
        yield Series("path", x, y, role="chosen")


def _marks(explorer: Explorer, window: Window) -> Iterator[Series]:
    """Start, end and stationary points."""
    last = explorer.path[-1].point if explorer.path else explorer.start
    for name, point in (("start", explorer.start), ("end", last)):
        place = tuple(point[axis] for axis in explorer.axes)
        if window.holds(place):
            yield Series(name, place[:1], place[1:], joined=False, role=_ROLES[name])
    yield from _stationary(explorer, window)


def _stationary(explorer: Explorer, window: Window) -> Iterator[Series]:
    for mark in explorer.marks:
        place = tuple(mark.point[axis] for axis in explorer.axes)
        role: Role = "optimum" if "minimum" in mark.kind else "bad"
        if window.holds(place):
            yield Series(f"{mark.kind}, proved", place[:1], place[1:] or (mark.loss,), joined=False, role=role)


# -------------------------------------------------------------------------------------------------------- one parameter
def _profile(explorer: Explorer) -> Figure:
    axis = explorer.axes[0]
    window = explorer.windows[0]
    layers: list[Layer] = []
    if explorer.profile is not None:
        known = [(x, y) for x, y in zip(explorer.profile.x, explorer.profile.values, strict=True) if y is not None]
        layers.append(Series("loss", *_columns(known)))
    steps = [(step.point[axis], step.loss) for step in explorer.path if step.loss is not None]
    inside = [place for place in steps if window.low[0] <= place[0] <= window.high[0]]
    layers.append(Series("path", *_columns(inside), joined=False, role="chosen"))
    for name, ends in (("start", inside[:1]), ("end", inside[-1:])):
        layers.append(Series(name, *_columns(ends), joined=False, role=_ROLES[name]))
    layers += _stationary(explorer, window)
    caption = "; ".join([f"The loss over {axis}", _about_path(explorer), *explorer.notes]) + "."
    return Figure(f"Loss of {_name(explorer)} over {axis}", caption, Axis(axis), Axis("loss"), tuple(layers))


def _columns(places: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in places), tuple(y for _, y in places)


# ------------------------------------------------------------------------------------------------------------ the data
def data_figure(explorer: Explorer) -> Figure:
    """The samples, with the fitted curve at the start, at the end and at the minimum."""
    fitted = explorer.fitted
    assert fitted is not None
    stride = -(-explorer.n // _MOST_SAMPLES)
    x, y = explorer.columns[fitted.x][::stride], explorer.columns[fitted.y][::stride]
    thinned = "" if stride == 1 else f", every {stride}th of {explorer.n:,}"
    layers: list[Layer] = [Series(f"data{thinned}", x, y, joined=False, role="data")]
    layers += [Series(name, xs, ys, role=_ROLES[name]) for name, xs, ys in fitted.lines]
    caption = f"{fitted.y} = {fitted.formula}, where a sample pulls at no parameter of the curve, over the samples."
    return Figure(f"Data and fit of {_name(explorer)}", caption, Axis(fitted.x), Axis(fitted.y), tuple(layers))


def _short(value: float) -> str:
    return coordinate(value, 3)
