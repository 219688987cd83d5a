"""Records of indices, and of the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import linear
from diffexplore.bounds import movement as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.readers import groups, places, rewritten
from diffexplore.torch_ops.readers import scatter as read
from diffexplore.torch_ops.records import Operator, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import indexing as tensors
from diffexplore.torch_ops.tensor_rules import steps
from diffexplore.torch_ops.tensor_rules.movement import moved
from diffexplore.torch_ops.tensor_rules.operands import InSteps

_moved = partial(smooth, bound=REARRANGED)
_MOVED = Handled(linear.moved)

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
    smooth("select_scatter", bound=_MOVED, read=read.select_scatter, on_tensors=moved),
    smooth("slice_scatter", bound=_MOVED, read=read.slice_scatter, on_tensors=moved),
    smooth(
        "index_put _unsafe_index_put",
        bound=Handled(linear.scattered),
        read=read.index_put,
        on_tensors=tensors.index_put,
    ),
    smooth("put", bound=Handled(linear.scattered), read=places.put, on_tensors=tensors.put),
    smooth("scatter_add", bound=Handled(linear.added_up), read=read.scatter_add, on_tensors=tensors.scatter_add),
    unbounded("as_strided_scatter", EVERYWHERE, read=places.as_strided_scatter, on_tensors=tensors.put_by_strides),
    smooth("masked_select", bound=_MOVED, on_tensors=InSteps(steps.masked_select)),
    smooth("masked_scatter", bound=_MOVED, read=places.masked_scatter, on_tensors=moved),
    smooth("masked_scatter_backward", bound=_MOVED, read=places.masked_scatter_backward),
    unbounded("diagonal_scatter", EVERYWHERE, rewritten=rewritten.diagonal_scatter, on_tensors=moved),
    unbounded("take", EVERYWHERE, read=places.taken, on_tensors=moved),
    unbounded("index_add", EVERYWHERE, on_tensors=tensors.index_add),
    unbounded("index_copy", EVERYWHERE, on_tensors=tensors.index_copy),
    unbounded("max_unpool2d max_unpool3d", EVERYWHERE, on_tensors=tensors.unpooled),
    unbounded(
        "index_fill take_along_dim copy_to "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
        "pixel_shuffle pixel_unshuffle channel_shuffle im2col",
        EVERYWHERE,
        on_tensors=moved,
    ),
    unbounded("scatter_reduce", EVERYWHERE, read=groups.scatter_reduce, on_tensors=InSteps(steps.scatter_reduce)),
    unbounded("index_reduce", EVERYWHERE, read=groups.index_reduce, on_tensors=InSteps(steps.index_reduce)),
    unbounded("segment_reduce", EVERYWHERE, read=groups.segment_reduce, on_tensors=InSteps(steps.segment_reduce)),
    unbounded("_segment_reduce_backward", EVERYWHERE, read=groups.segment_reduce_backward),
    unbounded("_embedding_bag", EVERYWHERE, read=groups.embedding_bag, on_tensors=InSteps(steps.embedding_bag)),
    unbounded("_embedding_bag_backward", EVERYWHERE, read=groups.embedding_bag_backward),
    unbounded("_embedding_bag_per_sample_weights_backward", EVERYWHERE, read=groups.embedding_bag_weights_backward),
)
