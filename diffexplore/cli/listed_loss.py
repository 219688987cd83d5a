"""A loss of the catalogue as ``diffexplore list NAME`` shows it: formula, gradient, source, data and points."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore import losses
from diffexplore.render.outline import formulas
from diffexplore.writing.blocks import Block, Gap, Heading, Note, text
from diffexplore.writing.numbers import counted, point_text


def loss_blocks(name: str) -> Iterator[Block]:
    """The blocks of the loss that is called so, such as ``perpendicular`` or ``hyperplane:5`` (imports SymPy)."""
    loss = losses.get(name)
    entry = next(entry for entry in losses.entries() if entry.name == name.partition(":")[0])
    yield Heading(name, entry.title)
    yield Gap()
    yield from formulas(loss.summary(), loss.gradient().formulas())
    if ":" not in name:
        columns = entry.default_data()
        n = len(next(iter(columns.values()), ()))
        points = "; ".join(filter(None, (point_text(point) for point in entry.default_points)))
        data = f"data: {counted(n, 'sample')}" if entry.data else ""
        at = f"points: {points}" if points else ""
        yield Note(text("; ".join(filter(None, (data, at))), "quiet"))
        yield Gap()
    yield Note(text(f"diffexplore report {name}"), " ")
    yield Note(text(f"diffexplore fit {name}"), " ")
