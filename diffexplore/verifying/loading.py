"""A candidate from a file: Python that is executed, or formulas that are only read."""

from __future__ import annotations

import importlib.util
import inspect
import json
import linecache
import os
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

from diffexplore.errors import UsageError, unknown
from diffexplore.verifying.calling import call


def load_candidate(place: str) -> Any:
    """The object that ``FILE.py:NAME`` means, for which FILE.py is executed; or the formulas in ``FILE.json``.

    Raises UsageError, in one line, where there is no such file or name, or where the file raises an exception.
    """
    if place.endswith(".json"):
        return _formulas(Path(place))
    path, colon, name = place.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        if place.endswith(".py"):
            raise UsageError(f"{place!r} is a file: name what it defines, as in {place}:gradient")
        raise UsageError(f"a candidate is FILE.py:NAME, or a FILE.json of formulas, not {place!r}")
    module = load_module(Path(path))
    public = [known for known in vars(module) if not known.startswith("__")]
    if name not in vars(module):
        raise unknown(f"name in {path}:", name, public) if public else UsageError(f"{path} defines nothing")
    found = vars(module)[name]
    if isinstance(found, types.FunctionType) and found.__name__ == "<lambda>":
        found.__name__ = name
    return _module(found, place)


def _module(found: Any, place: str) -> Any:
    """An instance of a class of modules, where it takes no arguments; everything else as it is."""
    torch = sys.modules.get("torch")  # a file that defines a module has imported it
    if torch is None or not isinstance(found, type) or not issubclass(found, torch.nn.Module):
        return found
    required = [
        one.name for one in inspect.signature(found).parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]  # fmt: skip
    if required:
        raise UsageError(
            f"{place} is a class of modules, which takes {', '.join(required)}: "
            f"name an instance of it in the file, as in module = {found.__name__}(…)"
        )
    return call(found, place, seed=0)


def load_module(path: Path) -> Any:
    """The module of a file, run as if it were imported from its own folder: once, as long as the file stays as it is.

    Raises UsageError where there is no such file, where it cannot be read, or where it raises an exception.
    """
    if not os.path.isfile(path):
        raise UsageError(f"cannot read {path}: there is no such file")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    return _executed(path, path.resolve(), source)


@cache  # several options of one command name things of one file
def _executed(path: Path, real: Path, source: bytes) -> Any:
    """The module of a file with that content. Python itself keeps compiled files by their times and sizes."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    folder = str(real.parent)
    sys.path.insert(0, folder)
    shadowed = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses and pickle look a module up by its name
    linecache.cache.pop(str(path), None)  # lines that a message quotes, which are kept by times and sizes as well
    try:
        call(lambda: exec(compile(source, path, "exec", dont_inherit=True), vars(module)), str(path), seed=0)
    finally:
        sys.path.remove(folder)
        if shadowed is not None:
            sys.modules[path.stem] = shadowed
    return module


def _formulas(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(formula, str) for formula in content.values()):
        raise UsageError(f'{path} should map symbols to formulas, as in {{"a": "2*a*x"}}')
    return content
