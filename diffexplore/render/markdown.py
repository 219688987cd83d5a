"""A report as Markdown (tables as GitHub has them), to paste into an issue or keep beside the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diffexplore.checking.records import Report
from diffexplore.figures.terminal import draw
from diffexplore.writing import blocks as b

#: Characters in a line of a drawn figure.
_PICTURE_WIDTH = 78

_ACTIVE = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#"})


def title_of(report: Report) -> str:
    """What the document is about."""
    return f"Gradient check: {report.loss.name or 'a formula'}"


def document(title: str, blocks: Iterable[b.Block]) -> str:
    """Blocks as a Markdown document under a title, which is Markdown itself."""
    return "\n".join([title, *(_drawn(block) for block in blocks if not isinstance(block, b.Gap))])


def _drawn(block: b.Block) -> str:
    """One block; it ends with an empty line, so that the next begins a paragraph."""
    match block:
        case b.Headline():
            return f"**{block.word}**: {escaped(block.sentence)}\n"
        case b.Heading():
            return f"## {escaped(', '.join(filter(None, (block.title, block.aside))))}\n"
        case b.FormulaList():
            return "\n".join(map(_formula, block.formulas)) + "\n"
        case b.Note():
            return _note(block)
        case b.Table():
            return "\n".join(_table(block)) + "\n"
        case b.Picture():
            lines = draw(block.figure, _PICTURE_WIDTH, height=block.lines)
            return "\n".join(["```text", *lines, "```", f"*{escaped(block.figure.caption)}*"]) + "\n"
        case b.Gap():
            return ""


def _formula(formula: b.Formula) -> str:
    remark = f" ({escaped(formula.remark)})" if formula.remark else ""
    return f"- {_code(f'{formula.label} = {formula.expression}')}{remark}"


def _note(note: b.Note) -> str:
    content = _inline(note.content)
    if note.marker == "·":
        return f"- {content}\n"
    return f"{escaped(note.marker)} {content}\n" if note.marker else f"{content}\n"


def _table(table: b.Table) -> Iterator[str]:
    yield _line(_title(column) for column in table.columns)
    yield _line("---:" if column.align == "right" else ":---" for column in table.columns)
    for row in table.rows:
        yield _line(map(_inline, row))


def _line(cells: Iterator[str] | map[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _title(column: b.Column) -> str:
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _inline(content: b.Text) -> str:
    return "".join(map(_span, content))


def _span(span: b.Span) -> str:
    words = escaped(span.text)
    return f"**{words}**" if span.tone in ("strong", "bad") and words.strip() == words != "" else words


def escaped(words: str) -> str:
    """``words`` with every character that Markdown would act on made inert."""
    return words.translate(_ACTIVE)


def _code(words: str) -> str:
    fence = "``" if "`" in words else "`"
    return f"{fence}{words}{fence}"
