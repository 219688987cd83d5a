"""The tables of a live section: start, end and minimum in numbers, the path, the surface."""

from __future__ import annotations

from html import escape

from diffexplore.exploring.records import Explorer
from diffexplore.numerals import ABSENT
from diffexplore.writing.numbers import coordinate

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
