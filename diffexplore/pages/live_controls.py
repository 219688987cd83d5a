"""What moves a live section: sliders with their boxes, and the choices of a window, of axes and of an optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
        f'<option value="{name}"{" selected" if name == followed(explorer) else ""}>{escape(words)}</option>'
        for name, words in OPTIMIZERS.items()
    )
    yield f'<label>optimizer <select data-part="optimizer">{options}</select></label>'
    yield '<button type="button" data-part="again">reset</button>'
