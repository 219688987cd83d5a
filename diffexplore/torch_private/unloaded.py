"""Calls of torch without the modules that torch loads for them and has no use for: its compiler, which takes a second.

``vmap``, forward mode and the reference kernels load the compiler at their first use, only to tell it that it shall
leave them alone; forward mode loads decompositions of a few operators, which torch's own ``PYTORCH_JIT=0`` leaves out
too. While a compiler is not loaded, nothing is compiled and there is nothing to tell it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

Result = TypeVar("Result")

_COMPILER = "torch._dynamo"
_DECOMPOSITIONS = "torch._decomp.decompositions_for_jvp"

#: Where torch/_compile.py keeps what the compiler made of a function that it shall leave alone.
_MARK = "__dynamo_disable"


class _StandIn(ModuleType):
    """Has the place of a module that is not loaded."""


class _CompilerStandIn(_StandIn):
    """Knows the two things that torch's own functions ask of a compiler in which nothing is compiled."""

    def __init__(self) -> None:
        super().__init__(_COMPILER)
        self.compiled_autograd = SimpleNamespace(_disable=nullcontext)
        self.marked: list[Any] = []

    def disable(self, function: Any, recursive: bool, *, wrapping: bool) -> Any:
        """The function itself, which torch then marks as done."""
        self.marked.append(function)
        return function


def compiler_is_loaded() -> bool:
    """Whether something has loaded torch's compiler."""
    return _is_loaded(_COMPILER)


def without_loading(run: Callable[[], Result]) -> Result:
    """What ``run`` returns, which calls torch and no function of a user.

    It is run again with all of torch where it fails without. What is loaded stays so, and afterwards nothing is left of
    what stood in: the next one who compiles finds torch as it was. Modules are shared by threads: another one must not
    begin to compile meanwhile.
    """
    if _is_loaded(_COMPILER) and _is_loaded(_DECOMPOSITIONS):
        return run()
    try:
        with _standing_in():
            return run()
    except Exception:  # whatever it is: where it is an error of its own, it comes again
        return run()


def _is_loaded(name: str) -> bool:
    return name in sys.modules and not isinstance(sys.modules[name], _StandIn)


@contextmanager
def _standing_in() -> Iterator[None]:
    compiler = _CompilerStandIn()
    stand_ins = [one for one in (compiler, _StandIn(_DECOMPOSITIONS)) if one.__name__ not in sys.modules]
    sys.modules.update({one.__name__: one for one in stand_ins})
    try:
        yield
    finally:
        for one in stand_ins:
            if sys.modules.get(one.__name__) is one:
                del sys.modules[one.__name__]
        for function in compiler.marked:
            vars(function).pop(_MARK, None)


@contextmanager
def not_compiled() -> Iterator[None]:
    """In here, functions that ``torch.compile`` wraps are traced and run as they are written.

    It loads the compiler, as whatever traces does: also what is wrapped from now on is left as it is written.
    """
    compiler = import_module(_COMPILER)
    with compiler.config.patch(error_on_nested_fx_trace=False), sys.modules["torch"].compiler.set_stance("force_eager"):
        yield
