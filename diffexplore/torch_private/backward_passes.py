"""Backward passes that leave gradients in the ``grad`` of leaves: they are told of before they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from diffexplore.torch_private.patch_lock import PATCHES
from diffexplore.torch_private.started_threads import belongs_to, starts_noted
from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch.autograd.variable import Variable

    Variable._execution_engine.run_backward  # noqa: B018

Tensor = torch.Tensor

#: It is told of the tensors that a backward pass starts from, or of the leaves that it is limited to.
Listener = Callable[[Sequence[Any]], None]


class _TellingEngine:
    """Torch's engine, which tells ``listeners``, the first one first, of what it is about to accumulate."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.listeners: list[tuple[threading.Thread, Listener]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run_backward(self, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("accumulate_grad"):
            self.tell((args[3] if len(args) > 3 else ()) or tensors)
        return self._engine.run_backward(tensors, *args, **kwargs)

    def tell(self, tensors: Sequence[Any]) -> None:
        for thread, listener in tuple(self.listeners):  # other threads' may end meanwhile
            if belongs_to(thread):
                listener(tensors)


@contextmanager
def accumulation_told(listener: Listener, leaves: Sequence[Tensor] = ()) -> Iterator[None]:
    """Inside the block the listener is called before each backward pass that accumulates gradients.

    It is one of this thread, or of a thread that was started from it inside. Of ``leaves`` it is told at once. Blocks
    may lie in one another: those around hear of each pass first. Several threads may be in some at once.
    """
    entry = threading.current_thread(), listener
    holder: Any = Variable
    with PATCHES:
        engine = holder._execution_engine
        if not isinstance(engine, _TellingEngine):
            engine = holder._execution_engine = _TellingEngine(engine)
        engine.listeners.append(entry)
    try:
        listener(leaves)  # alone: what it changes of them it gives back
        with starts_noted():
            yield
    finally:
        with PATCHES:
            engine.listeners.remove(entry)
            if not engine.listeners and holder._execution_engine is engine:
                holder._execution_engine = engine._engine
