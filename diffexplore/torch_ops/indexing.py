"""Records of indices, and of the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import backward_steps, linear
from diffexplore.bounds import movement as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.readers import groups, places, rewritten
from diffexplore.torch_ops.readers import scatter as read
from diffexplore.torch_ops.records import Operator, composed, in_steps, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import grids, steps
from diffexplore.torch_ops.tensor_rules import indexing as tensors
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
    smooth("as_strided_scatter", bound=_MOVED, read=places.as_strided_scatter, on_tensors=tensors.put_by_strides),
    smooth("masked_select", bound=_MOVED, on_tensors=InSteps(steps.masked_select)),
    smooth("masked_scatter", bound=_MOVED, read=places.masked_scatter, on_tensors=moved),
    smooth("masked_scatter_backward", bound=_MOVED, read=places.masked_scatter_backward),
    smooth("diagonal_scatter", bound=_MOVED, rewritten=rewritten.diagonal_scatter, on_tensors=moved),
    smooth("take", bound=_MOVED, read=places.taken, on_tensors=moved),
    smooth("index_add", bound=Handled(linear.added_at), on_tensors=tensors.index_add),
    smooth("index_copy", bound=_MOVED, on_tensors=tensors.index_copy),
    unbounded("max_unpool2d max_unpool3d", EVERYWHERE, on_tensors=tensors.unpooled),
    smooth("index_fill", bound=Handled(bound.index_fill), on_tensors=moved),
    smooth(
        "take_along_dim copy_to "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
        "pixel_shuffle pixel_unshuffle channel_shuffle im2col",
        bound=_MOVED,
        on_tensors=moved,
    ),
    in_steps("scatter_reduce", EVERYWHERE, read=groups.scatter_reduce, steps=steps.scatter_reduce),
    in_steps("index_reduce", EVERYWHERE, read=groups.index_reduce, steps=steps.index_reduce),
    in_steps("segment_reduce", EVERYWHERE, read=groups.segment_reduce, steps=steps.segment_reduce),
    composed(
        "_segment_reduce_backward",
        EVERYWHERE,
        steps=backward_steps.segments(steps.segment_reduce),
        read=groups.segment_reduce_backward,
    ),
    in_steps(
        "_embedding_bag _embedding_bag_forward_only", EVERYWHERE, read=groups.embedding_bag, steps=steps.embedding_bag
    ),
    composed(
        "_embedding_bag_backward",
        EVERYWHERE,
        steps=backward_steps.embedding_bag(steps.embedding_bag),
        read=groups.embedding_bag_backward,
    ),
    composed(
        "_embedding_bag_per_sample_weights_backward",
        EVERYWHERE,
        steps=backward_steps.weights_of_bags,
        read=groups.embedding_bag_weights_backward,
    ),
    *(in_steps(f"grid_sampler_{axes}d", EVERYWHERE, steps=grids.sampled) for axes in (2, 3)),
    *(
        composed(f"grid_sampler_{axes}d_backward", EVERYWHERE, steps=backward_steps.grid_sampler(grids.sampled))
        for axes in (2, 3)
    ),
)
