"""Torch functions in files, on the command line: which of their arguments are parameters, and their shapes."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError
from diffexplore.inputs.functions import likely_parameters, split_arguments, which_are_parameters
from diffexplore.inputs.losses import is_program

if TYPE_CHECKING:
    from diffexplore.tracing.traced import Traced


def load(place: str) -> tuple[Any, tuple[str, ...]]:
    """The function that ``FILE.py:NAME`` means, for which the file is executed, and the names of its arguments."""
    from diffexplore.torch_code.calling import arguments_of
    from diffexplore.verifying.loading import load_candidate

    if not (is_program(place) or place.strip().endswith(".py")):
        raise UsageError(
            f"FILE.py:NAME should be a torch function in a file, such as mine.py:loss, not {place.strip()!r}"
        )
    with contextlib.redirect_stdout(sys.stderr):  # what the file prints is no part of the answer
        function = load_candidate(place.strip())
    if not callable(function):
        raise UsageError(f"{place.strip()} is not a function")
    return function, arguments_of(function)


def which_parameters(place: str, command: str, shapes: str | None) -> UsageError:
    """The question which arguments of a function are parameters, with a command that answers it."""
    function, arguments = load(place)
    likely = likely_parameters(arguments)
    call = [command, place.strip(), "--wrt", ",".join(likely), *(["--shapes", shapes] if shapes else [])]
    how = f"the others are data, one value for each sample: diffexplore {shlex.join(call)}"
    return which_are_parameters(function, arguments, how)


def trace_program(place: str, entries: Iterable[str], shapes: str | None) -> tuple[Traced, str | None]:
    """A function in a file as formulas, whether it is a loss of each sample or not, and its name.

    Arguments with one of ``entries`` are parameters. Raises UsageError for what cannot be loaded or traced, and for
    entries of no argument.
    """
    from diffexplore.tracing.trace import trace

    function, arguments = load(place)
    parameters, data = split_arguments(arguments, entries, shapes)
    traced = trace(function, parameters=parameters, data=data, backward=False)
    return traced, getattr(function, "__name__", None)
