"""A report in a terminal, drawn with rich."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text as RichText

from diffexplore.checking.records import Report
from diffexplore.figures.terminal import draw
from diffexplore.render.outline import HessianText, outline
from diffexplore.render.screen import LINES, SAVINGS, Command, failures_only, screen
from diffexplore.typography import speaks_mathematics, to_ascii
from diffexplore.writing import blocks as b

#: Characters that a column which may be broken is left with at least.
_LEAST_BROKEN = 6

_STYLES: dict[b.Tone, str] = {
    "plain": "",
    "strong": "bold",
    "quiet": "dim",
    "good": "green",
    "bad": "bold red",
    "doubt": "yellow",
}


#: How much of a report is shown: one screen, all tables, or the failing comparisons alone.
Detail = Literal["screen", "full", "failing"]


@dataclass(frozen=True)
class Drawing:
    """Blocks that rich can print; ``ascii`` None chooses by the encoding of the console, so that ∂ never crashes it."""

    blocks: tuple[b.Block, ...]
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

    def blocks(self, width: int | None = None, savings: int = 0) -> Iterable[b.Block]:
        """The blocks for a page of ``width`` characters where it has characters, and ``savings`` parts less."""
        given = {} if width is None else {"width": width}
        if self.detail == "failing":
            return failures_only(self.report)
        if self.detail == "full":
            return outline(self.report, hessian=self.hessian, **given)
        return screen(self.report, hessian=self.hessian, commands=self.commands, savings=savings, **given)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for savings in range(len(SAVINGS) + 1 if self.detail == "screen" else 1):
            drawn = list(_draw(self.blocks(options.max_width, savings), console, options, self.ascii))
            if drawn.count(Segment.line()) <= LINES:
                break
        yield from drawn


def plain_text(shown: RenderableType, width: int) -> str:
    """What a console of that width prints, without colour."""
    into = io.StringIO()
    # In a notebook, rich shows what is printed below the cell, whatever the file is, and leaves the file empty.
    console = Console(
        file=into, width=width, color_system=None, highlight=False, force_jupyter=False, legacy_windows=False
    )
    console.print(shown)
    return into.getvalue().rstrip("\n")


def _draw(
    blocks: Iterable[b.Block], console: Console, options: ConsoleOptions, ascii: bool | None
) -> Iterator[Segment]:
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

    def draw(self, block: b.Block) -> RenderableType:
        match block:
            case b.Headline():
                return self._hanging(block.word, block.tone, RichText(self.spell(block.sentence)), "  ")
            case b.Heading():
                return RichText.assemble((self.spell(block.title), "bold"), "  ", self.spell(block.aside))
            case b.FormulaList():
                return self._formulas(block)
            case b.Note():
                return self._note(block)
            case b.Table():
                return self._table(block)
            case b.Picture():
                lines = draw(block.figure, self.width, height=block.lines, ascii=self.ascii, dense=block.dense)
                return RichText("\n".join(lines), no_wrap=True)
            case b.Gap():
                return RichText("")

    def spell(self, words: str) -> str:
        return to_ascii(words) if self.ascii else words

    def rich_text(self, content: b.Text) -> RichText:
        return RichText.assemble(*((self.spell(span.text), _STYLES[span.tone]) for span in content))

    def _note(self, note: b.Note) -> RenderableType:
        content = self.rich_text(note.content)
        marker = {"·": "-"}.get(note.marker, note.marker) if self.ascii else note.marker
        return self._hanging(marker, "plain", content, " ") if marker else content

    def _hanging(self, marker: str, tone: b.Tone, content: RichText, gap: str) -> RenderableType:
        """``content`` behind ``marker``, its further lines indented as far."""
        grid = _grid()
        style = f"bold {_STYLES[tone]}" if tone != "plain" else ""
        grid.add_row(RichText(marker + gap, style=style), content)
        return grid

    def _formulas(self, block: b.FormulaList) -> RenderableType:
        """``label = expression   remark``; a remark that does not fit goes below its formula."""
        labels = [self.spell(formula.label) for formula in block.formulas]
        pad = max(map(len, labels))
        lines = _grid()
        for label, formula in zip(labels, block.formulas, strict=True):
            expression, remark = self.spell(formula.expression), self.spell(formula.remark)
            fits = pad + 5 + len(expression) + 3 + len(remark) <= self.width
            between = "   " if fits else "\n"
            body = RichText.assemble((expression, "bold"), (between + remark, "dim") if remark else "")
            lines.add_row(f"  {label.ljust(pad)} = ", body)
        return lines

    def _table(self, block: b.Table) -> RenderableType:
        titled = any(column.title for column in block.columns)
        table = RichTable(
            box=None, padding=(0, b.COLUMN_GAP, 0, 0), pad_edge=False, header_style="dim", show_header=titled
        )
        for column, breakable in zip(block.columns, _breakable(block, self.width), strict=True):
            table.add_column(
                self._header(column), justify=column.align, no_wrap=not breakable, overflow="fold", vertical="top"
            )
        for row in block.rows:
            table.add_row(*map(self.rich_text, row))
        return Padding(table, (0, 0, 0, b.INDENT))

    def _header(self, column: b.Column) -> RichText:
        return RichText(self.spell(f"{column.title}\n{column.unit}" if column.unit else column.title))


def _grid() -> RichTable:
    """What is never broken, and beside it what is."""
    grid = RichTable.grid(padding=0)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _breakable(table: b.Table, width: int) -> list[bool]:
    """Which columns may be broken into lines: flexible ones; on a narrow page names as well, and numbers last."""
    flexible = [column.flexible for column in table.columns]
    names = [column.flexible or column.align == "left" for column in table.columns]
    every = [True] * len(names)
    return next((some for some in (flexible, names) if _least_width(table, some) <= width), every)


def _least_width(table: b.Table, breakable: Sequence[bool]) -> int:
    """The characters that a line of ``table`` needs."""
    needed = b.INDENT + b.COLUMN_GAP * len(table.columns)
    for position, column in enumerate(table.columns):
        longest = max(map(len, (column.title, column.unit, *(b.words_of(row[position]) for row in table.rows))))
        needed += min(_LEAST_BROKEN, longest) if breakable[position] else longest
    return needed
