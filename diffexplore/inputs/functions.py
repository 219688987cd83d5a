"""Torch functions as losses: which of their arguments are parameters, which are data, and their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError, unknown
from diffexplore.formula.names import is_likely_data

if TYPE_CHECKING:
    from diffexplore.tracing.declarations import Array


def called(function: Any) -> str | None:
    """The name of a function; None where it has none of its own."""
    name = getattr(function, "__name__", None)
    return None if name in (None, "<lambda>", "apply") else str(name)


def declared(names: Iterable[str], shapes: str | None, arguments: Sequence[str]) -> list[str]:
    """The arguments ``names`` with their shapes, as in ``["w[3]", "b"]``; what has none given is a scalar.

    Raises UsageError for shapes of what is no argument.
    """
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


def split_arguments(
    arguments: Sequence[str], parameters: Iterable[str], shapes: str | None
) -> tuple[list[str], list[str]]:
    """The arguments with one of the symbols ``parameters``, and the others, both declared with their shapes.

    Raises UsageError for symbols that are entries of no argument.
    """
    from diffexplore.tracing.declarations import declare

    arrays = {array.name: array for array in declare(declared(arguments, shapes, arguments))}
    owner = {symbol.name: name for name, array in arrays.items() for symbol in array.symbols}
    owner |= {name: name for name in arrays}
    entries = tuple(parameters)
    for entry in entries:
        if entry not in owner:
            raise unknown("symbol", entry, [name for name in owner if name not in arrays or not arrays[name].shape])
    chosen = {owner[entry] for entry in entries}
    return (
        [array.text for name, array in arrays.items() if name in chosen],
        [array.text for name, array in arrays.items() if name not in chosen],
    )


def likely_parameters(arguments: Sequence[str]) -> list[str]:
    """The arguments that most people would call parameters; an example for a message, not an answer."""
    return [name for name in arguments if not is_likely_data(name)] or list(arguments[:1])


def which_are_parameters(function: Any, arguments: Sequence[str], how: str) -> UsageError:
    """The question which arguments of a function are parameters; ``how`` says how to answer it.

    That all of them were would be a guess: then there are no samples, and a mean over them is lost.
    """
    name, listed = called(function) or "the function", ", ".join(arguments) or "none"
    return UsageError(f"which arguments are parameters? Those of {name} are {listed}; {how}")
