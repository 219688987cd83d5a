"""A report as HTML, for notebooks: no scripts, no colours of its own but for the verdicts, everything escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from importlib.util import find_spec

from diffexplore.figures.terminal import draw
from diffexplore.writing import blocks as b

#: Colours that are legible on white and on black, so that they fit a light and a dark notebook.
_STYLES: dict[b.Tone, str] = {
    "strong": "font-weight:600",
    "quiet": "opacity:.6",
    "good": "color:#2e8b57",
    "bad": "color:#e5484d;font-weight:600",
    "doubt": "color:#b8860b",
}
#: Characters in a line of a drawn figure.
_PICTURE_WIDTH = 78

_NUMBER = "font-family:monospace;font-variant-numeric:tabular-nums;white-space:pre"


def page_of(blocks: Iterable[b.Block]) -> str:
    """The blocks of a page as one ``<div>``."""
    return f'<div class="diffexplore">{"".join(map(_drawn, blocks))}</div>'


def _drawn(block: b.Block) -> str:
    match block:
        case b.Headline():
            word = _span(b.Span(block.word, block.tone))
            return f"<p><strong>{word}</strong>&ensp;{escape(block.sentence)}</p>"
        case b.Heading():
            return f'<p style="margin:1em 0 .3em"><strong>{escape(block.title)}</strong> {escape(block.aside)}</p>'
        case b.FormulaList():
            return f'<table style="{_NUMBER}">{"".join(map(_formula, block.formulas))}</table>'
        case b.Note():
            marker = f"{escape(block.marker)} " if block.marker else ""
            return f'<p style="margin:.3em 0">{marker}{_inline(block.content)}</p>'
        case b.Table():
            return f'<table style="{_NUMBER}">{"".join(_table(block))}</table>'
        case b.Picture():
            return _picture(block)
        case b.Gap():
            return ""


def _picture(block: b.Picture) -> str:
    """An image where matplotlib is installed; else ASCII: a browser draws other characters in several widths."""
    figure = block.figure
    if find_spec("matplotlib"):
        from diffexplore.figures.matplotlib import to_bytes

        png = b64encode(to_bytes(".png", figure)).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{png}" alt="{escape(figure.title)}" style="width:720px;max-width:100%">'
        )
    lines = escape("\n".join(draw(figure, _PICTURE_WIDTH, height=block.lines, ascii=True)))
    return f'<pre style="font-family:monospace;line-height:1.1">{lines}</pre><p>{escape(figure.caption)}</p>'


def _formula(formula: b.Formula) -> str:
    remark = _span(b.Span(formula.remark, "quiet"))
    return _row(
        _cell("td", "left", words) for words in (f"{escape(formula.label)} =", escape(formula.expression), remark)
    )


def _table(table: b.Table) -> Iterator[str]:
    yield _row(_cell("th", column.align, _title(column)) for column in table.columns)
    for row in table.rows:
        yield _row(_cell("td", column.align, _inline(cell)) for column, cell in zip(table.columns, row, strict=True))


def _cell(tag: str, align: b.Align, inside: str) -> str:
    return f'<{tag} style="text-align:{align};padding:.15em .6em">{inside}</{tag}>'


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _title(column: b.Column) -> str:
    return f"{escape(column.title)}<br>{escape(column.unit)}" if column.unit else escape(column.title)


def _inline(content: b.Text) -> str:
    return "".join(map(_span, content))


def _span(span: b.Span) -> str:
    style = _STYLES.get(span.tone)
    return f'<span style="{style}">{escape(span.text)}</span>' if style else escape(span.text)
