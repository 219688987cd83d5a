"""Methods of other libraries as parameters of tests, which skip, with what would install it, where one is missing."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from diffexplore import methods

#: The methods whose operations cannot be watched; ``torch_compile`` is left out where only time would be lost.
OPAQUE = ("torch_compile", "jax_grad", "jax_jit", "tensorflow_tape", "tensorflow_function")
QUICK = OPAQUE[1:]

MARKED = {entry.name: entry for entry in methods.named_only()}


def needs(method: str) -> list[pytest.MarkDecorator]:
    """The marks of a test that runs ``method``; nothing is imported to make them."""
    library = MARKED[method].library
    assert library is not None
    marks = [pytest.mark.backends, pytest.mark.skipif(not library.installed, reason=library.command)]
    if method == "torch_compile":
        marks.append(pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler"))
    return marks


def params(names: tuple[str, ...] = tuple(MARKED)) -> list[Any]:
    """One parameter for each method."""
    return [pytest.param(name, id=name, marks=needs(name)) for name in names]


def crossed(names: tuple[str, ...], *others: tuple[str, ...]) -> list[Any]:
    """Each method with each of the others' combinations."""
    found: list[tuple[str, ...]] = [()]
    for other in others:
        found = [(*rest, one) for rest in found for one in other]
    return [
        pytest.param(name, *rest, id="-".join((name, *rest)), marks=needs(name)) for name in names for rest in found
    ]
