"""Plotly's JavaScript, which its Python package brings along: pages carry it, so that they need no network."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from diffexplore.errors import UsageError


@cache
def script() -> str:
    """The library in one piece, without importing the package.

    Raises :class:`UsageError` with the command that installs it where it is missing.
    """
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise UsageError("pages with figures need plotly: python -m pip install plotly")
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
