"""What a command writes of its report, and where: files, and one kind of text on standard output."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore.check.records import Report
from diffexplore.cli.output import STDOUT, check_places, console_on, deliver, deliver_json
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.report.outline import HessianText


@dataclass(frozen=True)
class Outputs:
    """What to write, and where: ``json`` and ``markdown`` are files, or ``-`` for standard output."""

    all_rows: bool
    json: str | None
    markdown: str | None
    quiet: bool
    no_color: bool
    ascii: bool
    replay: Path | None = None

    @property
    def machine_reads_stdout(self) -> bool:
        """Whether standard output is for a program, and so holds nothing for people."""
        return self.all_rows or STDOUT in (self.json, self.markdown)


def check_outputs(outputs: Outputs) -> None:
    """Raises UsageError where something cannot be written, before the long work begins."""
    if str(outputs.replay) == STDOUT:
        raise UsageError("--replay takes the name of a file: standard output is for the report")
    rows_all = {"rows all": STDOUT} if outputs.all_rows else {}
    check_places(**rows_all, json=outputs.json, markdown=outputs.markdown, replay=outputs.replay)


def write_outputs(result: Report, outputs: Outputs, hessian: HessianText | None = None) -> None:
    """The report as JSON and as Markdown, where the options say so; else as a page or its verdict line.

    Nothing for people is printed where standard output is for a program.
    """
    if outputs.json is not None:
        deliver_json(result, outputs.json)
    if outputs.markdown is not None:
        from diffexplore.report.markdown import to_markdown

        deliver(to_markdown(result, hessian), outputs.markdown)
    if not outputs.machine_reads_stdout:
        _print(result, outputs, hessian)


def _print(result: Report, outputs: Outputs, hessian: HessianText | None) -> None:
    from diffexplore.report.terminal import Drawing, Page
    from diffexplore.report.verdict import headline

    console = console_on(sys.stdout, no_color=outputs.no_color)
    ascii = outputs.ascii or None
    console.print(Drawing((headline(result),), ascii) if outputs.quiet else Page(result, hessian, ascii))
