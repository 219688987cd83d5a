"""Names of things in libraries that are not imported before one of them is called.

The records of functions name what PyTorch, NumPy, SymPy, Arb and the rooms above compute; reading the records imports
none of them.
"""

from __future__ import annotations

import importlib
from typing import Any


class Lazy:
    """Something in a module, known by its name: ``library("torch").special.i0`` is called as if it were the function.

    What is reached once is kept, so that a call costs little more than one of the thing itself.
    """

    def __init__(self, module: str, path: tuple[str, ...] = ()) -> None:
        self._module, self._path, self._found = module, path, None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python looks for what a copy or a representation may define
            raise AttributeError(name)
        inner = Lazy(self._module, (*self._path, name))
        setattr(self, name, inner)
        return inner

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return resolved(self)(*arguments, **settings)

    def __str__(self) -> str:
        return ".".join((self._module, *self._path))

    def __repr__(self) -> str:
        return f"library({str(self)!r})"

    def _resolve(self) -> Any:
        found = importlib.import_module(self._module)
        for name in self._path:
            found = getattr(found, name)
        return found


def library(module: str) -> Any:
    """A module by its full name, imported when something of it is first called."""
    return Lazy(module)


def resolved(thing: Any) -> Any:
    """What a lazy name stands for, and anything else as it is.

    Raises ImportError or AttributeError where there is nothing of that name.
    """
    if not isinstance(thing, Lazy):
        return thing
    if thing._found is None:
        thing._found = thing._resolve()
    return thing._found
