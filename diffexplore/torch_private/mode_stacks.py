"""The stacks of modes that look on at torch's functions and its dispatcher, without some of them for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch.overrides import _get_current_function_mode_stack as current_function_modes
    from torch.overrides import _pop_mode as pop_function_mode
    from torch.overrides import _push_mode as push_function_mode
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as current_dispatch_modes
    from torch.utils._python_dispatch import _pop_mode as pop_dispatch_mode
    from torch.utils._python_dispatch import _push_mode as push_dispatch_mode


@dataclass(frozen=True)
class ModeStack:
    """A stack of modes: what ``current`` gives, the outermost first, and how one is taken off and put on."""

    current: Callable[[], Sequence[Any]]
    pop: Callable[[], Any]
    push: Callable[[Any], Any]

    @contextmanager
    def without(self, left_out: Callable[[Any], bool]) -> Iterator[None]:
        """Inside the block there are no modes that ``left_out`` holds of; afterwards they are in their places again."""
        before = list(self.current())
        others = [mode for mode in before if not left_out(mode)]
        if others == before:
            yield
            return
        self._become(others)
        try:
            yield
        finally:
            self._become(before)

    def _become(self, modes: Sequence[Any]) -> None:
        for _ in self.current():
            self.pop()
        for mode in modes:
            self.push(mode)


FUNCTION_MODES = ModeStack(current_function_modes, pop_function_mode, push_function_mode)
DISPATCH_MODES = ModeStack(current_dispatch_modes, pop_dispatch_mode, push_dispatch_mode)
