"""Texts that plotly shows as they are written: it reads a little HTML."""

from __future__ import annotations

import textwrap
from html import escape

#: Characters of a line in a legend; a narrow page has room for them.
_LINE = 36


def safe(words: str) -> str:
    """``words`` without any meaning to plotly."""
    return escape(words, quote=False)


def legend(name: str) -> str:
    """A name in lines that fit a legend."""
    return "<br>".join(map(safe, textwrap.wrap(name, _LINE))) or safe(name)
