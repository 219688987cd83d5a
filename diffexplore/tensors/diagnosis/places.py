"""Where in the user's code an operation comes from, to the expression."""

from __future__ import annotations

import itertools
import linecache
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from diffexplore.torch_code.calling import is_theirs

#: So many characters of an expression are shown.
_WIDTH = 60


@dataclass(frozen=True)
class SourceLine:
    """An expression of the user's: its text, the name of its file, and its line; all of them empty where unknown."""

    text: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"`{self.text}`, {self.file}:{self.line}" if self.text else "an unknown line"


def place_that_runs() -> SourceLine:
    """The innermost expression of the user's own files that is being evaluated."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_theirs(frame.f_code.co_filename):
        frame = frame.f_back
    return SourceLine() if frame is None else _place(frame)


def _place(frame: FrameType) -> SourceLine:
    code = frame.f_code
    found = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None))
    first, last, start, end = found
    line = first or frame.f_lineno
    text = ""
    if first is not None and last is not None and start is not None and end is not None:
        lines = [linecache.getline(code.co_filename, number) for number in range(first, last + 1)]
        if all(lines):
            # Positions count bytes.
            raw = [one.encode() for one in lines]
            raw[-1] = raw[-1][:end]
            raw[0] = raw[0][start:]
            text = " ".join(b"".join(raw).decode(errors="replace").split())
    text = text or linecache.getline(code.co_filename, line).strip()
    return SourceLine(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…", Path(code.co_filename).name, line)
