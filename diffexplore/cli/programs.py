"""Torch functions in files, on the command line: which of their arguments are parameters, and their shapes."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.loss import Loss
    from diffexplore.tracing.declarations import Array
    from diffexplore.tracing.trace import Traced

_PROGRAM = re.compile(r".*\.py:[^\W\d]\w*", re.DOTALL)


def is_program(text: str) -> bool:
    """Whether LOSS means a function in a file."""
    return _PROGRAM.fullmatch(text.strip()) is not None


def load(place: str) -> tuple[Any, tuple[str, ...]]:
    """The function that ``FILE.py:NAME`` means, for which the file is executed, and the names of its arguments."""
    from diffexplore.proving.programs import arguments_of
    from diffexplore.verify.loading import load_candidate

    if not (is_program(place) or place.strip().endswith(".py")):
        raise UsageError(
            f"FILE.py:NAME should be a torch function in a file, such as mine.py:loss, not {place.strip()!r}"
        )
    with contextlib.redirect_stdout(sys.stderr):  # what the file prints is no part of the answer
        function = load_candidate(place.strip())
    if not callable(function):
        raise UsageError(f"{place.strip()} is not a function")
    return function, arguments_of(function)


def declared(names: Iterable[str], shapes: str | None, arguments: Sequence[str]) -> list[str]:
    """The arguments ``names`` with their shapes, as in ``["w[3]", "b"]``; what has none given is a scalar."""
    from diffexplore.tracing.declarations import declare

    given = {array.name: array.text for array in declare(shapes or "")}
    for name in given:
        if name not in arguments:
            raise unknown("argument in --shapes:", name, arguments)
    return [given.get(name, name) for name in names]


def entries_of(names: Iterable[str], arrays: Sequence[Array]) -> tuple[str, ...]:
    """Symbols by name; those of all entries for the name of an argument."""
    entries = {array.name: [symbol.name for symbol in array.symbols] for array in arrays}
    return tuple(dict.fromkeys(symbol for name in names for symbol in entries.get(name, [name])))


#: Names that mean data to most people.
_DATA = frozenset("x y z t X Y data input inputs target targets label labels mask".split())


def which_parameters(place: str, command: str, shapes: str | None) -> UsageError:
    """The question which arguments of a function are parameters, with a command that answers it.

    That all of them were would be a guess: then there are no samples, and a mean over them is lost.
    """
    _, arguments = load(place)
    likely = [name for name in arguments if name not in _DATA] or list(arguments[:1])
    call = [command, place.strip(), "--wrt", ",".join(likely), *(["--shapes", shapes] if shapes else [])]
    listed = ", ".join(arguments) or "none"
    return UsageError(
        f"which arguments are parameters? Those of {place.rpartition(':')[2].strip()} are {listed}; the others are "
        f"data, one value for each sample: diffexplore {shlex.join(call)}"
    )


def loss_of_program(
    place: str, entries: Iterable[str], shapes: str | None, known: Callable[[Sequence[str]], None] = lambda names: None
) -> Loss:
    """The loss that a function in a file computes. Arguments with one of ``entries`` are parameters.

    ``known`` hears the names of the other arguments, but for those with shapes, before the function is called: one
    that is left out of the data would be taken for a number of each sample.

    Raises UsageError for what cannot be loaded or traced, and for entries of no argument.
    """
    from diffexplore.loss import Loss

    function, parameters, data = _declared_by(place, entries, shapes)
    known([name for name in data if name.isidentifier()])
    return Loss.from_torch(function, parameters=parameters, data=data, name=getattr(function, "__name__", None))


def trace_program(place: str, entries: Iterable[str], shapes: str | None) -> tuple[Traced, str | None]:
    """A function in a file as formulas, whether it is a loss of each sample or not, and its name; as above."""
    from diffexplore.tracing import trace

    function, parameters, data = _declared_by(place, entries, shapes)
    traced = trace(function, parameters=parameters, data=data, backward=False)
    return traced, getattr(function, "__name__", None)


def _declared_by(place: str, entries: Iterable[str], shapes: str | None) -> tuple[Any, list[str], list[str]]:
    """A function, and its parameters and data with their shapes."""
    from diffexplore.tracing.declarations import declare

    function, arguments = load(place)
    arrays = {array.name: array for array in declare(declared(arguments, shapes, arguments))}
    owner = {symbol.name: name for name, array in arrays.items() for symbol in array.symbols}
    owner |= {name: name for name in arrays}
    entries = tuple(entries)
    for entry in entries:
        if entry not in owner:
            raise unknown("symbol", entry, [name for name in owner if name not in arrays or not arrays[name].shape])
    parameters = {owner[entry] for entry in entries}
    return (
        function,
        [array.text for name, array in arrays.items() if name in parameters],
        [array.text for name, array in arrays.items() if name not in parameters],
    )
