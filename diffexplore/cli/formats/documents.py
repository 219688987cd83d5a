"""Documents: JSON, SARIF, Markdown, HTML and plain text."""

from __future__ import annotations

from diffexplore.cli.formats.record import COMMANDS, Format, Target
from diffexplore.cli.shown import Shown

#: Characters in a line of plain text.
_WIDTH = 100


def _json(shown: Shown, target: Target) -> str:
    from diffexplore.documents import to_json

    return to_json(shown.document(), ascii=target.ascii)


def _sarif(shown: Shown, target: Target) -> str:
    from diffexplore.documents import to_json
    from diffexplore.render.problems import to_sarif

    return to_json(to_sarif(tuple(shown.problems())), ascii=target.ascii)


def _markdown(shown: Shown, target: Target) -> str:
    from diffexplore.render.markdown import document, escaped

    return document(f"# {escaped(shown.title)}\n", shown.blocks())


def _html(shown: Shown, target: Target) -> str:
    from diffexplore.pages import to_page

    return to_page(shown.page_kind or target.command, shown.subject)


def _text(shown: Shown, target: Target) -> str:
    from diffexplore.render.terminal import plain_text

    return plain_text(shown.printed(target.ascii), _WIDTH)


JSON = Format("JSON", COMMANDS, _json, "--json", (".json",))
SARIF = Format("SARIF", ("report", "verify", "prove"), _sarif, "--sarif", (".sarif", ".sarif.json"))
MARKDOWN = Format("Markdown", COMMANDS, _markdown, "--markdown", (".md", ".markdown"))
HTML = Format("one page of HTML", COMMANDS, _html, "--html", (".html", ".htm"))
TEXT = Format("plain text", COMMANDS, _text, suffixes=(".txt",))
