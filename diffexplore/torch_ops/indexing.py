"""Records of indices, and of the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import movement as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.readers import scatter as read
from diffexplore.torch_ops.records import Operator, operator, unbounded

_moved = partial(operator, bound=REARRANGED, defined=EVERYWHERE, kinks=kinks.nowhere)
_unbounded = partial(unbounded, defined=EVERYWHERE)

OPERATORS: tuple[Operator, ...] = (
    _moved("select_backward", read=read.select_backward),
    _moved("slice_backward", read=read.slice_backward),
    _moved("diagonal_backward", read=read.diagonal_backward),
    _moved("constant_pad_nd", bound=Handled(bound.pad), read=read.pad),
    _moved("index _unsafe_index", read=read.indexed),
    _moved("index_select", read=read.index_select),
    _moved("gather", read=read.gather),
    _moved("embedding"),
    _moved("scatter", bound=Handled(bound.scatter), read=read.scatter),
    _unbounded("select_scatter", read=read.select_scatter),
    _unbounded("slice_scatter", read=read.slice_scatter),
    _unbounded("index_put _unsafe_index_put", read=read.index_put),
    _unbounded("scatter_add", read=read.scatter_add),
)
