"""The forwards of somebody's autograd Functions and operators, and the numbers that leave torch there."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch

from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_private.functions import function_applied_in
from diffexplore.torch_private.tensors import written_codes
from diffexplore.torch_private.watching import is_recorded, redispatched

Tensor = torch.Tensor


class HiddenSteps(Escapes):
    """Notes by which methods floats left torch where autograd does not look on: within the forward of a Function.

    Elsewhere autograd takes what left torch for constants as well, and so does the tape. ``line`` is that of the first.
    """

    line = ""

    def __init__(self) -> None:
        super().__init__()
        self._hidden: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = set(self.seen)
        out = super().__torch_function__(func, types, args, kwargs)
        new = self.seen - before - self._hidden  # without what an operator found that is written in Python
        if new and is_in_own_forward() and any(is_float(leaf) for leaf in args):
            self._hidden |= new
            self.line = self.line or line_that_runs()
        self.seen = before | self._hidden
        return out


def is_in_own_forward() -> bool:
    """Whether the forward of somebody's autograd Function or operator runs: autograd sees its outputs alone."""
    return _own_forward() is not None


def given_to_own_forward() -> tuple[Any, ...]:
    """The arguments of somebody's autograd Function or operator whose forward runs; none where none does."""
    frame = _own_forward()
    if frame is None:
        return ()
    if function_applied_in(frame) is not None or frame.f_code is redispatched.__code__:
        return frame.f_locals["args"], frame.f_locals["kwargs"]
    count = frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount
    return tuple(frame.f_locals.get(name) for name in frame.f_code.co_varnames[:count])


def _own_forward() -> FrameType | None:
    """The innermost frame of somebody's autograd Function or operator, which is given its arguments."""
    if is_recorded():
        return None
    operators = written_codes()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        function = function_applied_in(frame)
        # Those of torch run somebody's code once more in their backward (checkpoint), or hold none.
        own = function is not None and _package(function) not in ("torch", "diffexplore")
        if own or id(frame.f_code) in operators:
            return frame
        frame = frame.f_back
    return None


def _package(function: type) -> str:
    return function.__module__.partition(".")[0]


def is_float(leaf: Any) -> bool:
    if isinstance(leaf, (list, tuple)):
        return any(map(is_float, leaf))
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())
