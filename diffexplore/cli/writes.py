"""Gives a command the options of all formats that hold its results, as one record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

from diffexplore.caching import switched_off
from diffexplore.cli.formats import Format, by_suffix, of_command
from diffexplore.cli.formats.documents import SARIF
from diffexplore.cli.options import Ascii, Debug, FirstLine, GitHub, NoCache, NoColor
from diffexplore.cli.options import output as option
from diffexplore.cli.outputs import Outputs

_OUTPUT = "output"
_SWITCHES: Mapping[str, Any] = {"quiet": FirstLine, "no_color": NoColor, "ascii": Ascii, "debug": Debug}

#: The commands that try how exactly torch computes, and keep what they found of it.
_TRYING = ("report", "verify")


def writes(command: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorates the function of ``command``, whose last parameter is ``outputs``: an :class:`Outputs`.

    The options of that parameter stand at the end of the command's own. What cannot be written is refused before the
    function is called.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        options = _options(command)
        own = inspect.signature(function, eval_str=True).parameters
        assert list(own)[-1] == "outputs", f"{command} takes its outputs last"

        @wraps(function)
        def run(**given: Any) -> int:
            chosen = {name: given.pop(name) for name in options}
            outputs = _outputs(command, chosen)
            outputs.check()
            with switched_off(chosen.get("no_cache", False)):
                return function(**given, outputs=outputs)

        every = {name: (parameter.annotation, parameter.default) for name, parameter in own.items()} | options
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, (annotation, default) in every.items()
            if name != "outputs"
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def output_parameters(command: str) -> frozenset[str]:
    """The names of the parameters that :func:`writes` gives to a command."""
    return frozenset(_options(command))


def _options(command: str) -> dict[str, tuple[Any, Any]]:
    """The annotation and the default of each parameter."""
    formats = of_command(command)
    suffixes = " ".join(dict.fromkeys(suffix for format in formats for suffix in format.suffixes))
    help = f"Write FILE by its suffix: {suffixes}. Repeat for more. - writes JSON and prints nothing else."
    output = Annotated[list[str] | None, option("-o", "FILE|-", help, "--output")]
    found: dict[str, tuple[Any, Any]] = {_OUTPUT: (output, None)}
    found |= {format.parameter: (_annotation(format), None) for format in formats if format.option}
    if command in SARIF.commands:  # those that find problems in code
        found["github"] = (GitHub, False)
    if command in _TRYING:
        found["no_cache"] = (NoCache, False)
    return found | {name: (annotation, False) for name, annotation in _SWITCHES.items()}


def _annotation(format: Format) -> Any:
    metavar = "FILE|-" if format.to_stdout else "FILE"
    alone = "; - prints nothing else" if format.to_stdout else ""
    return Annotated[list[str] | None, option(format.option, metavar, f"Write the result as {format.name}{alone}.")]


def _outputs(command: str, chosen: Mapping[str, Any]) -> Outputs:
    places = [(by_suffix(command, place), "-o", place) for place in chosen[_OUTPUT] or ()]
    named = ((format, format.option) for format in of_command(command) if format.option)
    places += [(format, name, place) for format, name in named for place in chosen[format.parameter] or ()]
    switches = {name: chosen[name] for name in ("quiet", "no_color", "ascii", "github") if name in chosen}
    return Outputs(command, tuple(places), **switches)
