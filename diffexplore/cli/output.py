"""Where output goes: consoles, standard output, and files that are known to be writable before the long work begins."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffexplore.cli import launched
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

STDOUT = "-"
"""What stands for standard output in the place of a file."""


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


def check_places(places: Sequence[tuple[str, str]]) -> None:
    """Raises UsageError where two options take standard output or one file, and where a file cannot be written.

    ``places`` has options, as they are typed, with a file or ``-`` each. This comes before the long work.
    """
    taken: dict[str, str] = {}
    for option, place in places:
        known = place if place == STDOUT else str(Path(place).absolute())
        if known in taken:
            first, second = (_spoken(name, place) for name in (taken[known], option))
            if place == STDOUT:
                raise UsageError(f"{first} and {second} both take standard output: give one of them a file")
            raise UsageError(f"{first} and {second} would write the same file: give one of them another name")
        taken[known] = option
    for _, place in places:
        if place != STDOUT:
            check_writable(Path(place))


def _spoken(option: str, place: str) -> str:
    """An option with its place, as it was typed; one that has a value besides says that itself."""
    return option if " " in option else f"{option} {place}"


def check_writable(path: Path) -> None:
    """Raise UsageError unless a file can be written at ``path``; leaves what is there as it is."""
    existed = os.path.exists(path)
    if existed and not os.path.isfile(path) and not os.path.isdir(path):
        return  # a device or a pipe: opening it would already be writing
    if not launched.speaks():
        return
    try:
        path.open("a").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def write(path: Path, content: str | bytes) -> None:
    """Write ``content``, text as UTF-8, all of it or nothing: readers never see half a file.

    Raises UsageError where the file cannot be written after all.
    """
    whole = content.encode("utf-8") if isinstance(content, str) else content
    if not launched.speaks():
        return
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            path.write_bytes(whole)  # a device or a pipe, which cannot be replaced
        else:
            _replace(path.resolve(), whole)  # resolved: a link stays a link
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _replace(path: Path, content: bytes) -> None:
    """Put a new file in the place of ``path``, with the permissions of the old one, or those of any new file."""
    mode = path.stat().st_mode & 0o7777 if os.path.exists(path) else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
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
