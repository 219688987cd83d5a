"""Arguments before they are parsed: formulas that begin with a minus sign, and short ways to ask for help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from diffexplore.errors import UsageError

_OPTION = re.compile(r"--[A-Za-z][A-Za-z-]*(=.*)?|-[ho]|-|--", re.DOTALL)


#: Short options of other programs, which here would be formulas of one symbol, and what is meant here.
_SHORT = {
    "-v": "diffexplore --version prints the version",
    "-V": "diffexplore --version prints the version",
    "-q": "--quiet leaves out the page where a command has one",
}


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with the usual short ways to ask for the version or for help written as options."""
    first, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if first in ("-v", "-V", "version"):
        return ["--version", *rest]
    if first == "help":
        return [*rest[:1], "--help"]
    return list(arguments)


def shield_formulas(arguments: Sequence[str], group: Any) -> list[str]:
    """``arguments`` with a space before each formula that begins with a minus sign.

    Only an option's first character makes it an option, and leading spaces mean nothing in a formula. What
    follows an option of ``group``'s commands that takes a value is that value, and stays as it is.

    Raises:
        UsageError: for ``-v`` and other short options of other programs, unless another argument speaks of the symbol.
    """
    found: list[str] = []
    previous, with_value = "", _options_with_value(group)
    for position, argument in enumerate(arguments):
        if argument == "--":
            return [*found, *arguments[position:]]
        is_formula = argument.startswith("-") and not _OPTION.fullmatch(argument) and previous not in with_value
        if is_formula and argument in _SHORT and not _is_named(argument[1:], arguments):
            raise UsageError(f"unknown option {argument!r}: {_SHORT[argument]} (the formula is written '({argument})')")
        found.append(f" {argument}" if is_formula else argument)
        previous = argument
    return found


def _is_named(symbol: str, arguments: Sequence[str]) -> bool:
    """Whether an argument beside the formula speaks of a symbol, as ``--at v=1`` does."""
    word = re.compile(rf"(?<![\w-]){symbol}(?!\w)")
    return any(word.search(argument) for argument in arguments)


def _options_with_value(group: Any) -> set[str]:
    """The names of every command's options that are not flags."""
    return {
        name
        for command in group.commands.values()
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.is_flag
        for name in parameter.opts
    }
