"""What a command writes of its report, and where: files, and one kind of text on standard output."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore.check.records import Report
from diffexplore.cli.output import check_writable, console_on, write
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.report.outline import HessianText


@dataclass(frozen=True)
class Outputs:
    """What to write, and where."""

    all_rows: bool
    json: str | None
    markdown: Path | None
    quiet: bool
    no_color: bool
    ascii: bool
    replay: Path | None = None

    @property
    def machine_reads_stdout(self) -> bool:
        """Whether standard output is for a program, and so holds nothing for people."""
        return self.all_rows or self.json == "-"

    @property
    def files(self) -> list[Path]:
        """The files to write."""
        paths = [self.markdown, self.replay, Path(self.json) if self.json not in (None, "-") and self.json else None]
        return [path for path in paths if path is not None]


def check_outputs(outputs: Outputs) -> None:
    """Raises UsageError where something cannot be written, before the long work begins."""
    if outputs.all_rows and outputs.json == "-":
        raise UsageError("--rows all and --json - both take standard output: give --json a file")
    for path in outputs.files:
        check_writable(path)


def write_files(result: Report, outputs: Outputs, hessian: HessianText | None = None) -> None:
    """The report as JSON and as Markdown, where they are asked for."""
    from diffexplore.report.markdown import to_markdown

    if outputs.json not in (None, "-"):
        write(Path(str(outputs.json)), result.to_json() + "\n")
    if outputs.markdown is not None:
        write(outputs.markdown, to_markdown(result, hessian))


def print_report(result: Report, outputs: Outputs, hessian: HessianText | None = None) -> None:
    """The page, its verdict line, or the JSON document; nothing where the rows have been printed."""
    from diffexplore.report.documents import write_json
    from diffexplore.report.terminal import Drawing, Page
    from diffexplore.report.verdict import headline

    if outputs.json == "-":
        write_json(result, sys.stdout)
    elif not outputs.machine_reads_stdout:
        console = console_on(sys.stdout, no_color=outputs.no_color)
        ascii = outputs.ascii or None
        console.print(Drawing((headline(result),), ascii) if outputs.quiet else Page(result, hessian, ascii))
