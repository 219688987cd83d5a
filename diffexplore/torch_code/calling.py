"""What somebody's code raises: in one line, and whether it means that memory ran out."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from diffexplore.errors import UsageError

_HERE = Path(__file__).resolve().parent.parent


#: How torch's CPU allocator words it; for a GPU there is a class of errors.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library raised this because memory ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def in_one_line(name: str, error: BaseException) -> str:
    """``NAME raises ValueError: its message (file.py, line 3)``: the last line of the user's own files."""
    return f"{name} raises {type(error).__name__}: {_message(error)}{_where(error)}"


@contextmanager
def exits_refused(name: str = "the function") -> Iterator[None]:
    """A SystemExit of somebody's code becomes a UsageError: its exit code would look like a verdict.

    Only SystemExit itself: a subclass of it ends work whose budget is spent.
    """
    try:
        yield
    except SystemExit as error:
        if type(error) is not SystemExit:
            raise
        raise UsageError(in_one_line(name, error)) from error


def first_line(error: BaseException) -> str:
    """The first line of its text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _message(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or "no message"


def line_that_runs() -> str:
    """`` (file.py, line 3)``: the line of the user's own files that is being executed; empty where there is none."""
    return _line(traceback.extract_stack())


def _where(error: BaseException) -> str:
    return _line(traceback.extract_tb(error.__traceback__))


def _line(stack: traceback.StackSummary) -> str:
    frames = [frame for frame in stack if is_theirs(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def is_theirs(filename: str) -> bool:
    path = Path(filename)
    return "site-packages" not in path.parts and not path.is_relative_to(_HERE) and not filename.startswith("<frozen")
