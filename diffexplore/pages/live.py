"""The live section of a page: a loss surface with sliders, drawn by plotly and computed from the symbolic gradient.

The HTML and the script go into any page that has the global ``Plotly`` before the script; neither fetches anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from diffexplore.exploring.figure import about_surface
from diffexplore.exploring.records import Explorer
from diffexplore.pages.document import asset
from diffexplore.pages.live_tables import PATH_TABLE, choices, controls, live_data, numbers_table, surface_table

_ID = "live"

#: What a hand can do to a surface, or to a curve.
_GESTURES = {1: [], 2: ["click to start somewhere else, drag to zoom in, click twice to come back"]}


def live_html(explorer: Explorer) -> str:
    """The section's HTML: figures, sliders, a table of numbers; where it cannot be live, a paragraph that says why."""
    if explorer.live is None:
        return f'<p class="live">{escape(_sentence(explorer.not_live or ""))}</p>'
    return "\n".join(
        [
            f"<style>{asset('live.css')}</style>",
            f'<div class="live" id="{_ID}">',
            "<noscript><p>The surface is drawn by JavaScript, which is switched off.</p></noscript>",
            f'<div class="live-controls">{"".join(controls(explorer, explorer.live))}</div>',
            f'<div class="live-choices">{"".join(choices(explorer))}</div>',
            '<p data-part="message" aria-live="polite"></p>',
            f'<div class="live-figures">{"".join(_figures(explorer))}</div>',
            numbers_table(explorer),
            PATH_TABLE,
            surface_table(explorer),
            "</div>",
        ]
    )


def live_script(explorer: Explorer) -> str:
    """The script that brings :func:`live_html` to life; empty where there is nothing to compute with."""
    live = explorer.live
    if live is None:
        return ""
    given = json.dumps(live_data(explorer, live), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    scripts = "\n".join(map(asset, ("live-loss.js", "live-traces.js", "live.js")))
    return (
        f"{scripts}\n"
        f"diffexploreLive(document.getElementById({json.dumps(_ID)}), {given}, (() => {{\n"
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
    """The page in a frame of its own, for a notebook; in ASCII, for marimo limits what Python keeps of a text,
    and a single other character makes it keep two bytes or four of each.
    """
    inside = escape(document(explorer), quote=True).encode("ascii", "xmlcharrefreplace").decode("ascii")
    return (
        f'<iframe srcdoc="{inside}" title="diffexplore: the surface of a loss" '
        'style="width:100%;height:1020px;border:0" sandbox="allow-scripts"></iframe>'
    )


def _figures(explorer: Explorer) -> Iterator[str]:
    caption = _sentence("; ".join([*about_surface(explorer), *_GESTURES[len(explorer.axes)], *explorer.notes]))
    yield _figure("surface", caption)
    yield _figure("curve", "The loss after each step of the descent.")
    if explorer.fitted is not None:
        last = "and at the minimum" if explorer.minimum is not None else "of the path"
        caption = f"The data, and {explorer.fitted.y} = {explorer.fitted.formula} at the start, at the end {last}."
        yield _figure("data", caption)


def _figure(part: str, caption: str) -> str:
    return (
        f'<figure><div class="live-plot" data-part="{part}" role="img" aria-label="{escape(caption)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _sentence(words: str) -> str:
    """Words as a sentence, with a capital letter and a full stop."""
    return words[:1].upper() + words[1:].rstrip(".") + "."
