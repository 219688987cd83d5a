"""Defaults of a project: ``[tool.diffexplore]`` in the nearest ``pyproject.toml``.

The nearest is that of the working directory, or of the first folder above it that has one. Keys are the names of
options; those in ``[tool.diffexplore]`` hold for every command that has the option, those in
``[tool.diffexplore.fit]`` and the like for that command. What the command line says goes first. Only settings can be
given: what is checked, on which data and where the outcome is written is stated on the command line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffexplore.arguments import shown
from diffexplore.errors import UsageError, unknown

FILE = "pyproject.toml"
TABLE = "tool.diffexplore"

#: Options that mean the same in every command that has them.
COMMON = ("dtype", "device", "seed", "ascii", "no-color", "quiet", "full", "only-failing")

#: Options that a command's own table may hold beside.
OF_A_COMMAND = (
    "methods", "modes", "accept", "step", "reduction", "rows", "lr", "steps", "optimizer", "sizes", "format", "hessian",
)  # fmt: skip

_HELP = ("-h", "--help", "--version")


def defaults_for(arguments: Sequence[str], group: Any) -> dict[str, dict[str, Any]]:
    """The defaults of every command, by the names of its parameters, as click's ``default_map`` has them.

    Empty where help is requested. Raises :class:`UsageError` for a file that is no TOML, for unknown keys and for
    values that no option takes.
    """
    if any(argument in _HELP for argument in arguments):
        return {}
    path = nearest()
    table = {} if path is None else _table(path)
    if path is None or not table:
        return {}
    _check_keys(table, group, path)
    found: dict[str, dict[str, Any]] = {}
    for name, command in group.commands.items():
        common = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
        given = {**common, **table.get(name, {})}
        options = _options(command)
        found[name] = {
            options[_spelled(key)].name: _value(value, options[_spelled(key)], key, path)
            for key, value in given.items()
            if _spelled(key) in options
        }
    return found


def used_defaults(defaults: Mapping[str, Mapping[str, Any]], arguments: Sequence[str], group: Any) -> str | None:
    """Which defaults the command of these arguments uses, in one line; None for none, and where it is to be quiet."""
    name = next((argument for argument in arguments if argument in group.commands), None)
    used = dict(defaults.get(name, {})) if name is not None else {}
    if name is None or "--quiet" in arguments or used.get("quiet"):
        return None
    texts = []
    for option in _options(group.commands[name]).values():
        given = any(argument.partition("=")[0] in option.opts for argument in arguments)
        if option.name in used and not given and used[option.name] is not False:
            texts.append(_written(option, used[option.name]))
    return f"defaults from {nearest()}: {' '.join(texts)}" if texts else None


def nearest() -> Path | None:
    """The ``pyproject.toml`` of the working directory, or of the first folder above it that has one."""
    try:
        here = Path.cwd()
    except OSError:  # the folder is gone
        return None
    return next((path for folder in (here, *here.parents) if os.path.isfile(path := folder / FILE)), None)


def _table(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        content = path.read_bytes()
        if b"diffexplore" not in content:
            return {}
        document: Any = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    table = document.get("tool", {})
    table = table.get("diffexplore", {}) if isinstance(table, Mapping) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {TABLE} should be a table, [{TABLE}]")
    return table


def _check_keys(table: Mapping[str, Any], group: Any, path: Path) -> None:
    """Raises :class:`UsageError` for a key that is no setting, with the nearest one."""
    every = {option for command in group.commands.values() for option in _options(command)}
    common = [key for key in COMMON if key in every]
    for key, value in table.items():
        if isinstance(value, Mapping):
            if key not in group.commands:
                raise unknown(f"key in [{TABLE}] of {path}:", key, group.commands)
            _check_keys_of(key, value, group.commands[key], path)
        elif _spelled(key) in common:
            continue
        elif _spelled(key) in OF_A_COMMAND:
            name = next((n for n, c in group.commands.items() if _spelled(key) in _options(c)), "report")
            raise UsageError(f"{path}: {key} belongs to a command: write it in a table such as [{TABLE}.{name}]")
        else:
            raise unknown(f"key in [{TABLE}] of {path}:", key, common)


def _check_keys_of(name: str, table: Mapping[str, Any], command: Any, path: Path) -> None:
    settings = [key for key in _options(command) if key in COMMON or key in OF_A_COMMAND]
    for key in table:
        if _spelled(key) not in settings:
            raise unknown(f"key in [{TABLE}.{name}] of {path}:", key, settings)


def _options(command: Any) -> dict[str, Any]:
    """The options of a command by their first long name, without its dashes."""
    found = {}
    for parameter in command.params:
        long = [option[2:] for option in parameter.opts if option.startswith("--")]
        if parameter.param_type_name == "option" and long:
            found[long[0]] = parameter
    return found


def _spelled(key: str) -> str:
    return key.replace("_", "-")


def _value(value: Any, option: Any, key: str, path: Path) -> Any:
    """What an option would be given on the command line."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{path}: {key} should be true or false, not {shown(value)}")
        return value
    texts = [_text(part, key, path) for part in (value if isinstance(value, list) else [value])]
    if option.multiple:
        return texts
    return ",".join(texts)


def _text(value: Any, key: str, path: Path) -> str:
    if isinstance(value, str):
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise UsageError(f"{path}: {key} should be a text, a number or a list of these, not {shown(value)}")
    return str(value)


def _written(option: Any, value: Any) -> str:
    name = next(text for text in option.opts if text.startswith("--"))
    if value is True:
        return str(name)
    return " ".join(f"{name} {part}" for part in (value if isinstance(value, list) else [value]))
