"""What is kept between runs: small JSON files in the user's cache directory, which can always be made again.

A file that cannot be read, or holds something else, counts as empty; one that cannot be written is not written. Nothing
that is kept is executed.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: The environment variable that has nothing read and nothing kept, if it is set to anything.
SWITCH = "DIFFEXPLORE_NO_CACHE"

#: Bytes of a file beyond which it is none of ours.
_LARGEST = 2**20

_off = False


@contextmanager
def switched_off(off: bool = True) -> Iterator[None]:
    """In here nothing is read or kept, where ``off`` is true."""
    global _off
    before, _off = _off, _off or off
    try:
        yield
    finally:
        _off = before


def is_off() -> bool:
    """Whether nothing is read or kept."""
    return _off or bool(os.environ.get(SWITCH))


def folder() -> Path | None:
    """Where the files are, by the conventions of the platform; None where the user has no home with an absolute path.

    ``$XDG_CACHE_HOME`` where it is an absolute path, as the XDG Base Directory Specification has it, on any platform.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named / "diffexplore"
    try:
        if sys.platform == "win32":
            usual = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        else:
            usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    except RuntimeError:
        return None
    return usual / "diffexplore" if usual.is_absolute() else None


def read(name: str) -> dict[str, Any]:
    """What was kept as ``name``; empty where nothing was, or where it is not a readable file of this user's."""
    place = folder()
    if is_off() or place is None:
        return {}
    try:
        if not _is_own_file((place / name).stat()):
            return {}
        kept = json.loads((place / name).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def keep(name: str, content: Mapping[str, Any]) -> None:
    """Keeps ``content`` as ``name``, whole or not at all: other processes never see half of it."""
    place = folder()
    if is_off() or place is None:
        return
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(prefix=f".{name}.", dir=place)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            os.replace(written, place / name)
        except BaseException:
            os.unlink(written)
            raise


def _is_own_file(found: os.stat_result) -> bool:
    own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return own and stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST
