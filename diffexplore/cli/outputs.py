"""What a command writes of its report, and where: files, and one kind of text on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore.check.records import Report
from diffexplore.cli.output import STDOUT, check_places, console_on, deliver, deliver_json
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.report.outline import HessianText
    from diffexplore.report.screen import Command


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
    full: bool = False
    only_failing: bool = False

    @property
    def machine_reads_stdout(self) -> bool:
        """Whether standard output is for a program, and so holds nothing for people."""
        return self.all_rows or STDOUT in (self.json, self.markdown)


def check_outputs(outputs: Outputs) -> None:
    """Raises UsageError where something cannot be written, before the long work begins."""
    if str(outputs.replay) == STDOUT:
        raise UsageError("--replay takes the name of a file: standard output is for the report")
    if outputs.full and outputs.only_failing:
        raise UsageError("--full shows everything, --only-failing the failing comparisons: give one of them")
    rows_all = {"rows all": STDOUT} if outputs.all_rows else {}
    check_places(**rows_all, json=outputs.json, markdown=outputs.markdown, replay=outputs.replay)


def write_outputs(
    result: Report, outputs: Outputs, hessian: HessianText | None = None, commands: Sequence[Command] = ()
) -> None:
    """The report as JSON and as Markdown, where the options say so; else as a page or its verdict line.

    ``commands`` are what may be run next. Nothing for people is printed where standard output is for a program.
    """
    if outputs.json is not None:
        deliver_json(result, outputs.json)
    if outputs.markdown is not None:
        from diffexplore.report.markdown import to_markdown

        deliver(to_markdown(result, hessian, full=outputs.full), outputs.markdown)
    if not outputs.machine_reads_stdout:
        _print(result, outputs, hessian, tuple(commands))


def _print(result: Report, outputs: Outputs, hessian: HessianText | None, commands: tuple[Command, ...]) -> None:
    from diffexplore.report.screen import failures_only
    from diffexplore.report.terminal import Drawing, Page
    from diffexplore.report.verdict import headline

    ascii, page = outputs.ascii or None, None
    if outputs.quiet:
        page = Drawing((headline(result),), ascii)
    elif outputs.only_failing:
        page = Drawing(tuple(failures_only(result)), ascii)
    console_on(sys.stdout, no_color=outputs.no_color).print(
        page or Page(result, hessian, ascii, full=outputs.full, commands=commands)
    )
