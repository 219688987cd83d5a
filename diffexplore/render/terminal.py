"""A report in a terminal, drawn with rich."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text as RichText

from diffexplore.checking.records import Report
from diffexplore.figures.terminal import draw
from diffexplore.render.details import Detail, blocks_of
from diffexplore.render.outline import HessianText
from diffexplore.render.screen import LINES, SAVINGS, Command
from diffexplore.typography import speaks_mathematics, to_ascii
from diffexplore.writing.blocks import (
    COLUMN_GAP,
    INDENT,
    Block,
    Column,
    FormulaList,
    Gap,
    Heading,
    Headline,
    Note,
    Picture,
    Table,
    Text,
    Tone,
    text,
    words_of,
)

#: Characters that a column which may be broken is left with at least.
_LEAST_BROKEN = 6

_STYLES: dict[Tone, str] = {
    "plain": "",
    "strong": "bold",
    "quiet": "dim",
    "good": "green",
    "bad": "bold red",
    "doubt": "yellow",
}


@dataclass(frozen=True)
class Drawing:
    """Blocks that rich can print; ``ascii`` None chooses by the encoding of the console, so that ∂ never crashes it."""

    blocks: tuple[Block, ...]
    ascii: bool | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _draw(self.blocks, console, options, self.ascii)


@dataclass(frozen=True)
class ReportPage:
    """A report that rich can print in whatever width it has, in as much detail as ``detail`` says.

    Second partials and commands to go on with are shown where they are given.
    """

    report: Report
    hessian: HessianText | None = None
    ascii: bool | None = None
    detail: Detail = "screen"
    commands: tuple[Command, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for savings in range(len(SAVINGS) + 1 if self.detail == "screen" else 1):
            blocks = blocks_of(
                self.report, self.detail, width=options.max_width, hessian=self.hessian, commands=self.commands,
                savings=savings,
            )  # fmt: skip
            drawn = list(_draw(blocks, console, options, self.ascii))
            if drawn.count(Segment.line()) <= LINES:
                break
        yield from drawn


def render(report: Report, console: Console, options: ConsoleOptions) -> RenderResult:
    """The renderables of ``report``: what a Report yields when rich prints it."""
    yield from ReportPage(report).__rich_console__(console, options)


def to_text(report: Report, width: int = 80, ascii: bool | None = None, *, full: bool = False) -> str:
    """``report`` as plain text, on one screen or with all tables (``full``).

    ``ascii`` None chooses by the encoding of standard output.
    """
    return as_text(lambda plain: ReportPage(report, ascii=plain, detail="full" if full else "screen"), width, ascii)


def as_text(page: Callable[[bool], RenderableType], width: int, ascii: bool | None) -> str:
    """What ``page`` makes, drawn in ASCII or not, as plain text; None chooses by the encoding of standard output."""
    plain = not speaks_mathematics(sys.stdout.encoding) if ascii is None else ascii
    return plain_text(page(plain), width)


def plain_text(shown: RenderableType, width: int) -> str:
    """What a console of that width prints, without colour."""
    into = io.StringIO()
    # In a notebook, rich shows what is printed below the cell, whatever the file is, and leaves the file empty.
    console = Console(
        file=into, width=width, color_system=None, highlight=False, force_jupyter=False, legacy_windows=False
    )
    console.print(shown)
    return into.getvalue().rstrip("\n")


def _draw(blocks: Iterable[Block], console: Console, options: ConsoleOptions, ascii: bool | None) -> Iterator[Segment]:
    plain = not speaks_mathematics(options.encoding) if ascii is None else ascii
    pen = _Pen(options.max_width, plain)
    for block in blocks:
        for line in console.render_lines(pen.draw(block), options, pad=False):
            yield from _trimmed(line)
            yield Segment.line()


def _trimmed(line: list[Segment]) -> list[Segment]:
    """A line without the spaces that end it, which only get in the way when it is copied."""
    while line and not line[-1].text.strip():
        line.pop()
    if line:
        line[-1] = Segment(line[-1].text.rstrip(), line[-1].style)
    return line


class _Pen:
    """Draws blocks in a given width, in Unicode or ASCII."""

    def __init__(self, width: int, ascii: bool) -> None:
        self.width = width
        self.ascii = ascii

    def draw(self, block: Block) -> RenderableType:
        match block:
            case Headline():
                return self._hanging(block.word, block.tone, RichText(self.spell(block.sentence)), "  ")
            case Heading():
                return RichText.assemble((self.spell(block.title), "bold"), "  ", self.spell(block.aside))
            case FormulaList():
                return self._formulas(block)
            case Note():
                return self._note(block)
            case Table():
                return self._table(block)
            case Picture():
                lines = draw(block.figure, self.width, height=block.lines, ascii=self.ascii, dense=block.dense)
                return RichText("\n".join(lines), no_wrap=True)
            case Gap():
                return RichText("")

    def spell(self, words: str) -> str:
        return to_ascii(words) if self.ascii else words

    def rich_text(self, content: Text) -> RichText:
        return RichText.assemble(*((self.spell(span.text), _STYLES[span.tone]) for span in content))

    def _note(self, note: Note) -> RenderableType:
        content = self.rich_text(note.content)
        marker = {"·": "-"}.get(note.marker, note.marker) if self.ascii else note.marker
        return self._hanging(marker, "plain", content, " ") if marker else content

    def _hanging(self, marker: str, tone: Tone, content: RichText, gap: str) -> RenderableType:
        """``content`` behind ``marker``, its further lines indented as far."""
        grid = RichTable.grid(padding=0)
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        style = f"bold {_STYLES[tone]}" if tone != "plain" else ""
        grid.add_row(RichText(marker + gap, style=style), content)
        return grid

    def _formulas(self, block: FormulaList) -> RenderableType:
        """``label = expression   remark``; a remark that does not fit goes below its formula."""
        labels = [self.spell(formula.label) for formula in block.formulas]
        pad = max(map(len, labels))
        lines = RichTable.grid(padding=0)
        lines.add_column(no_wrap=True)
        lines.add_column(overflow="fold")
        for label, formula in zip(labels, block.formulas, strict=True):
            expression, remark = self.spell(formula.expression), self.spell(formula.remark)
            fits = pad + 5 + len(expression) + 3 + len(remark) <= self.width
            between = "   " if fits else "\n"
            body = RichText.assemble((expression, "bold"), (between + remark, "dim") if remark else "")
            lines.add_row(f"  {label.ljust(pad)} = ", body)
        return lines

    def _table(self, block: Table) -> RenderableType:
        titled = any(column.title for column in block.columns)
        table = RichTable(
            box=None, padding=(0, COLUMN_GAP, 0, 0), pad_edge=False, header_style="dim", show_header=titled
        )
        for column, breakable in zip(block.columns, _breakable(block, self.width), strict=True):
            table.add_column(
                self._header(column), justify=column.align, no_wrap=not breakable, overflow="fold", vertical="top"
            )
        for row in block.rows:
            table.add_row(*map(self.rich_text, row))
        return Padding(table, (0, 0, 0, INDENT))

    def _header(self, column: Column) -> RichText:
        title = f"{column.title}\n{column.unit}" if column.unit else column.title
        return self.rich_text(text(title))


def _breakable(table: Table, width: int) -> list[bool]:
    """Which columns may be broken into lines: flexible ones; on a narrow page names as well, and numbers last."""
    flexible = [column.flexible for column in table.columns]
    names = [column.flexible or column.align == "left" for column in table.columns]
    for breakable in (flexible, names):
        if _least_width(table, breakable) <= width:
            return breakable
    return [True] * len(table.columns)


def _least_width(table: Table, breakable: Sequence[bool]) -> int:
    """The characters that a line of ``table`` needs."""
    needed = INDENT + COLUMN_GAP * len(table.columns)
    for position, column in enumerate(table.columns):
        cells = [column.title, column.unit, *(words_of(row[position]) for row in table.rows)]
        needed += min(_LEAST_BROKEN, max(map(len, cells))) if breakable[position] else max(map(len, cells))
    return needed
