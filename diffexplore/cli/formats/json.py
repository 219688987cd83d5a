"""JSON: the document that the schema describes."""

from __future__ import annotations

from diffexplore.cli.formats.record import COMMANDS, Format, Target
from diffexplore.cli.shown import Shown


def _make(shown: Shown, target: Target) -> str:
    from diffexplore.documents import to_json

    return to_json(shown.document(), ascii=target.ascii)


FORMAT = Format("JSON", COMMANDS, _make, "--json", (".json",))
