"""What somebody's code raises, in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent


def in_one_line(name: str, error: BaseException) -> str:
    """``NAME raises ValueError: its message (file.py, line 3)``: the last line of the user's own files."""
    return f"{name} raises {type(error).__name__}: {_message(error)}{_where(error)}"


def first_line(error: BaseException) -> str:
    """The first line of its text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _message(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or "no message"


def _where(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _is_theirs(filename: str) -> bool:
    path = Path(filename)
    return "site-packages" not in path.parts and not path.is_relative_to(_HERE) and not filename.startswith("<frozen")
