"""A figure in a page: drawn by plotly, with its caption, and the numbers behind it as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any, TypeVar

from diffexplore.figures.plotly import spec
from diffexplore.figures.records import Arrows, Axis, Band, Bars, Figure, Layer, Rule, Series, ValueGrid
from diffexplore.numerals import ABSENT
from diffexplore.writing.numbers import coordinate

_DIGITS = 7

#: Digits of what is drawn: enough to look closer a thousand times, and half of what a double takes.
_DRAWN_DIGITS = 9

#: Rows of a table, and rows and columns of that of a grid: of more, every second, third, … is listed.
_MOST_ROWS, _MOST_OF_GRID = 250, 25

Entry = TypeVar("Entry")


def figure_html(figure: Figure, number: int) -> str:
    """One ``<figure>``: the caption is the text alternative, the tables hold all that is drawn."""
    caption = f"<strong>Figure {number}. {escape(figure.title)}.</strong> {escape(figure.caption)}"
    drawn = json.dumps(_drawn(spec(figure)), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    behind = "".join(_tables(figure))
    label = escape(f"{figure.title}. {figure.caption}")
    return (
        f'<figure id="figure-{number}" data-figure="{number}">'
        f'<div class="plot" role="img" aria-label="{label}"></div>'
        f'<script type="application/json">{drawn}</script>'
        f"<figcaption>{caption}</figcaption>"
        f"<details><summary>The numbers of figure {number}</summary>{behind}</details>"
        "</figure>"
    )


def _drawn(part: Any) -> Any:
    """Plain values, their numbers in as many digits as a screen shows."""
    if isinstance(part, float):
        return float(f"{part:.{_DRAWN_DIGITS}g}")
    if isinstance(part, dict):
        return {key: _drawn(value) for key, value in part.items()}
    return [_drawn(entry) for entry in part] if isinstance(part, list) else part


def _tables(figure: Figure) -> Iterator[str]:
    """A table for each layer; series over the same x share one, and rules another."""
    for (kind, _), group in groupby(figure.layers, key=_shared):
        layers = list(group)
        if kind is Series:
            yield _series([layer for layer in layers if isinstance(layer, Series)], figure)
        elif kind is Rule:
            rules = [layer for layer in layers if isinstance(layer, Rule)]
            yield _table(
                "", ("line", "at"), [(rule.name, f"{_axis(figure, rule)} = {_number(rule.at)}") for rule in rules]
            )
        else:
            yield from (_layer(layer, figure) for layer in layers)


def _shared(layer: Layer) -> tuple[type, tuple[float, ...]]:
    return type(layer), layer.x if isinstance(layer, Series) else ()


def _axis(figure: Figure, rule: Rule) -> str:
    return (figure.x if rule.along == "x" else figure.y).label


def _series(group: Sequence[Series], figure: Figure) -> str:
    notes = any(series.notes for series in group)
    title = group[0].name if len(group) == 1 else ""
    names = [figure.y.title] if len(group) == 1 else [series.name for series in group]
    columns = [group[0].x, *(series.y for series in group)]
    rows: list[Sequence[str]] = [tuple(map(_number, row)) for row in zip(*columns, strict=True)]
    if notes:
        notes_of = [series.notes or ("",) * len(series.x) for series in group]
        rows = [
            (*row, "; ".join(filter(None, words))) for row, words in zip(rows, zip(*notes_of, strict=True), strict=True)
        ]
    return _table(title, (figure.x.title, *names, *(["note"] if notes else [])), rows)


def _layer(layer: Layer, figure: Figure) -> str:
    x, y = figure.x.title, figure.y.title
    match layer:
        case Band():
            rows = zip(layer.x, layer.low, layer.high, strict=True)
            return _table(layer.name, (x, f"{y}, from", "to"), [tuple(map(_number, row)) for row in rows])
        case Bars():
            between = zip(layer.edges, layer.edges[1:], layer.counts, strict=False)
            rows_of = [(_number(low), _number(high), f"{count:,}") for low, high, count in between]
            return _table(layer.name, (f"{x}, from", "to", y), rows_of)
        case Arrows():
            rows4 = zip(layer.x, layer.y, layer.dx, layer.dy, strict=True)
            heads = (x, y, f"along {figure.x.label}", f"along {figure.y.label}")
            return _table(layer.name, heads, [tuple(map(_number, row)) for row in rows4])
        case ValueGrid():
            return _grid(layer, figure.x, figure.y)
    return ""


def _grid(grid: ValueGrid, x: Axis, y: Axis) -> str:
    """The values, the highest y first as in the figure, and the notes below them."""
    columns, lines = _thinned(range(len(grid.x)), _MOST_OF_GRID), _thinned(range(len(grid.y)), _MOST_OF_GRID)
    heads = (f"{y.label} \\ {x.label}", *(_number(grid.x[column]) for column in columns))
    rows = [(_number(grid.y[line]), *(_value(grid.values[line][column]) for column in columns)) for line in lines[::-1]]
    noted = [(_number(grid.x[column]), _number(grid.y[row]), words) for column, row, words in grid.notes]
    few = f": {len(lines)} of {len(grid.y)} rows and {len(columns)} of {len(grid.x)} columns"
    whole = len(lines) == len(grid.y) and len(columns) == len(grid.x)
    values = _table(f"{grid.title}{'' if whole else few}", heads, rows)
    return values + (_table("", (x.title, y.title, "note"), noted) if noted else "")


def _value(value: float | None) -> str:
    return ABSENT if value is None else _number(value, 4)


def _thinned(entries: Sequence[Entry], most: int) -> list[Entry]:
    """At most ``most`` of the entries, evenly spaced, with the first and the last."""
    if len(entries) <= most:
        return list(entries)
    return [entries[round(place * (len(entries) - 1) / (most - 1))] for place in range(most)]


def _table(title: str, heads: Sequence[str], all_rows: Sequence[Sequence[str]]) -> str:
    rows = _thinned(all_rows, _MOST_ROWS)
    if len(rows) < len(all_rows):
        title = f"{title}: {len(rows)} of {len(all_rows):,} rows".removeprefix(": ")
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll numbers" tabindex="0"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _number(value: float, digits: int = _DIGITS) -> str:
    return coordinate(value, digits)
