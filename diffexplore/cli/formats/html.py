"""HTML: one page that holds all it needs."""

from __future__ import annotations

from diffexplore.cli.formats.record import COMMANDS, Format, Target
from diffexplore.cli.shown import Shown


def _make(shown: Shown, target: Target) -> str:
    from diffexplore.pages import to_page

    return to_page(shown.page_kind or target.command, shown.subject)


FORMAT = Format("one page of HTML", COMMANDS, _make, "--html", (".html", ".htm"))
