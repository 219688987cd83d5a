"""What blocks of ours around a caller change of torch: put aside for a while, for what is none of their business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffexplore.torch_private.functions import functions_as_torch_has_them
from diffexplore.torch_private.mode_stacks import DISPATCH_MODES, FUNCTION_MODES
from diffexplore.torch_private.watching import EnableTorchFunction, forward_mode_switched


@contextmanager
def without_own_modes() -> Iterator[None]:
    """Inside the block no mode of ours looks on, and nothing that we change of autograd Functions is changed.

    The modes of others stay. Forward mode is on, as it is outside the forwards of Functions.
    """
    with (
        functions_as_torch_has_them(),
        forward_mode_switched(True),
        EnableTorchFunction(),
        FUNCTION_MODES.without(_is_ours),
        DISPATCH_MODES.without(_is_ours),
    ):
        yield


def _is_ours(mode: Any) -> bool:
    return type(mode).__module__.startswith("diffexplore.")
