"""A graph as SVG: inputs at the top, the loss at the bottom; each box with formula, value and adjoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from diffexplore.graphing.layout import Box, EdgeLine, layout
from diffexplore.graphing.records import Edge, Graph, Node
from diffexplore.lists import shortened
from diffexplore.writing.numbers import point_text

_SIZE, _LINE, _LABEL = 12.0, 16.0, 11.0
_MOST_CHARACTERS, _MOST_ON_EDGE = 34, 24
_PADDING = 10.0
_STACK = 4.0  # how far the second sheet of a node by sample stands out
_CAPTION = 18.0

_STYLE: Style = {
    "parameter": ("fill: #ddf4ff; stroke: #0969da", "fill: #0c2d6b; stroke: #58a6ff"),
    "data": ("fill: #fff8c5; stroke: #9a6700", "fill: #3d2f00; stroke: #d4a72c"),
    "operation": ("fill: #f6f8fa; stroke: #6e7781", "fill: #21262d; stroke: #8b949e"),
    "sum": ("fill: #fbefff; stroke: #8250df", "fill: #2f1a4d; stroke: #bc8cff"),
    "value": ("fill: #116329", "fill: #7ee787"),
    "adjoint": ("fill: #a40e26", "fill: #ffa198"),
    "edge": ("fill: none; stroke: #6e7781; stroke-width: 1.2", "fill: none; stroke: #8b949e; stroke-width: 1.2"),
    "tip": ("fill: #6e7781", "fill: #8b949e"),
}


def to_svg(graph: Graph) -> str:
    """The graph as an SVG document, which needs nothing else and follows the reader's light or dark scheme."""
    placed = layout(graph, _size, lambda edge: (width_of(_on(edge), _LABEL), _LABEL))
    captions = list(_captions(graph))
    width = max(placed.width, *(width_of(caption, _LABEL) + 2 * _PADDING for caption in captions))
    shift = (width - placed.width) / 2
    height = placed.height + _CAPTION * len(captions)
    body = [
        f'<g transform="translate({number(shift)} {number(_STACK)})">',
        *(part for box in placed.boxes for part in _box(box)),
        *(part for line in placed.lines for part in _curve(line)),
        *(part for line in placed.lines for part in _label(line)),
        "</g>",
    ]
    for place, caption in enumerate(captions):
        y = placed.height + _CAPTION * (place + 0.6)
        body.append(text_at(width / 2, y, caption, kind="quiet", size=_LABEL))
    title = f"The computational graph of {graph.name or graph.formula or 'L'}"
    return document(width, height + _STACK, title, body, _STYLE)


def _lines(node: Node) -> list[tuple[str, str]]:
    """The lines of a box, each with its kind."""
    lines = [("ink", node.equation)]
    if node.value is not None:
        lines.append(("value", f"value {node.value.text}"))
    if node.adjoint is not None:
        lines.append(("adjoint", f"{node.derivative} = {node.adjoint.text}"))
    elif node.adjoint_rule is not None and node.value is None:
        lines.append(("adjoint", node.adjoint_equation))
    return [(kind, shortened(words, _MOST_CHARACTERS)) for kind, words in lines]


def _size(node: Node) -> tuple[float, float]:
    lines = _lines(node)
    return max(width_of(words, _SIZE) for _, words in lines) + 2 * _PADDING, _LINE * len(lines) + _PADDING


def _box(box: Box) -> Iterator[str]:
    node = box.node
    hover = [f"{node.name} = {node.formula or node.rule}"]
    hover += [node.adjoint_equation] if node.adjoint_rule is not None else []
    yield f'<g id="n{node.number}"><title>{escape("; ".join(hover))}</title>'
    if node.by_sample:
        yield _rectangle(box, _STACK, "sheet")
    yield _rectangle(box, 0, "box")
    for place, (kind, words) in enumerate(_lines(node)):
        y = box.y + _PADDING / 2 + _LINE * (place + 0.75)
        yield text_at(box.x + box.width / 2, y, words, kind=kind, size=_SIZE, bold=place == 0)
    yield "</g>"


def _rectangle(box: Box, out: float, role: str) -> str:
    return (
        f'<rect class="{box.node.kind}" data-role="{role}" x="{number(box.x + out)}" y="{number(box.y - out)}" '
        f'width="{number(box.width)}" height="{number(box.height)}" rx="7"/>'
    )


def _curve(line: EdgeLine) -> Iterator[str]:
    (x, y), _ = line.stretches[0]
    path = f"M{number(x)} {number(y)}"
    for (_, (x0, y0)), ((x1, y1), (x2, y2)) in zip(line.stretches, line.stretches[1:], strict=False):
        middle = number((y0 + y1) / 2)
        path += f" C{number(x0)} {middle} {number(x1)} {middle} {number(x1)} {number(y1)}"
        if y2 != y1:
            path += f" L{number(x2)} {number(y2)}"
    dashes = "" if line.edge.smooth else ' stroke-dasharray="4 3"'
    yield f'<path class="edge" d="{path}"{dashes}/>'
    x, y = line.stretches[-1][0]
    yield f'<path class="tip" d="M{number(x)} {number(y)} l-3.5 -7 h7 z"/>'


def _label(line: EdgeLine) -> Iterator[str]:
    """The local derivative, on ground that hides the line behind it."""
    words, (x, y) = _on(line.edge), line.label
    width, height = width_of(words, _LABEL) + 4, _LABEL + 4
    at = f'x="{number(x - width / 2)}" y="{number(y - height / 2)}"'
    yield f'<rect class="page" data-role="label" {at} width="{number(width)}" height="{number(height)}"/>'
    yield text_at(x, y + _LABEL / 2 - 2, words, kind="quiet", size=_LABEL)


def _on(edge: Edge) -> str:
    return edge.beside_value(shortened(edge.local, _MOST_ON_EDGE)) if edge.smooth else "decides"


def _captions(graph: Graph) -> Iterator[str]:
    if graph.point:
        yield f"at {point_text(graph.point)}"
    if graph.sample is not None or any(node.by_sample for node in graph.nodes):
        shown = "" if graph.sample is None else f": those of sample {graph.sample} of {graph.samples}"
        yield f"double boxes have a value for each sample{shown}"
    yield "on an edge: the derivative of the lower node by the upper one"


FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

#: The width of a character, as a share of the size of the font; monospaced fonts have 0.55 to 0.61.
CHARACTER = 0.61

#: Of a class, the properties on a light page and on a dark one.
Style = Mapping[str, tuple[str, str]]

_PAGE: Style = {
    "page": ("fill: #ffffff", "fill: #0d1117"),
    "ink": ("fill: #1f2328", "fill: #e6edf3"),
    "quiet": ("fill: #57606a", "fill: #9da7b1"),
}


def document(width: float, height: float, title: str, body: Iterable[str], style: Style) -> str:
    """An SVG document of its own, with its background, for any page."""
    rules = {**_PAGE, **style}
    light, dark = ("".join(f".{name} {{ {rule[k]} }}\n" for name, rule in rules.items()) for k in (0, 1))
    inside = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\ntext {{ font-family: {FONTS} }}\n{light}"
        f"@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n</style>\n"
        f'<rect class="page" width="{number(width)}" height="{number(height)}"/>\n'
        f"{inside}\n</svg>\n"
    )


def text_at(
    x: float, y: float, words: str, *, kind: str = "ink", size: float = 12, anchor: str = "middle", bold: bool = False
) -> str:
    """Words on one line, whose baseline is at ``y``."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text class="{kind}" x="{number(x)}" y="{number(y)}" font-size="{number(size)}" '
        f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
    )


def width_of(words: str, size: float = 12) -> float:
    """The room that words take, with some to spare."""
    return len(words) * size * CHARACTER


def number(value: float) -> str:
    """A coordinate with as many digits as can be seen."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
