"""Plain text: what a terminal of 100 columns shows, without colour."""

from __future__ import annotations

from diffexplore.cli.formats.record import COMMANDS, Format, Target
from diffexplore.cli.shown import Shown

_WIDTH = 100


def _make(shown: Shown, target: Target) -> str:
    from diffexplore.render.terminal import Drawing, plain_text

    page = shown.page(target.ascii) if shown.page is not None else Drawing(tuple(shown.blocks()), target.ascii)
    return plain_text(page, _WIDTH)


FORMAT = Format("plain text", COMMANDS, _make, suffixes=(".txt",))
