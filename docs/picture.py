"""Draws the pictures of what diffexplore shows: ``python docs/picture.py``.

docs/images/report.svg is what ``diffexplore report`` prints, computed and drawn by the same code as in a terminal.
docs/images/graph.svg is what ``diffexplore graph graph_sum --svg`` writes.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import diffexplore as dx
from diffexplore.cli.next_steps import after_report
from diffexplore.cli.report import CheckRequest
from diffexplore.graphing import graph_of, to_svg
from diffexplore.render.terminal import ReportPage

PICTURE = Path(__file__).parent / "images" / "report.svg"
GRAPH = PICTURE.with_name("graph.svg")
WIDTH = 80
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

#: Dark letters on a white page; green, red and yellow dark enough to be read there.
PAPER = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [(31, 35, 40), (180, 30, 30), (26, 127, 55), (154, 103, 0), (9, 105, 218), (130, 80, 223), (27, 124, 131),
     (110, 119, 129)],
)  # fmt: skip


def main() -> None:
    """Runs the default report on the CPU and writes the pictures."""
    commands = tuple(after_report(CheckRequest("perpendicular")))
    page = ReportPage(dx.check("perpendicular", device="cpu"), commands=commands)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text("$ diffexplore report", style="bold"))
    console.print(page)
    svg = console.export_svg(title="diffexplore report", theme=PAPER)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(_settled(svg), encoding="utf-8")
    GRAPH.write_text(to_svg(graph_of("graph_sum")), encoding="utf-8")
    for path in (PICTURE, GRAPH):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def _settled(svg: str) -> str:
    """The picture without a font from the network, framed for a white page, with names that no run changes."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    svg = svg.replace("rgba(255,255,255,0.35)", "#d0d7de")
    return re.sub(r"terminal-\d+", "report", svg)


if __name__ == "__main__":
    main()
