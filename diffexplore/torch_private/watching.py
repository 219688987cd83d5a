"""What looking on at operations takes: dispatch modes, storages, the place within a backward pass, decompositions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import reduce, wraps
from typing import Any, Self

import torch

from diffexplore.torch_private.compiling import as_written
from diffexplore.torch_private.supported import needed_names
from diffexplore.torch_private.unloaded import compiler_is_loaded

with needed_names():
    from torch import _neg_view as negated_view
    from torch._C import DisableTorchFunction, DispatchKey, DispatchKeySet
    from torch._C import _current_graph_task_id as current_graph_task
    from torch._C import _dispatch_tls_local_exclude_set as excluded_keys
    from torch._C import _dispatch_tls_local_include_set as included_keys
    from torch._C import _EnableTorchFunction as EnableTorchFunction
    from torch._C import _ForceDispatchKeyGuard as ForcedKeys
    from torch._C import _is_fwd_grad_enabled as forward_mode_is_on
    from torch._C._functorch import is_functorch_wrapped_tensor as is_wrapped
    from torch._C._functorch import peek_interpreter_stack
    from torch._decomp import decomposition_table
    from torch._library.custom_ops import OPDEFS
    from torch._ops import OpOverload
    from torch.autograd.forward_ad import _set_fwd_grad_enabled as forward_mode_switched
    from torch.library import _impls as PYTHON_KERNELS
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode as _TorchDispatchMode
    from torch.utils._python_dispatch import _disable_current_modes as disable_current_modes
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as current_dispatch_modes
    from torch.utils._pytree import tree_leaves, tree_map

__all__ = [
    "DisableTorchFunction",
    "DispatchMode",
    "EnableTorchFunction",
    "OpOverload",
    "StorageWeakRef",
    "as_in_a_forward",
    "current_dispatch_modes",
    "current_graph_task",
    "custom_implementation",
    "decomposition_table",
    "differentiable",
    "disable_current_modes",
    "forward_mode_switched",
    "is_in_a_forward",
    "is_recorded",
    "is_transformed",
    "is_wrapped",
    "negated_view",
    "state_constant",
    "storage_key",
    "tree_leaves",
    "tree_map",
]


def _together(*keys: Any) -> Any:
    """A set of dispatch keys."""
    return reduce(DispatchKeySet.__or__, map(DispatchKeySet, keys))


_OF_AUTOGRAD = _together(DispatchKey.AutogradFunctionality, DispatchKey.AutogradOther, DispatchKey.ADInplaceOrView)

_OF_LAZY_TENSORS = _together(DispatchKey.Conjugate, DispatchKey.Negative, DispatchKey.ZeroTensor)


def _reached(keys: Any) -> AbstractContextManager[None]:
    """Within it operations come by ``keys``, which torch excludes within an operation that a mode was given."""
    return ForcedKeys(included_keys(), excluded_keys() - keys)


def _reading_lazy_tensors(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(dispatch)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _reached(_OF_LAZY_TENSORS):
            return dispatch(*args, **kwargs)

    return run


class DispatchMode(_TorchDispatchMode):
    """A dispatch mode under which nothing is compiled, and that does not load torch's compiler, which takes a second.

    Torch wraps each ``__torch_dispatch__`` against its compiler, which it imports for that at the first operation. Here
    that happens when the mode is entered, and only where something else has loaded the compiler before.

    What a mode itself calls reads lazily conjugated and negated tensors as what they stand for. Torch leaves that out
    within a mode, where it has been done for the operands: kernels that conjugate in their steps, as that of ``pinv``
    does, then compute other numbers than without a mode.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)  # type: ignore[no-untyped-call]
        if "__torch_dispatch__" in cls.__dict__:
            cls.__torch_dispatch__ = _reading_lazy_tensors(cls.__torch_dispatch__)  # type: ignore[method-assign]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __enter__(self) -> Self:
        mode = type(self)
        if compiler_is_loaded() and mode not in _SHIELDED:
            _SHIELDED.add(mode)
            mode.__torch_dispatch__ = torch.compiler.disable(mode.__torch_dispatch__)  # type: ignore[method-assign]
        around = ExitStack()
        around.enter_context(as_written())
        self.__dict__.setdefault("_around", []).append(around)  # one mode may be entered several times
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self.__dict__["_around"].pop().close()

    def state_constant(self, number: float, radius: float) -> None:
        """Says that ``number`` stands for a constant within ``radius`` of it; most modes need not know."""


def is_recorded() -> bool:
    """Whether autograd records what runs: not without gradients, and not in the forward of an autograd Function.

    There torch switches forward mode off as well, and code that enables gradients again leaves it off.
    """
    return torch.is_grad_enabled() and not is_in_a_forward()


def is_in_a_forward() -> bool:
    """Whether the forward of an autograd Function runs: there torch switches forward mode off; ``no_grad`` does not."""
    return not forward_mode_is_on()


def is_transformed() -> bool:
    """Whether a transform of ``torch.func`` runs."""
    return peek_interpreter_stack() is not None


@contextmanager
def as_in_a_forward() -> Iterator[None]:
    """What runs inside stands for one operation: no tensor needs a gradient there, whatever it was computed from."""
    with torch.no_grad(), forward_mode_switched(False):
        yield


@contextmanager
def differentiable() -> Iterator[None]:
    """Lets autograd record what runs inside, also within an operation that a mode was given, below autograd."""
    with _reached(_OF_AUTOGRAD), torch.enable_grad():
        yield


def state_constant(number: float, radius: float) -> None:
    """Says to every mode around the caller that ``number`` stands for a constant within ``radius`` of it."""
    for mode in current_dispatch_modes():
        if isinstance(mode, DispatchMode):
            mode.state_constant(number, radius)


#: The modes that are wrapped against torch's compiler.
_SHIELDED: set[type[_TorchDispatchMode]] = set()


def custom_implementation(function: OpOverload) -> Callable[..., Any] | None:
    """The Python code that computes an operator made by ``torch.library``; None of others."""
    definition = OPDEFS.get(function._schema.name)
    if definition is not None:
        return definition._init_fn
    name = function._schema.name.replace("::", "/") + (
        f".{function._overloadname}" * (function._overloadname != "default")
    )
    if not any(f"{name}/{key}" in PYTHON_KERNELS for key in ("CPU", "CompositeExplicitAutograd")):
        return None

    def kernel(*args: Any, **kwargs: Any) -> Any:
        return redispatched(function, args, kwargs)

    return kernel


def redispatched(function: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the kernel for the CPU of an operator returns: its own operations are seen by modes."""
    return function.redispatch(DispatchKeySet(DispatchKey.CPU), *args, **kwargs)


def storage_key(tensor: torch.Tensor) -> int:
    """A number that tensors have in common exactly where they share their memory, while one of them is alive."""
    return tensor.untyped_storage()._cdata
