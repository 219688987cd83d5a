"""The live section of a page: a loss surface with sliders, drawn by plotly and computed from the symbolic gradient.

The HTML and the script go into any page that has the global ``Plotly`` before the script; neither fetches anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from diffexplore.documents import plain
from diffexplore.exploring.figure import said_of_surface
from diffexplore.exploring.records import Explorer, Live
from diffexplore.fitting.optimizers.constants import BETAS, EPS, MOMENTUM
from diffexplore.numerals import ABSENT, plain_exponent
from diffexplore.pages.document import asset

#: Steps of a slider from end to end.
_SLIDER_STEPS = 400

#: A rate goes this many decades up and down from where it begins.
_DECADES = 3

#: The optimizers that the script has, as it calls them, and as people do.
_OPTIMIZERS = {"gd": "gradient descent", "momentum": "momentum", "adam": "Adam"}

#: Most operations that a slider at its end may cause.
_MOST_OPERATIONS = 200_000_000
_MOST_STEPS = 100_000

#: Of a surface every so many values are in its table.
_STRIDE = 5

#: What a hand can do to a surface, or to a curve.
_GESTURES = {
    1: [],
    2: ["click to start somewhere else, drag to zoom in, click twice to come back"],
}


def live_html(explorer: Explorer, key: str = "live") -> str:
    """The section's HTML: figures, sliders and a table of numbers; where it cannot be live, a paragraph that says why.

    ``key`` is the id of its element, unique in the page.
    """
    if explorer.live is None:
        return f'<p class="live">{escape(_sentence(explorer.not_live or ""))}</p>'
    return "\n".join(
        [
            f"<style>{asset('live.css')}</style>",
            f'<div class="live" id="{escape(key)}">',
            "<noscript><p>The surface is drawn by JavaScript, which is switched off.</p></noscript>",
            f'<div class="live-controls">{"".join(_controls(explorer, explorer.live))}</div>',
            f'<div class="live-choices">{"".join(_choices(explorer))}</div>',
            '<p data-part="message" aria-live="polite"></p>',
            f'<div class="live-figures">{"".join(_figures(explorer))}</div>',
            _numbers(explorer),
            _DETAILS,
            _surface_table(explorer),
            "</div>",
        ]
    )


def live_script(explorer: Explorer, key: str = "live") -> str:
    """The script that brings :func:`live_html` to life; empty where there is nothing to compute with."""
    live = explorer.live
    if live is None:
        return ""
    given = json.dumps(_given(explorer, live), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f"{asset('live.js')}\n"
        f"diffexploreLive(document.getElementById({json.dumps(key)}), {given}, (() => {{\n"
        f'"use strict";\n{live.source}\n\nreturn {{\n{"".join(_calls(explorer))}}};\n}})());'
    )


def _calls(explorer: Explorer) -> Iterator[str]:
    """The functions of a point p, the columns c and the number i of a sample: without arrays made for each call."""
    point = [f"p[{k}]" for k in range(len(explorer.start))]
    sample = [f"c[{k}][i]" for k in range(len(explorer.loss.data))]
    for name in ("value", "gradient", "hessian", "inside"):
        call = f"{name}({', '.join([*point, *sample])})"
        yield f"  {name}: (p, c, i) => {f'[{call}]' if name == 'value' else call},\n"
    if explorer.fitted is not None:
        yield f"  fitted: (p, x) => fitted({', '.join([*point, 'x'])}),\n"


def document(explorer: Explorer) -> str:
    """One self-contained page about ``explorer``.

    Raises :class:`~diffexplore.errors.UsageError` where plotly is not installed.
    """
    from diffexplore.pages import to_page
    from diffexplore.pages.records import Subject

    return to_page("explore", Subject(explorer))


def frame(explorer: Explorer) -> str:
    """The page in a frame of its own, for a notebook."""
    return (
        f'<iframe srcdoc="{escape(document(explorer), quote=True)}" title="diffexplore: the surface of a loss" '
        'style="width:100%;height:1020px;border:0" sandbox="allow-scripts"></iframe>'
    )


# ------------------------------------------------------------------------------------------------------------ the HTML
def _figures(explorer: Explorer) -> Iterator[str]:
    caption = _sentence("; ".join([*said_of_surface(explorer), *_GESTURES[len(explorer.axes)], *explorer.notes]))
    yield _figure("surface", caption, caption)
    yield _figure("curve", "The loss after each step of the descent.", "The loss after each step of the descent.")
    if explorer.fitted is not None:
        last = "and at the minimum" if explorer.minimum is not None else "of the path"
        caption = f"The data, and {explorer.fitted.y} = {explorer.fitted.formula} at the start, at the end {last}."
        yield _figure("data", caption, caption)


def _figure(part: str, label: str, caption: str) -> str:
    return (
        f'<figure><div class="live-plot" data-part="{part}" role="img" aria-label="{escape(label)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _choices(explorer: Explorer) -> Iterator[str]:
    if len(explorer.windows) > 1:
        options = "".join(f'<option value="{i}">{escape(one.name)}</option>' for i, one in enumerate(explorer.windows))
        hidden = '<option value="-1">what was zoomed to</option>'
        yield f'<label>window <select data-part="window">{options}{hidden}</select></label>'
    names = list(explorer.start)
    if len(names) > 2 and len(explorer.axes) == 2:
        for k, axis in enumerate(explorer.axes):
            options = "".join(
                f'<option value="{escape(name)}"{" selected" if name == axis else ""}>{escape(name)}</option>'
                for name in names
            )
            word = "horizontal" if k == 0 else "vertical"
            yield f'<label>{word} <select data-part="axis-{k}">{options}</select></label>'
    options = "".join(
        f'<option value="{name}"{" selected" if name == _followed(explorer) else ""}>{escape(words)}</option>'
        for name, words in _OPTIMIZERS.items()
    )
    yield f'<label>optimizer <select data-part="optimizer">{options}</select></label>'
    yield '<button type="button" data-part="again">reset</button>'


def _followed(explorer: Explorer) -> str:
    """The optimizer that the page takes steps of: another one than these has no steps that a rate decides."""
    return explorer.optimizer if explorer.optimizer in _OPTIMIZERS else "gd"


def _controls(explorer: Explorer, live: Live) -> Iterator[str]:
    for k, name in enumerate(explorer.start):
        low, high = live.reach[name]
        yield _control(f"parameter-{k}", f"{name} at the start", low, high)
    rate = math.log10(live.rate)
    yield _control("rate", "learning rate", rate - _DECADES, rate + _DECADES)
    yield _control("steps", "steps", 0.0, math.log10(_most_steps(explorer, live)))


def _control(key: str, words: str, low: float, high: float) -> str:
    step = (high - low) / _SLIDER_STEPS
    return (
        f'<div class="live-control"><label for="live-{key}">{escape(words)}</label>'
        f'<input type="range" id="live-{key}" data-part="slider-{key}" min="{low!r}" max="{high!r}" step="{step!r}">'
        f'<input type="number" data-part="box-{key}" step="any" aria-label="{escape(words)}"></div>'
    )


def _numbers(explorer: Explorer) -> str:
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
_DETAILS = (
    '<details data-part="path"><summary>The path in numbers</summary>'
    '<div class="live-scroll" tabindex="0"><table></table></div></details>'
)


def _surface_table(explorer: Explorer) -> str:
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


# ---------------------------------------------------------------------------------------------------- what it is given
def _given(explorer: Explorer, live: Live) -> dict[str, Any]:
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
            "optimizer": _followed(explorer),
            "constants": {"momentum": MOMENTUM, "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS},
            "steps": max(1, min(explorer.steps, _most_steps(explorer, live))),
            "most_steps": _most_steps(explorer, live),
            "operations": live.operations,
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


def _most_steps(explorer: Explorer, live: Live) -> int:
    return max(20, min(_MOST_STEPS, _MOST_OPERATIONS // max(1, live.operations)))


def _number(value: float | None, digits: int = 6) -> str:
    if value is None:
        return ABSENT
    text = plain_exponent(f"{value:.{digits}g}")
    return f"−{text[1:]}" if text.startswith("-") else text


def _sentence(words: str) -> str:
    """Words as a sentence, with a capital letter and a full stop."""
    return words[:1].upper() + words[1:].rstrip(".") + "."
