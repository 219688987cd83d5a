"""Documentation of the public names: each argument and each field is told by its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

import diffexplore as dx


def _methods(owner: type) -> Iterator[tuple[str, FunctionType]]:
    for name, member in vars(owner).items():
        function = getattr(member, "__func__", member)  # of a class method, too
        if isinstance(function, FunctionType) and not name.startswith("_"):
            yield f"{owner.__name__}.{name}", function


def _documented() -> Iterator[tuple[str, Any]]:
    for name in dx.__all__:
        value = getattr(dx, name)
        if callable(value) and not (inspect.isclass(value) and issubclass(value, Exception)):
            yield name, value
        if inspect.isclass(value):
            yield from _methods(value)


@pytest.mark.parametrize(("name", "value"), [pytest.param(*one, id=one[0]) for one in _documented()])
def test_a_docstring_tells_each_argument_by_name(name: str, value: Any) -> None:
    """A class is documented by itself or where it is initialised."""
    text = f"{value.__doc__}\n{value.__init__.__doc__ if inspect.isclass(value) else ''}"
    arguments = [one for one in inspect.signature(value).parameters if one not in ("self", "cls", "args", "kwargs")]
    assert value.__doc__
    assert [one for one in arguments if not re.search(rf"\b{one}\b", text)] == []
