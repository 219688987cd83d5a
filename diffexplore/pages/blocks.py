"""The blocks of a report as HTML of a page: classes instead of styles, formulas typeset, figures alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from diffexplore.pages.figures import figure_html
from diffexplore.pages.mathml import mathml
from diffexplore.pages.notation import NotReadError, read
from diffexplore.pages.records import Fragment
from diffexplore.writing import blocks as b
from diffexplore.writing.blocks import Formula, FormulaList

#: Characters of a row's name that stays where it is while the others scroll: a longer one would hide them.
_LONGEST_THAT_STAYS = 20


class Pen:
    """Draws blocks one after the other, and counts the figures, which are numbered through the page."""

    def __init__(self) -> None:
        self.figures = 0

    def draw_all(self, content: Iterable[b.Block | Fragment]) -> str:
        """The blocks in their order; parts with a heading each stand beside each other where there is room."""
        parts = [block for block in content if not isinstance(block, b.Gap)]
        starts = [place for place, block in enumerate(parts) if isinstance(block, b.Heading)]
        if len(starts) < 2:
            return self._part(parts)
        ends = [*starts[1:], len(parts)]
        drawn = [self._part(parts[start:end]) for start, end in zip(starts, ends, strict=True)]
        grid = "".join(f'<div class="part">{part}</div>' for part in drawn)
        return f'{self._part(parts[: starts[0]])}<div class="parts">{grid}</div>'

    def _part(self, parts: Sequence[b.Block | Fragment]) -> str:
        """Blocks one below the other; notes with a bullet that follow each other are one list, and pictures stand
        beside each other where there is room."""
        drawn = []
        for together, group in groupby(parts, key=_together):
            found = list(group)
            if together is b.Note:
                items = "".join(f"<li>{inline(part.content)}</li>" for part in found if isinstance(part, b.Note))
                drawn.append(f'<ul class="notes">{items}</ul>')
            elif together is b.Picture and len(found) > 1:
                drawn.append(f'<div class="figures">{"".join(map(self.draw, found))}</div>')
            else:
                drawn += [self.draw(part) for part in found]
        return "\n".join(drawn)

    def draw(self, block: b.Block | Fragment) -> str:
        match block:
            case b.Headline():
                word = f"<strong>{escape(block.word)}</strong>"
                return f'<div class="verdict {block.tone}">{word}<p>{escape(block.sentence)}</p></div>'
            case b.Heading():
                aside = f' <span class="aside">{escape(block.aside)}</span>' if block.aside else ""
                return f"<h3>{escape(block.title)}{aside}</h3>"
            case b.FormulaList():
                return formula_list(block)
            case b.Note():
                marker = f"{escape(block.marker)} " if block.marker else ""
                quiet = ' class="quiet"' if _is_quiet(block.content) else ""
                return f"<p{quiet}>{marker}{inline(block.content)}</p>"
            case b.Table():
                return table(block)
            case b.Picture():
                self.figures += 1
                return figure_html(block.figure, self.figures)
            case Fragment():
                return block.html
            case b.Gap():
                return ""


def _together(part: b.Block | Fragment) -> type | None:
    """The kind of a part that is drawn together with its neighbours of the same kind; None of one that is not."""
    if isinstance(part, b.Picture) or (isinstance(part, b.Note) and part.marker == "·"):
        return type(part)
    return None


def _is_quiet(content: b.Text) -> bool:
    return all(span.tone == "quiet" for span in content)


def inline(content: b.Text) -> str:
    """Toned words."""
    return "".join(map(_span, content))


def _span(span: b.Span) -> str:
    if span.tone == "plain":
        return escape(span.text)
    return f'<span class="{span.tone}">{escape(span.text)}</span>'


def table(block: b.Table) -> str:
    """A table that scrolls sideways where the page is narrow; the first cell of a row names it."""
    rows = "".join(_row(block, row) for row in block.rows)
    inside = f"<table><thead><tr>{_head(block)}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{inside}</div>'


def _head(block: b.Table) -> str:
    return "".join(f'<th scope="col"{_side(column)}>{_title(column)}</th>' for column in block.columns)


def _title(column: b.Column) -> str:
    unit = f'<br><span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    return f"{escape(column.title)}{unit}"


def _row(block: b.Table, row: tuple[b.Text, ...]) -> str:
    cells = "".join(_cells(block, row))
    return f"<tr>{cells}</tr>"


def _cells(block: b.Table, row: tuple[b.Text, ...]) -> Iterator[str]:
    for place, (column, cell) in enumerate(zip(block.columns, row, strict=True)):
        names = place == 0 and bool(b.words_of(cell).strip())
        tag, scope = ("th", ' scope="row"') if names else ("td", "")
        stays = names and len(b.words_of(cell)) <= _LONGEST_THAT_STAYS
        classes = _side(column, *(["words"] if column.flexible else []), *(["stays"] if stays else []))
        yield f"<{tag}{scope}{classes}>{inline(cell)}</{tag}>"


def _side(column: b.Column, *more: str) -> str:
    names = " ".join((*(["left"] if column.align == "left" else []), *more))
    return f' class="{names}"' if names else ""


def formula_list(block: FormulaList) -> str:
    """Formulas whose equals signs stand under each other. One without a label goes on from the one above it."""
    rows = "".join(map(_formula_row, block.formulas))
    return f'<div class="scroll" tabindex="0"><table class="formulas"><tbody>{rows}</tbody></table></div>'


def _formula_row(formula: Formula) -> str:
    label = typeset(formula.label) if formula.label.strip() else ""
    return (
        f"<tr><td>{label}</td><td>=</td><td>{typeset(formula.expression)}</td>"
        f'<td class="remark">{_remark(formula.remark)}</td></tr>'
    )


def _remark(remark: str) -> str:
    """Words, or formulas: ``= formula``, ``let u = a·x, v = a² + 1``."""
    if remark.startswith("= "):
        return f"= {typeset(remark[2:])}"
    let, rest = ("let ", remark[4:]) if remark.startswith("let ") else ("", remark)
    parts = rest.split(", ")
    if all(map(_is_equation, parts)):
        return let + ", ".join(map(typeset, parts))
    return escape(remark)


def _is_equation(text: str) -> bool:
    try:
        return read(text).kind == "relation"
    except NotReadError:
        return False


def typeset(text: str) -> str:
    """``text`` as MathML, or as it is."""
    return mathml(text) or f"<code>{escape(text)}</code>"
