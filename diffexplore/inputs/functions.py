"""Torch functions as losses: which of their arguments are parameters, which are data, and their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError, unknown
from diffexplore.formula.names import is_likely_data
from diffexplore.inputs.names import Named
from diffexplore.inputs.wording import Wording
from diffexplore.suggestions import did_you_mean

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


def check_values(data: Sequence[str], named: Named, wording: Wording) -> None:
    """Raises :class:`UsageError` for symbols without a value: most likely they are parameters."""
    if named.columns is not None:
        _check_columns(data, named, wording)
    elif data and not named.has_data:
        raise UsageError(
            f"no value for {', '.join(data)}: name parameters in {wording.at(data[:1])}, "
            f"and give data with {wording.data}"
        )


def arguments_of_function(function: Any) -> tuple[str, ...]:
    """The names of the arguments of a torch function, a module or an autograd Function."""
    from diffexplore.torch_code.calling import arguments_of

    return arguments_of(function)


def is_function(given: Any) -> bool:
    """Whether something that stands for a loss is a torch function."""
    if isinstance(given, str):
        return False
    import sympy

    return not isinstance(given, sympy.Basic) and callable(given)


def function_with_values(
    function: Any, named: Named, wording: Wording, shapes: str | None, number: str = "1"
) -> tuple[list[str], list[str]]:
    """The parameters and the data of a function that is to be evaluated, each declared with its shape.

    Raises :class:`UsageError` where no point says which are parameters (``number`` stands in the example of one), and
    for data without values.
    """
    arguments = arguments_of_function(function)
    if not named.points and not named.wrt:
        likely = wording.at(likely_parameters(arguments), number)
        raise which_are_parameters(function, arguments, f"give a point, as in {likely}: the others are data")
    parameters, data = split_arguments(arguments, named.points, shapes)
    check_values([name for name in data if name.isidentifier()], named, wording)
    return parameters, data


def _check_columns(data: Sequence[str], named: Named, wording: Wording) -> None:
    columns = named.columns or ()
    missing = [name for name in data if name not in columns]
    if not missing:
        return
    verb = "is not a column" if len(missing) == 1 else "are not columns"
    near = did_you_mean(missing[0], [name for name in columns if name not in data]) if len(missing) == 1 else ""
    point = wording.at((*named.points, *missing))
    mapped = _mapped(missing, [name for name in columns if name not in data], named, wording)
    hint = near or f"give {mapped or point} (the columns are {', '.join(columns)})"
    raise UsageError(f"{', '.join(missing)} {verb} of {named.origin}: {hint}")


def _mapped(missing: Sequence[str], free: Sequence[str], named: Named, wording: Wording) -> str | None:
    """How the names of columns are given for symbols that most people call data; None where there is no such way."""
    likely = [name for name in missing if is_likely_data(name)]
    if wording.columns is None or not likely or len(free) < len(likely):
        return None
    others = [name for name in missing if name not in likely]
    columns = wording.columns.format(",".join(f"{name}=…" for name in likely))
    return f"{columns} and {wording.at((*named.points, *others))}" if others else columns
