"""A page as one HTML document that holds all it needs: it opens from disk, and fetches nothing."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

from diffexplore import __version__
from diffexplore.pages.blocks import Pen
from diffexplore.pages.records import Fragment, Page, Section

#: Nothing may be fetched, from wherever; what runs and styles the page is in the page.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; "
    "form-action 'none'; base-uri 'none'"
)


def document(page: Page) -> str:
    """The HTML of ``page``. Plotly's script is in it once, and only where something uses it.

    Raises :class:`~diffexplore.errors.UsageError` where plotly is needed and not installed.
    """
    pen = Pen()
    shown = [section for section in page.sections if section.content]
    body = "\n".join(_section(section, pen) for section in shown)
    fragments = [part for section in shown for part in section.content if isinstance(part, Fragment)]
    styles = dict.fromkeys(fragment.style for fragment in fragments if fragment.style)
    scripts = [_script(script) for script in _scripts(fragments, pen)]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f'<meta name="generator" content="diffexplore {escape(__version__)}">',
            f"<title>{escape(page.title)} · diffexplore {escape(page.kind)}</title>",
            f"<style>\n{''.join((asset('page.css'), *styles))}</style>\n</head>",
            f'<body class="diffexplore" data-kind="{escape(page.kind)}">',
            _top(page, pen),
            _links(shown),
            f"<main>\n{body}\n</main>",
            f"<footer>{escape(page.footer)}</footer>",
            *scripts,
            "</body>\n</html>\n",
        ]
    )


def _top(page: Page, pen: Pen) -> str:
    kicker = f'<p class="kicker">diffexplore {escape(page.kind)}</p>'
    headline = "" if page.headline is None else pen.draw(page.headline)
    return f"<header>\n{kicker}\n<h1>{escape(page.title)}</h1>\n{headline}\n</header>"


def _links(sections: list[Section]) -> str:
    if len(sections) < 2:
        return ""
    links = "".join(f'<li><a href="#{escape(one.key)}">{escape(one.title)}</a></li>' for one in sections)
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def _section(section: Section, pen: Pen) -> str:
    lead = f'<p class="lead">{escape(section.lead)}</p>' if section.lead else ""
    title = f'<h2 id="{escape(section.key)}-title">{escape(section.title)}</h2>'
    inside = pen.draw_all(section.content)
    if section.folded:
        inside = f"<details><summary>{escape(section.folded)}</summary>\n{inside}\n</details>"
    return (
        f'<section id="{escape(section.key)}" aria-labelledby="{escape(section.key)}-title">\n'
        f"{title}\n{lead}\n{inside}\n</section>"
    )


def _scripts(fragments: list[Fragment], pen: Pen) -> list[str]:
    """Plotly first, then what draws the figures, then those of the fragments."""
    found = []
    if pen.figures or any(fragment.interactive for fragment in fragments):
        from diffexplore.figures.plotly import script

        found += [script(), asset("figures.js")]
    return found + [fragment.script for fragment in fragments if fragment.script]


def _script(text: str) -> str:
    """A script element; its text cannot end it."""
    inside = text.replace("</script", r"<\/script")
    return f"<script>\n{inside}\n</script>"


@cache
def asset(name: str) -> str:
    """A file that is part of every page."""
    return files("diffexplore.pages").joinpath("assets", name).read_text(encoding="utf-8")
