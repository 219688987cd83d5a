"""Pages: a result as one self-contained HTML document, to be looked at.

A page is data first: sections of blocks, as everywhere, and fragments of HTML (:mod:`diffexplore.pages.records`).
:mod:`diffexplore.pages.sections` says which sections the page of a command has; :mod:`diffexplore.pages.document` draws
them. Formulas are MathML, graphs SVG; plotly's script is in a page only where it has figures.
"""

from __future__ import annotations

from diffexplore.pages.records import Subject

__all__ = ["Subject", "to_page"]


def to_page(kind: str, subject: Subject) -> str:
    """The HTML document of the command ``kind`` about ``subject``.

    Raises :class:`~diffexplore.errors.UsageError` where plotly is needed and not installed.
    """
    from diffexplore.pages.document import document
    from diffexplore.pages.sections import page

    return document(page(kind, subject))
