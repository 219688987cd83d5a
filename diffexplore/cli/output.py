"""Where output goes: consoles, and files that are known to be writable before the long work begins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def console_on(stream: Any, *, no_color: bool = False) -> Console:
    """A console that colours nothing by itself, and lets a broken pipe be handled where the others are."""
    from rich.console import Console

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PlainConsole(file=stream, no_color=no_color or None, highlight=False, emoji=False, markup=False)


def emit(text: str) -> None:
    """Print ``text``; a character that standard output cannot take becomes its escape."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


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
    """Write ``text`` as UTF-8; raises UsageError where the file cannot be written after all."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
