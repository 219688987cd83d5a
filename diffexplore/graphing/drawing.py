"""The little of SVG that drawings need: a page that follows the light or dark scheme of the reader, and text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

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
