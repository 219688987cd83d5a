"""SARIF: problems for tools that read code, such as the code scanning of GitHub."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target
from diffexplore.cli.shown import Shown


def _make(shown: Shown, target: Target) -> str:
    from diffexplore.documents import to_json
    from diffexplore.render.sarif import to_sarif

    return to_json(to_sarif(tuple(shown.problems())), ascii=target.ascii)


FORMAT = Format("SARIF", ("report", "verify", "prove"), _make, "--sarif", (".sarif", ".sarif.json"))
