"""What ``torch.compile`` wraps, where a mode looks on: it runs as it is written, and that it is called is noticed.

Torch does not compile under a mode of ours: it marks the code instead, and never compiles it again; of a mode for
functions it compiles what the mode does, and runs that in later calls. So nothing is compiled under a mode.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from diffexplore.torch_private.unloaded import compiler_is_loaded

_FRAMES = "torch._dynamo.eval_frame"

#: What torch asks at each call of compiled code how it shall run, with what would compile it.
_ASKED = "_callback_from_stance"


def as_written() -> AbstractContextManager[None]:
    """Inside the block functions and modules that ``torch.compile`` wraps run as the Python that they wrap."""
    if not compiler_is_loaded():
        return nullcontext()  # nothing is compiled yet
    stance: AbstractContextManager[None] = sys.modules["torch"].compiler.set_stance("force_eager")
    return stance


class CompiledCalls:
    """What was seen of calls of compiled code; ``seen`` says whether there were any."""

    def __init__(self) -> None:
        self.seen = False
        self._could_look = compiler_is_loaded()

    @property
    def unknown(self) -> bool:
        """Whether the compiler was loaded meanwhile, so that nobody looked."""
        return not self._could_look and compiler_is_loaded()

    def _asked(self, answer: Any) -> Any:
        def ask(callback: Any) -> Any:
            self.seen = self.seen or callback not in (None, False)
            return answer(callback)

        return ask


@contextmanager
def compiled_calls() -> Iterator[CompiledCalls]:
    """Notices whether compiled code is called inside the block, also where it runs as it is written."""
    calls = CompiledCalls()
    frames = sys.modules.get(_FRAMES) if calls._could_look else None
    answer = getattr(frames, _ASKED, None)
    if answer is None:
        yield calls
        return
    with patch.object(frames, _ASKED, calls._asked(answer)):
        yield calls
