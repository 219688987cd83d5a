"""The parts of a live section around its figures: tables of numbers, sliders with their boxes, and choices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from diffexplore.documents import plain
from diffexplore.exploring.records import Explorer, Live
from diffexplore.fitting.explanation.ending import PERCENT
from diffexplore.fitting.optimizers import BETAS, EPS, MOMENTUM
from diffexplore.numerals import ABSENT
from diffexplore.writing.numbers import coordinate

#: The optimizers that the script has, as it calls them, and as people do.
OPTIMIZERS = {"gd": "gradient descent", "momentum": "momentum", "adam": "Adam"}

#: Most operations that a slider at its end may cause.
_MOST_OPERATIONS = 200_000_000
_MOST_STEPS = 100_000


def live_data(explorer: Explorer, live: Live) -> dict[str, Any]:
    """The object that the script is started with; null for a number that is not finite."""
    names = list(explorer.start)
    return plain(
        {
            "parameters": names,
            "data": list(explorer.loss.data),
            "columns": explorer.columns,
            "n": explorer.n,
            "reduction": explorer.loss.reduction,
            "axes": explorer.axes,
            "held": _values(names, explorer.held),
            "start": _values(names, explorer.start),
            "rate": live.rate,
            "optimizer": followed(explorer),
            "constants": {"momentum": MOMENTUM, "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS},
            "steps": max(1, min(explorer.steps, most_steps(explorer, live))),
            "most_steps": most_steps(explorer, live),
            "operations": live.operations,
            "percent": PERCENT,
            "bounded": live.bounded,
            "windows": [window.to_dict() for window in explorer.windows],
            "reach": {name: list(limits) for name, limits in live.reach.items()},
            "marks": [
                {"kind": mark.kind, "point": _values(names, mark.point), "loss": mark.loss} for mark in explorer.marks
            ],
            "fitted": None if explorer.fitted is None else {"x": explorer.fitted.x, "y": explorer.fitted.y},
        }
    )


def _values(names: Sequence[str], point: Any) -> list[float]:
    return [float(point[name]) for name in names]


def most_steps(explorer: Explorer, live: Live) -> int:
    """The end of the slider of steps: as many as a page computes at once, and at least 20."""
    return max(20, min(_MOST_STEPS, _MOST_OPERATIONS // max(1, live.operations)))


def followed(explorer: Explorer) -> str:
    """The optimizer that the page takes steps of: another one than these has no steps that a rate decides."""
    return explorer.optimizer if explorer.optimizer in OPTIMIZERS else "gd"


#: Of a surface every so many values are in its table.
_STRIDE = 5


def numbers_table(explorer: Explorer) -> str:
    """A row for each number, so that the table fits a narrow page; the script fills in start and end."""
    minimum, names = explorer.minimum, list(explorer.start)
    known = [] if minimum is None else [minimum.loss, *(minimum.point[name] for name in names), *(0.0 for _ in names)]
    keys = ["loss", *(f"value-{k}" for k in range(len(names))), *(f"slope-{k}" for k in range(len(names)))]
    words = ["loss", *names, *(f"∂L/∂{name}" for name in names)]
    heads = ["start", "end", *([] if minimum is None else [f"{minimum.kind}, proved"])]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    rows = []
    for i, (key, text) in enumerate(zip(keys, words, strict=True)):
        cells = "".join(f'<td data-part="{place}-{key}"></td>' for place in ("start", "end"))
        cells += f"<td>{_number(known[i])}</td>" if known else ""
        rows.append(f'<tr><th scope="row">{escape(text)}</th>{cells}</tr>')
    return (
        '<div class="live-scroll" tabindex="0"><table class="live-numbers"><thead><tr><td></td>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


#: The script fills it with the path, when it is opened and whenever the path changes.
PATH_TABLE = (
    '<details data-part="path"><summary>The path in numbers</summary>'
    '<div class="live-scroll" tabindex="0"><table></table></div></details>'
)


def surface_table(explorer: Explorer) -> str:
    """Every fifth value of the surface in its first window, the highest row first, as in the figure."""
    surface = explorer.surface
    if surface is None:
        return ""
    rows, columns = range(len(surface.y) - 1, -1, -_STRIDE), range(0, len(surface.x), _STRIDE)
    across, up = map(escape, explorer.axes)
    head = "".join(f'<th scope="col">{_number(surface.x[column], 4)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{_number(surface.y[row], 4)}</th>'
        f"{''.join(f'<td>{_number(surface.values[row][column], 4)}</td>' for column in columns)}</tr>"
        for row in rows
    )
    return (
        f'<details><summary>The surface in numbers</summary><div class="live-scroll" tabindex="0"><table><thead><tr>'
        f'<th scope="row">{up} \\ {across}</th>{head}</tr></thead><tbody>{body}</tbody></table></div></details>'
    )


def _number(value: float | None, digits: int = 6) -> str:
    if value is None:
        return ABSENT
    written = coordinate(value, digits)
    return f"−{written[1:]}" if written.startswith("-") else written


#: Steps of a slider from end to end.
_SLIDER_STEPS = 400

#: A rate goes this many decades up and down from where it begins.
_DECADES = 3


def controls(explorer: Explorer, live: Live) -> Iterator[str]:
    for k, name in enumerate(explorer.start):
        low, high = live.reach[name]
        yield _control(f"parameter-{k}", f"{name} at the start", low, high)
    rate = math.log10(live.rate)
    yield _control("rate", "learning rate", rate - _DECADES, rate + _DECADES)
    yield _control("steps", "steps", 0.0, math.log10(most_steps(explorer, live)))


def _control(key: str, words: str, low: float, high: float) -> str:
    step = (high - low) / _SLIDER_STEPS
    return (
        f'<div class="live-control"><label for="live-{key}">{escape(words)}</label>'
        f'<input type="range" id="live-{key}" data-part="slider-{key}" min="{low!r}" max="{high!r}" step="{step!r}">'
        f'<input type="number" data-part="box-{key}" step="any" aria-label="{escape(words)}"></div>'
    )


def choices(explorer: Explorer) -> Iterator[str]:
    """The choices that there are, and a button."""
    if len(explorer.windows) > 1:
        windows = {str(i): window.name for i, window in enumerate(explorer.windows)}
        yield _choice("window", "window", windows | {"-1": "what was zoomed to"})
    if len(explorer.start) > 2 and len(explorer.axes) == 2:
        for k, (word, axis) in enumerate(zip(("horizontal", "vertical"), explorer.axes, strict=True)):
            yield _choice(word, f"axis-{k}", {name: name for name in explorer.start}, axis)
    yield _choice("optimizer", "optimizer", OPTIMIZERS, followed(explorer))
    yield '<button type="button" data-part="again">reset</button>'


def _choice(words: str, part: str, options: Mapping[str, str], chosen: str | None = None) -> str:
    """One of ``options``, which are values with the words for them."""
    listed = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(name)}</option>'
        for value, name in options.items()
    )
    return f'<label>{words} <select data-part="{part}">{listed}</select></label>'
