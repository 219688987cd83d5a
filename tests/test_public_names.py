"""The public names: each is there, and no module can be put in a function's place, whatever is imported first."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

import pytest

import diffexplore as dx


@pytest.mark.parametrize("name", dx.__all__)
def test_a_name_is_what_it_says(name: str) -> None:
    """Importing a module makes it an attribute of its package: one with the name of a function would replace it."""
    value = getattr(dx, name)
    assert name in dir(dx)
    assert (find_spec(f"diffexplore.{name}") is not None) == isinstance(value, ModuleType)
    assert getattr(value, "__name__", name).removeprefix("diffexplore.") == name
