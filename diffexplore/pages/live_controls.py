"""What moves a live section: sliders with their boxes, and the choices of a window, of axes and of an optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

from diffexplore.exploring.records import Explorer, Live
from diffexplore.pages.live_data import OPTIMIZERS, followed, most_steps

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
