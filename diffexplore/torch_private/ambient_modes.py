"""Torch's modes around a call that change what it computes, or whether it is differentiated: set aside and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from diffexplore.errors import UsageError
from diffexplore.torch_private.mode_stacks import FUNCTION_MODES
from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch._C import _len_torch_function_stack as function_modes
    from torch._C._autograd import (
        _pop_saved_tensors_default_hooks,
        _push_saved_tensors_default_hooks,
        _top_saved_tensors_default_hooks,
    )
    from torch.utils._device import DeviceContext


def modes_are_plain() -> bool:
    """Whether this thread's modes are those that a process starts with: there is nothing to set aside."""
    return (
        torch.is_grad_enabled()
        and not torch.is_inference_mode_enabled()
        and not torch.is_anomaly_enabled()
        and not function_modes()
        and not torch._C._is_any_autocast_enabled()
        and _hooks() is None
        and not _within_forward_mode()
    )


@contextmanager
def plain_modes(called: str, *, autocast: bool, device: bool) -> Iterator[None]:
    """Gradients are recorded, and nothing looks at them, replaces what is saved for them, or checks them for NaN.

    Args:
        called: the name of the function that is called.
        autocast: whether a surrounding autocast stays: what is called is the user's function.
        device: whether a surrounding default device stays, likewise.

    Raises:
        UsageError: within forward-mode differentiation, of which torch knows one level at a time.
    """
    if _within_forward_mode():
        raise UsageError(f"call {called} outside of forward_ad.dual_level(): torch has one such level at a time")
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autograd.set_detect_anomaly(False))
        stack.enter_context(_without_hooks())
        if not device:
            stack.enter_context(FUNCTION_MODES.without(_gives_a_device))
        for kind in () if autocast else [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _within_forward_mode() -> bool:
    return torch.autograd.forward_ad._current_level >= 0


def _hooks() -> Any:
    return _top_saved_tensors_default_hooks(True)


@contextmanager
def _without_hooks() -> Iterator[None]:
    """Without ``saved_tensors_hooks``: they give copies of what was saved, of which a watch knows no radius."""
    taken = []
    while (hooks := _hooks()) is not None:
        taken.append(hooks)
        _pop_saved_tensors_default_hooks()
    try:
        yield
    finally:
        for hooks in reversed(taken):
            _push_saved_tensors_default_hooks(*hooks)


def _gives_a_device(mode: Any) -> bool:
    """Whether it is what ``torch.set_default_device`` or a ``with torch.device(…)`` puts around new tensors."""
    return isinstance(mode, DeviceContext)
