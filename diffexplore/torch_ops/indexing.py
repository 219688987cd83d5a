"""Records of indices, and of the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import linear
from diffexplore.bounds import movement as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.readers import scatter as read
from diffexplore.torch_ops.records import Operator, smooth

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
    _moved("embedding"),
    smooth("scatter", bound=Handled(bound.scatter), read=read.scatter),
    smooth("select_scatter", bound=_MOVED, read=read.select_scatter),
    smooth("slice_scatter", bound=_MOVED, read=read.slice_scatter),
    smooth("index_put _unsafe_index_put", bound=Handled(linear.scattered), read=read.index_put),
    smooth("put", bound=Handled(linear.scattered)),
    smooth("scatter_add", bound=Handled(linear.added_up), read=read.scatter_add),
    smooth("masked_select masked_scatter masked_scatter_backward", bound=_MOVED),
)
