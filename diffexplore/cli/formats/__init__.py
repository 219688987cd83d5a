"""The forms in which results are written. A new one is a record in a file of this folder, and its name here."""

from __future__ import annotations

from diffexplore.cli.formats import figure
from diffexplore.cli.formats.documents import HTML, JSON, MARKDOWN, SARIF, TEXT
from diffexplore.cli.formats.languages import DOT, FIGURE, LATEX, PYTHON, SVG
from diffexplore.cli.formats.record import Format, suffix_of
from diffexplore.errors import UsageError
from diffexplore.lists import listed

__all__ = ["FORMATS", "Format", "by_suffix", "of_command"]

#: A file's format is the first one that has its suffix: SARIF before JSON, for .sarif.json.
FORMATS = (SARIF, JSON, MARKDOWN, HTML, SVG, DOT, FIGURE, figure.FORMAT, LATEX, PYTHON, TEXT)


def of_command(command: str) -> tuple[Format, ...]:
    """The formats that hold the results of a command."""
    return tuple(format for format in FORMATS if command in format.commands)


def by_suffix(command: str, place: str) -> Format:
    """The format of a file by its name; ``-`` is JSON. Raises UsageError for a suffix that no format has."""
    if place == "-":
        return JSON
    known = of_command(command)
    found = next((format for format in known if suffix_of(place, format.suffixes)), None)
    if found is None:
        suffixes = list(dict.fromkeys(suffix for format in known for suffix in format.suffixes))
        raise UsageError(f"-o writes by the suffix of the file: end it in {listed(suffixes, 'or')}, not {place!r}")
    return found
