"""What capturing a graph takes: sizes that are symbols, fake tensors, and the nodes of autograd with their numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch._C import _current_autograd_node as current_autograd_node
    from torch._C._autograd import _get_sequence_nr as next_sequence_number
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch._subclasses.fake_tensor import disable_fake_tensor_cache as fakes_uncached
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
    from torch.fx.traceback import preserve_node_meta, set_stack_trace

__all__ = [
    "DimDynamic",
    "FakeTensorMode",
    "ShapeEnv",
    "current_autograd_node",
    "fakes_uncached",
    "fakes_unlogged",
    "make_fx",
    "named_source",
    "next_sequence_number",
    "preserve_node_meta",
    "set_stack_trace",
]


@contextmanager
def fakes_unlogged() -> Iterator[None]:
    """Inside it torch's log is not told what operators of fake tensors raise: whoever catches that tells it."""
    log = logging.getLogger(FakeTensorMode.__module__)
    disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = disabled


def named_source(name: str) -> Any:
    """Where a size that is a symbol comes from, by name: of torch's compiler, which is loaded here and not before."""
    with needed_names():
        from torch._dynamo.source import ConstantSource
    return ConstantSource(name)
