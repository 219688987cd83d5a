"""How numbers leave torch past its dispatcher, and how Python numbers come in."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from diffexplore.torch_code.written_numbers import as_conversion, with_number_converted
from diffexplore.torch_private.watching import disable_current_modes, tree_leaves

Tensor = torch.Tensor

#: Methods of tensors that hand out numbers, or the memory in which they lie, past torch's dispatcher.
_LEAKS = frozenset(
    "numpy tolist item data_ptr storage untyped_storage _typed_storage to_dlpack share_memory_ apply_ map_ __array__ "
    "__float__ __int__ __index__ __complex__ __dlpack__ __reduce_ex__ __deepcopy__".split()
)

#: Functions that make a tensor of a list of tensors number by number.
_REBUILD = frozenset("tensor as_tensor asarray new_tensor".split())

_TEXT = frozenset(["__repr__", "__format__"])  # text is for people: what it shows does not come back


def _undispatched(function: Any) -> Callable[..., Any]:
    """The same code, without a look for modes that take it over."""
    scope = {**function.__globals__, "has_torch_function": lambda arguments: False}
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


_grad, _backward = _undispatched(torch.autograd.grad), _undispatched(torch.autograd.backward)


def _tensor_backward(tensor: Tensor, gradient: Any = None, *rest: Any, **kwargs: Any) -> None:
    _backward(tensor, gradient, *rest, **kwargs)


#: What runs somebody's backward: torch switches a mode off while it runs, and we want to see inside.
_DIFFERENTIATE: dict[Any, Callable[..., Any]] = {
    torch.autograd.grad: _grad, torch.autograd.backward: _backward, torch.Tensor.backward: _tensor_backward,
}  # fmt: skip


class Escapes(TorchFunctionMode):
    """Notes by which methods numbers left torch while it was active; in backward passes too.

    Python numbers that come into torch where its dispatcher does not look on are let in where it does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _TEXT:
            with disable_current_modes():
                return func(*args, **(kwargs or {}))
        if func is torch.Tensor.__setitem__ and len(args) == 3:
            return func(*with_number_converted(*args))
        if name in _LEAKS or (name in _REBUILD and _holds_list_of_tensors((*args, *(kwargs or {}).values()))):
            self.seen.add(name)
        elif name in _REBUILD:
            data = args[name == "new_tensor" :]
            named = (kwargs or {}).get("data", (kwargs or {}).get("obj"))
            return as_conversion(data[0] if data else named, func(*args, **(kwargs or {})))
        elif name == "__get__" and "array_interface" in repr(func):
            self.seen.add("__array_interface__")
        if func in _DIFFERENTIATE:
            with self:
                return _DIFFERENTIATE[func](*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _holds_list_of_tensors(values: tuple[Any, ...]) -> bool:
    lists = [value for value in values if isinstance(value, (tuple, list))]
    return any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(lists))
