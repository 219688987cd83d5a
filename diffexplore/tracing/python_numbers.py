"""While a function is traced, ``isinstance`` says of a size what it says where the function runs: that it is an int."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

#: The kind of number that stands for a size in a trace, or for what is computed of sizes → one of the kind in use.
_IN_USE: Mapping[type, Any] = {torch.SymInt: 101, torch.SymFloat: 101.5, torch.SymBool: True}

#: Packages that know of traced sizes: they get the true size.
_INFORMED = ("torch", "sympy", "diffexplore", "functorch")


@contextmanager
def sizes_are_numbers() -> Iterator[None]:
    """In here, the type of a size is, for the user's code, what it is outside of a trace."""
    ask = builtins.isinstance

    def answer(value: Any, kinds: Any) -> bool:
        stand_in = _IN_USE.get(type(value))
        if stand_in is None:
            return ask(value, kinds)
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        return ask(value if caller.partition(".")[0] in _INFORMED else stand_in, kinds)

    answer.plain = ask  # type: ignore[attr-defined]
    with _asking(answer):
        yield


def sizes_are_of_torch() -> AbstractContextManager[None]:
    """In there, where an operator of torch's own runs, none of the user's code does: torch asks much, and of itself."""
    return _asking(getattr(builtins.isinstance, "plain", builtins.isinstance))


@contextmanager
def _asking(answer: Callable[[Any, Any], bool]) -> Iterator[None]:
    before = builtins.isinstance
    builtins.isinstance = answer
    try:
        yield
    finally:
        builtins.isinstance = before
