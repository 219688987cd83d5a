"""What blocks of ours around a caller change of torch: put aside for a while, for what is none of their business."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from diffexplore.torch_private.functions import functions_as_torch_has_them
from diffexplore.torch_private.supported import needed_names
from diffexplore.torch_private.watching import EnableTorchFunction, current_dispatch_modes, forward_mode_switched

with needed_names():
    from torch.overrides import _get_current_function_mode_stack as current_function_modes
    from torch.overrides import _pop_mode as pop_function_mode
    from torch.overrides import _push_mode as push_function_mode
    from torch.utils._python_dispatch import _pop_mode as pop_dispatch_mode
    from torch.utils._python_dispatch import _push_mode as push_dispatch_mode


@contextmanager
def without_own_modes() -> Iterator[None]:
    """Inside the block no mode of ours looks on, and nothing that we change of autograd Functions is changed.

    The modes of others stay. Forward mode is on, as it is outside the forwards of Functions.
    """
    with (
        functions_as_torch_has_them(),
        forward_mode_switched(True),
        EnableTorchFunction(),
        _without(current_function_modes, pop_function_mode, push_function_mode),
        _without(current_dispatch_modes, pop_dispatch_mode, push_dispatch_mode),
    ):
        yield


@contextmanager
def _without(
    current: Callable[[], Sequence[Any]], pop: Callable[[], Any], push: Callable[[Any], Any]
) -> Iterator[None]:
    """Inside the block a stack of modes has none of ours."""
    before = list(current())
    others = [mode for mode in before if not type(mode).__module__.startswith("diffexplore.")]
    if others == before:
        yield
        return
    _stack(others, current, pop, push)
    try:
        yield
    finally:
        _stack(before, current, pop, push)


def _stack(
    modes: Sequence[Any], current: Callable[[], Sequence[Any]], pop: Callable[[], Any], push: Callable[[Any], Any]
) -> None:
    for _ in current():
        pop()
    for mode in modes:
        push(mode)
