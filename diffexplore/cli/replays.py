"""Files that hold what was verified, to run it again."""

from __future__ import annotations

import sys
from pathlib import Path

from diffexplore.cli.output import STDOUT, write
from diffexplore.errors import UsageError


def replay_file(path: Path | None) -> Path | None:
    """Where it is to be written; standard output is for the report."""
    if str(path) == STDOUT:
        raise UsageError("--replay takes the name of a file: standard output is for the report")
    return path


def write_replay(text: str, path: Path) -> None:
    """How large the file is depends on the data."""
    write(path, text + "\n")
    size = _size(path.stat().st_size)
    print(f"wrote {path} ({size}): diffexplore verify --replay {path}", file=sys.stderr)


def _size(count: int) -> str:
    """``812 bytes``, ``4.1 kB``, ``44 MB``."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f} {unit}"
    return f"{count} bytes"
