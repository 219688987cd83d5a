"""Folders of data: files of one kind, one after another in the order of their names, are one table."""

from __future__ import annotations

from pathlib import Path

from diffexplore.arguments import shown
from diffexplore.errors import UsageError
from diffexplore.inputs.sources import SUFFIXES, FileSource
from diffexplore.lists import listed


def files_in(folder: FileSource) -> list[FileSource]:
    """The files of data below a folder, by name; hidden ones and those that begin with an underscore are left out.

    Raises :class:`UsageError` where there are none, and for files of several kinds.
    """
    below = (path for path in folder.path.rglob("*") if _is_data(path.relative_to(folder.path)))
    paths = sorted(path for path in below if path.is_file())
    if not paths:
        raise UsageError(f"{folder}: the folder has no file of data: {listed(sorted(SUFFIXES), 'or')}")
    suffixes = sorted({path.suffix.lower() for path in paths})
    if len({SUFFIXES[suffix] for suffix in suffixes}) > 1:
        raise UsageError(f"{folder}: the folder has files of several kinds, {listed(suffixes)}: keep one of them")
    return [FileSource(path) for path in paths]


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "_")) for part in path.parts)


def misses_column(file: FileSource, name: str, first: FileSource) -> UsageError:
    """The error for a file without a column that the first one of its folder has."""
    return UsageError(f"{file}: no column {shown(name)}, which {first.path.name} has: the files of a folder are alike")
