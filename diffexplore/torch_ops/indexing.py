"""Records of indices, and of the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import movement as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.readers import scatter as read
from diffexplore.torch_ops.records import Operator, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import indexing as tensors
from diffexplore.torch_ops.tensor_rules import steps
from diffexplore.torch_ops.tensor_rules.movement import moved
from diffexplore.torch_ops.tensor_rules.operands import InSteps

_moved = partial(smooth, bound=REARRANGED)

OPERATORS: tuple[Operator, ...] = (
    _moved("select_backward", read=read.select_backward),
    _moved("slice_backward", read=read.slice_backward),
    _moved("diagonal_backward", read=read.diagonal_backward),
    smooth("constant_pad_nd", bound=Handled(bound.pad), read=read.pad),
    _moved("index _unsafe_index", read=read.indexed),
    _moved("index_select", read=read.index_select),
    _moved("gather", read=read.gather),
    _moved("embedding", on_tensors=tensors.embedding),
    smooth("scatter", bound=Handled(bound.scatter), read=read.scatter, on_tensors=tensors.scatter),
    unbounded("select_scatter", EVERYWHERE, read=read.select_scatter, on_tensors=moved),
    unbounded("slice_scatter", EVERYWHERE, read=read.slice_scatter, on_tensors=moved),
    unbounded("index_put _unsafe_index_put", EVERYWHERE, read=read.index_put, on_tensors=tensors.index_put),
    unbounded("scatter_add", EVERYWHERE, read=read.scatter_add, on_tensors=tensors.scatter_add),
    unbounded("index_add", EVERYWHERE, on_tensors=tensors.index_add),
    unbounded("put", EVERYWHERE, on_tensors=tensors.put),
    unbounded("index_copy", EVERYWHERE, on_tensors=tensors.index_copy),
    unbounded("max_unpool2d max_unpool3d", EVERYWHERE, on_tensors=tensors.unpooled),
    unbounded(
        "masked_scatter index_fill diagonal_scatter as_strided_scatter take take_along_dim copy_to unfold "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
        "pixel_shuffle pixel_unshuffle channel_shuffle im2col",
        EVERYWHERE,
        on_tensors=moved,
    ),
    unbounded("masked_select", EVERYWHERE, on_tensors=InSteps(steps.masked_select)),
    unbounded("scatter_reduce", EVERYWHERE, on_tensors=InSteps(steps.scatter_reduce)),
    unbounded("index_reduce", EVERYWHERE, on_tensors=InSteps(steps.index_reduce)),
    unbounded("segment_reduce", EVERYWHERE, on_tensors=InSteps(steps.segment_reduce)),
    unbounded("_embedding_bag", EVERYWHERE, on_tensors=InSteps(steps.embedding_bag)),
)
