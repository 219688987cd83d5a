"""Where output goes: consoles, standard output, and files that are known to be writable before the long work begins."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from diffexplore.documents import to_json
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

STDOUT = "-"
"""What stands for standard output in the place of a file."""


class Documented(Protocol):
    """What has a JSON document: a report, a proof, an audit or a graph."""

    def to_dict(self) -> dict[str, Any]: ...


def console_on(stream: Any, *, no_color: bool = False) -> Console:
    """A console that colours nothing by itself, and lets a broken pipe be handled where the others are."""
    from rich.console import Console

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PlainConsole(file=stream, no_color=no_color or None, highlight=False, emoji=False, markup=False)


def emit(text: str, escape: str = "backslashreplace") -> None:
    """Print ``text`` at once; a character that standard output cannot take becomes its escape (an error of codecs)."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.rstrip("\n").encode(encoding, escape).decode(encoding) + "\n")


def check_places(**places: str | Path | None) -> bool:
    """Whether an option, of those with a file each, takes standard output; by that nothing else is printed there.

    Raises UsageError where two do, and where a file cannot be written: before the long work begins.
    """
    taken = [name.replace("_", " ") for name, place in places.items() if str(place) == STDOUT]
    if len(taken) > 1:
        first, second = (f"--{name}{'' if ' ' in name else ' -'}" for name in taken[:2])
        raise UsageError(f"{first} and {second} both take standard output: give one of them a file")
    for place in places.values():
        if place is not None and str(place) != STDOUT:
            check_writable(Path(place))
    return bool(taken)


def deliver(text: str, place: str | Path, escape: str = "xmlcharrefreplace") -> None:
    """A whole text to a file, or to standard output for ``-``."""
    if str(place) == STDOUT:
        emit(text, escape)
    else:
        write(Path(place), text.rstrip("\n") + "\n")


def deliver_json(found: Documented | Mapping[str, Any], place: str) -> None:
    """A document to a file or to standard output: escapes only where standard output cannot take all characters."""
    document = found if isinstance(found, Mapping) else found.to_dict()
    portable = place == STDOUT and not (sys.stdout.encoding or "ascii").lower().startswith("utf")
    deliver(to_json(document, ascii=portable), place)


def check_writable(path: Path) -> None:
    """Raise UsageError unless a file can be written at ``path``; leaves what is there as it is."""
    existed = path.exists()
    if existed and not path.is_file() and not path.is_dir():
        return  # a device or a pipe: opening it would already be writing
    try:
        path.open("a").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def write(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, all of it or nothing: readers never see half a file.

    Raises UsageError where the file cannot be written after all.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a device or a pipe, which cannot be replaced
        else:
            _replace(path.resolve(), text)  # resolved: a link stays a link
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _replace(path: Path, text: str) -> None:
    """Put a new file in the place of ``path``, with the permissions of the old one, or those of any new file."""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """The permissions that new files lack; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
