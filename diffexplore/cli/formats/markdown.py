"""Markdown: to paste into an issue, or to keep beside the code."""

from __future__ import annotations

from diffexplore.cli.formats.record import COMMANDS, Format, Target
from diffexplore.cli.shown import Shown


def _make(shown: Shown, target: Target) -> str:
    from diffexplore.render.markdown import document, escaped

    return document(f"# {escaped(shown.title)}\n", shown.blocks())


FORMAT = Format("Markdown", COMMANDS, _make, "--markdown", (".md", ".markdown"))
