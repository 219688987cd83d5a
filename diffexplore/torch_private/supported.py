"""Which versions of torch are supported, and what is stated where the installed one is another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from diffexplore.errors import UsageError

OLDEST = (2, 11)
"""The oldest torch with which the tests pass; pyproject.toml says the same."""

NEWEST = (2, 15)
"""The newest torch with which they were run. A newer one is tried, and refused only where it lacks a name."""


def check_age(version: str) -> None:
    """Raises UsageError where torch's ``version``, such as "2.13.0+cpu", is older than :data:`OLDEST`."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise UsageError(f"torch {version} is too old for diffexplore: install torch {_dotted(OLDEST)} or newer")


@contextmanager
def needed_names() -> Iterator[None]:
    """Around imports of private names: raises UsageError where torch lacks one.

    What it says is Python's own "cannot import name … from …", without the path of the file.
    """
    try:
        yield
    except ImportError as error:
        name = str(error).partition(" (")[0]
        raise UsageError(
            f"torch {torch.__version__} lacks a name that diffexplore needs ({name}): "
            f"install a torch from {_dotted(OLDEST)} to {_dotted(NEWEST)}"
        ) from None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


check_age(torch.__version__)
