"""What surrounds a call must not change its answer: modes of torch and SymPy are set aside while it runs.

A check under ``torch.no_grad()`` would find no gradient; under ``sympy.evaluate(False)`` nothing would be simplified.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def algebra_undisturbed(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A function of SymPy alone that runs as at the start of a process."""

    @wraps(function)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with nullcontext() if _sympy_is_plain() else _plain_sympy():
            return function(*args, **kwargs)

    return run


def undisturbed(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A public function that runs as at the start of a process, whatever modes surround its call."""
    return _running_in(function, theirs=False)


def undisturbed_but_for_theirs(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Likewise, for what checks a function as its author calls it: under their autocast, on their default device."""
    return _running_in(function, theirs=True)


def _running_in(function: Callable[_Arguments, _Result], *, theirs: bool) -> Callable[_Arguments, _Result]:
    @wraps(function)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        __tracebackhide__ = True
        if _is_plain():
            return function(*args, **kwargs)
        with _set_aside(function.__name__, theirs=theirs):
            return function(*args, **kwargs)

    return run


def _is_plain() -> bool:
    """Whether nothing is to be set aside; what is not loaded has no modes."""
    return ("torch" not in sys.modules or _torch_is_plain()()) and _sympy_is_plain()


@cache
def _torch_is_plain() -> Callable[[], bool]:
    """Looked up once, as every call of a kernel needs it."""
    from diffexplore.torch_private.ambient_modes import modes_are_plain

    return modes_are_plain


def _sympy_is_plain() -> bool:
    if "sympy" not in sys.modules:
        return True
    found = _sympy_parameters()
    return bool(found.evaluate and found.distribute and not found.exp_is_pow)


@cache
def _sympy_parameters() -> Any:
    from sympy.core.parameters import global_parameters

    return global_parameters


@contextmanager
def _set_aside(called: str, *, theirs: bool) -> Iterator[None]:
    with ExitStack() as stack:
        if "torch" in sys.modules:
            from diffexplore.torch_private.ambient_modes import plain_modes

            stack.enter_context(plain_modes(called, autocast=theirs, device=theirs))
        if not _sympy_is_plain():
            stack.enter_context(_plain_sympy())
        yield


@contextmanager
def _plain_sympy() -> Iterator[None]:
    from sympy.core.parameters import _exp_is_pow, distribute, evaluate

    with evaluate(True), distribute(True), _exp_is_pow(False):
        yield
