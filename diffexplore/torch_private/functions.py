"""Where the forward of an autograd Function begins, and what the compiler of functions is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from diffexplore.torch_private.patch_lock import PATCHES
from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch._functorch import utils as _utils
    from torch.autograd.function import BackwardCFunction, _SingleLevelFunction
    from torch.utils.checkpoint import CheckpointFunction

    torch._C._functions.UndefinedGrad  # noqa: B018
    _utils.unwrap_dead_wrappers  # noqa: B018  # torch.autograd.Function.apply calls it first, with its arguments
    _APPLY = inspect.unwrap(torch.autograd.Function.apply).__code__

#: Where torch makes an autograd Function of each graph that it compiles.
_OF_COMPILER = "torch._functorch._aot_autograd."


def is_written_by_hand(node: Any) -> bool:
    """Whether a node of autograd's graph is that of somebody's Function, and not what torch compiled."""
    function = getattr(type(node), "_forward_cls", None) if isinstance(node, BackwardCFunction) else None
    return function is not None and not function.__module__.startswith(_OF_COMPILER)


def backward_of(node: Any) -> Callable[..., Any]:
    """The backward pass of the Function of a node, which may be called ``backward`` or ``vjp``."""
    function = type(node)._forward_cls
    written: Callable[..., Any] = function.backward
    return function.vjp if function.vjp is not torch.autograd.Function.vjp else written


#: What torch itself has where blocks put something else.
_UNWRAPS, _ABSENT = _utils.unwrap_dead_wrappers, object()


@contextmanager
def arguments_changed(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Iterator[None]:
    """Inside the block each ``torch.autograd.Function.apply`` gets what ``change`` makes of its arguments."""
    before = _utils.unwrap_dead_wrappers
    with _in_place_of(_utils, "unwrap_dead_wrappers", lambda args: change(before(args))):
        yield


@contextmanager
def outputs_changed(change: Callable[[tuple[Any, ...], Any], Any]) -> Iterator[None]:
    """Inside the block each ``torch.autograd.Function.apply`` returns what ``change`` makes of arguments and outputs.

    Not within transforms of ``torch.func``, which do not call it.
    """

    def applied(function: Any, *args: Any, **kwargs: Any) -> Any:
        return change((*args, *kwargs.values()), super(_SingleLevelFunction, function).apply(*args, **kwargs))

    with _in_place_of(_SingleLevelFunction, "apply", classmethod(applied)):
        yield


@contextmanager
def checkpoints_recorded() -> Iterator[None]:
    """Inside the block a reentrant checkpoint runs its function where it stands, as it does in the backward pass."""
    with _in_place_of(CheckpointFunction, "apply", staticmethod(lambda function, preserve, *args: function(*args))):
        yield


@contextmanager
def functions_as_torch_has_them() -> Iterator[None]:
    """Inside the block nothing of what the blocks around it change is changed."""
    with (
        _in_place_of(_utils, "unwrap_dead_wrappers", _UNWRAPS),
        _in_place_of(_SingleLevelFunction, "apply", _ABSENT),
        _in_place_of(CheckpointFunction, "apply", _ABSENT),
    ):
        yield


#: What blocks have put in the place of what an owner has by a name, the last one last; before them, what it had.
_PUT: dict[tuple[int, str], list[list[Any]]] = {}


@contextmanager
def _in_place_of(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Inside the block ``owner`` itself has ``value`` by a name; afterwards what it had itself, if anything.

    Blocks of several threads may end in any order.
    """
    key, entry = (id(owner), name), [value]
    with PATCHES:
        values = _PUT.setdefault(key, [])
        if not values:
            values.append([vars(owner).get(name, _ABSENT)])
        values.append(entry)
        _put(owner, name, value)
    try:
        yield
    finally:
        with PATCHES:
            values[:] = [one for one in values if one is not entry]
            _put(owner, name, values[-1][0])
            if len(values) == 1:
                values.clear()


def _put(owner: Any, name: str, value: Any) -> None:
    if value is not _ABSENT:
        setattr(owner, name, value)
    elif name in vars(owner):
        delattr(owner, name)


def function_applied_in(frame: FrameType) -> type | None:
    """The autograd Function whose ``apply`` runs in a frame: those below it belong to its forward."""
    return frame.f_locals["cls"] if frame.f_code is _APPLY else None


def undefined(tensor: Any) -> Any:
    """The tensor with a node behind it that passes no upstream gradient on: None, or zeros, where it is requested."""
    return torch._C._functions.UndefinedGrad()(tensor)


def mark_rows_dynamic(tensor: torch.Tensor) -> None:
    """Lets torch.compile make code for any number of rows. It loads the compiler, which its caller is about to use."""
    from torch._dynamo import mark_dynamic

    mark_dynamic(tensor, 0)
