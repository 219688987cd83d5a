"""What the command line says of arguments that it cannot read: what was wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from diffexplore.suggestions import did_you_mean

_NO_COMMAND = "No such command"
_EXTRA = "unexpected extra argument"


def explained(error: Any, group: Any, arguments: Sequence[str]) -> str:
    """One line for an error of typer's about ``arguments``.

    The error is known by what it holds and says: the classes differ from version to version. ``group`` holds all
    commands.
    """
    command = next((group.commands[argument] for argument in arguments if argument in group.commands), group)
    path = "diffexplore" if command is group else f"diffexplore {command.name}"
    return f"{_sentence(error, command, path)} (see {path} --help)"


def _sentence(error: Any, command: Any, path: str) -> str:
    message = str(error.format_message()).strip().rstrip(".")
    option = getattr(error, "option_name", None)
    if message.startswith(_NO_COMMAND):
        name = message.removeprefix(_NO_COMMAND).split("'")[1].strip()
        return _unknown("command", name, command.commands, listed=True)
    if option is not None and hasattr(error, "possibilities"):
        return _unknown("option", str(option), _options(command))
    if option is not None and "requires an argument" in message:
        return f"{option} lacks its value: {option} {_metavar(str(option), command)}"
    if option is not None and "does not take a value" in message:
        return f"{option} takes no value: leave out what follows the '='"
    if message.startswith("Missing argument"):
        return f"{getattr(error.param, 'metavar', None) or 'an argument'} is missing: {_usage(command, path)}"
    if _EXTRA in message:
        extra = message.partition(_EXTRA)[2].partition(" (")[2].removesuffix(")").strip()
        return _too_many(extra, command, path)
    return message[:1].lower() + message[1:]


def _too_many(extra: str, command: Any, path: str) -> str:
    """What is stated of arguments beyond those that a command takes: what they were meant for."""
    first, options = extra.split()[0], _options(command)
    if first.startswith("-") and first[1:].isalpha():
        return _unknown("option", first, options)
    usage = f"{extra!r} is more than the command takes, {_usage(command, path)}"
    if f"--{first}" in options:
        return f"{usage}: did you mean '--{first}'?"
    places = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    if not places:
        purpose = " ".join(str(command.help).split())
        return (
            f"{usage}, which without an argument does all that it can: {purpose[:1].lower()}{purpose[1:].rstrip('.')}"
        )
    if "--loss" in options:
        return f"{usage}: give the loss with --loss, in quotes where it is a formula"
    return f"{usage}: put a formula in quotes"


def _unknown(kind: str, name: str, choices: Iterable[str], *, listed: bool = False) -> str:
    known = sorted(choices)
    hint = did_you_mean(name, known) or (f"choose from {', '.join(known)}" if listed else "")
    return f"unknown {kind} {name!r}{': ' if hint else ''}{hint}"


def _options(command: Any) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]


def _metavar(option: str, command: Any) -> str:
    """What stands for the value of an option in the help."""
    found = (parameter.metavar for parameter in command.params if option in parameter.opts)
    return next(found, None) or "VALUE"


def _usage(command: Any, path: str) -> str:
    """``diffexplore derive LOSS [OPTIONS]``."""
    places = (parameter for parameter in command.params if parameter.param_type_name == "argument")
    shown = [parameter.metavar if parameter.required else f"[{parameter.metavar}]" for parameter in places]
    return " ".join([path, *shown, "[OPTIONS]"])
