"""The forms in which results are written. A new one is a file, and a line here."""

from __future__ import annotations

from diffexplore.cli.formats import drawings, figure, html, json, markdown, sarif, source, text
from diffexplore.cli.formats.record import Format, suffix_of
from diffexplore.errors import UsageError

__all__ = ["FORMATS", "Format", "by_suffix", "of_command"]

#: A file's format is the first one that has its suffix: SARIF before JSON, for .sarif.json.
FORMATS: tuple[Format, ...] = (
    sarif.FORMAT,
    json.FORMAT,
    markdown.FORMAT,
    html.FORMAT,
    drawings.SVG,
    drawings.DOT,
    figure.FORMAT,
    source.LATEX,
    source.PYTHON,
    text.FORMAT,
)


def of_command(command: str) -> tuple[Format, ...]:
    """The formats that hold the results of a command."""
    return tuple(format for format in FORMATS if command in format.commands)


def by_suffix(command: str, place: str) -> Format:
    """The format of a file by its name; ``-`` is JSON. Raises UsageError for a suffix that no format has."""
    if place == "-":
        return json.FORMAT
    known = of_command(command)
    found = next((format for format in known if suffix_of(place, format.suffixes)), None)
    if found is None:
        suffixes = list(dict.fromkeys(suffix for format in known for suffix in format.suffixes))
        listed = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise UsageError(f"-o writes by the suffix of the file: end it in {listed}, not {place!r}")
    return found
