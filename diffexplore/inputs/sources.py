"""Where the bytes of a data file come from: a file on disk, or standard input, which is kept until it was read."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Protocol

from diffexplore.arguments import shown
from diffexplore.errors import UsageError
from diffexplore.lists import listed

#: How files of other kinds than text begin.
_MAGIC = {b"PK\x03\x04": "npz", b"\x93NUM": "npy", b"PAR1": "parquet"}

#: The kinds of files that are read, by their suffixes; ``.tsv`` is text like ``.csv``.
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".npz": "npz", ".npy": "npy", ".parquet": "parquet", ".pq": "parquet"}

FOLDER = "folder"
"""The kind of a folder of such files."""


class Source(Protocol):
    """Something with bytes; ``str()`` is what messages call it."""

    @property
    def kind(self) -> str:
        """``csv``, ``npz``, ``npy``, ``parquet`` or ``folder``; raises :class:`UsageError` for what is none of them."""
        ...

    def open(self) -> BinaryIO:
        """The bytes from the first on; may be called again. Raises OSError."""
        ...


class FileSource:
    """A file on disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        """The name as it is, or quoted and cut where it would break a line."""
        text = str(self.path)
        return text if text.isprintable() and len(text) <= 200 else shown(text)

    @property
    def kind(self) -> str:
        suffix = self.path.suffix.lower()
        if os.path.isdir(self.path):
            return FOLDER
        if suffix not in SUFFIXES:
            raise UsageError(f"{self}: data is read from {listed([*SUFFIXES], 'or')} files, and folders of them")
        if not str(self.path).isprintable():
            raise UsageError(f"{self}: the name of a file of data has printable characters only")
        return SUFFIXES[suffix]

    def open(self) -> BinaryIO:
        return self.path.open("rb")


class StandardInput:
    """All of standard input, read once, to a file without a name: its header is read before its numbers are."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open until the process ends
        shutil.copyfileobj(sys.stdin.buffer, self._file)
        self._file.flush()

    def __str__(self) -> str:
        return "standard input"

    @property
    def kind(self) -> str:
        with self.open() as file:
            return _MAGIC.get(file.read(4), "csv")

    def open(self) -> BinaryIO:
        file = os.fdopen(os.dup(self._file.fileno()), "rb")
        file.seek(0)
        return file


def source_of(path: str | os.PathLike[str] | Source) -> Source:
    """A path as a source; a source as it is."""
    return FileSource(path) if isinstance(path, (str, os.PathLike)) else path
