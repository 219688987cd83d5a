"""Records of operators that make, move, copy, join, repeat or index elements: radii move like the values."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import formulas, movement
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.readers import constants, scatter
from diffexplore.torch_ops.readers import movement as read
from diffexplore.torch_ops.records import Operator, composed, smooth, unbounded

REARRANGED = Handled(movement.rearrange)
_JOINED = Handled(movement.join)

_moved = partial(smooth, bound=REARRANGED)

CREATED = Handled(movement.create)

_made = partial(smooth, bound=CREATED)
_FILLED = Handled(movement.fill, in_place=True)
_zeros, _ones = constants.constant(0), constants.constant(1)

OPERATORS: tuple[Operator, ...] = (
    _moved("alias detach lift_fresh lift conj", read=read.same),
    _moved("clone _lazy_clone", case("self"), read=read.copy),
    _moved("contiguous lift_fresh_copy detach_copy alias_copy conj_physical", read=read.copy),
    _moved("view _unsafe_view reshape _reshape_alias", read=read.view),
    _moved("view_copy", read=read.copied(read.view)),
    _moved("expand", read=read.expand),
    _moved("expand_copy", read=read.copied(read.expand)),
    _moved("permute", read=read.permute),
    _moved("transpose", read=read.transpose),
    _moved("t", read=read.t),
    _moved("unsqueeze", read=read.unsqueeze),
    _moved("squeeze", read=read.squeeze),
    _moved("select", read=read.select),
    _moved("slice", read=read.sliced),
    _moved("narrow", read=read.narrow),
    _moved("split split_with_sizes", read=read.split),
    _moved("unbind", read=read.unbind),
    _moved("repeat", read=read.repeat),
    _moved("flip", read=read.flip),
    _moved("roll", read=read.roll),
    _moved("diagonal", read=read.diagonal),
    _moved("as_strided movedim swapaxes diag_embed tril triu"),
    smooth("cat", bound=_JOINED, read=read.cat),
    smooth("stack", bound=_JOINED, read=read.stack),
    # ----------------------------------------------------- indices, and gradients put back to where elements came from
    _moved("select_backward", read=scatter.select_backward),
    _moved("slice_backward", read=scatter.slice_backward),
    _moved("diagonal_backward", read=scatter.diagonal_backward),
    smooth("constant_pad_nd", bound=Handled(movement.pad), read=scatter.pad),
    _moved("index _unsafe_index", read=scatter.indexed),
    _moved("index_select", read=scatter.index_select),
    _moved("gather", read=scatter.gather),
    _moved("embedding"),
    smooth("scatter", bound=Handled(movement.scatter), read=scatter.scatter),
    unbounded("select_scatter", EVERYWHERE, read=scatter.select_scatter),
    unbounded("slice_scatter", EVERYWHERE, read=scatter.slice_scatter),
    unbounded("index_put _unsafe_index_put", EVERYWHERE, read=scatter.index_put),
    unbounded("scatter_add", EVERYWHERE, read=scatter.scatter_add),
    # --------------------------------------------------------------- those that make, fill or convert tensors
    _made("zeros zeros_like new_zeros _efficientzerotensor", read=_zeros),
    _made("empty empty_like new_empty new_empty_strided empty_strided", read=_zeros),
    _made("ones ones_like new_ones", read=_ones),
    _made("full full_like", read=constants.full),
    _made("new_full", read=constants.new_full),
    _made("scalar_tensor", read=constants.scalar_tensor),
    _made("arange", read=constants.arange),
    _made("eye", read=constants.eye),
    _made("rand randn is_same_size _has_same_storage_numel"),
    smooth("fill", case("value"), bound=_FILLED, read=constants.full),
    smooth("zero", case("0"), bound=_FILLED, read=_zeros),
    smooth("copy", bound=Handled(movement.copy_into, in_place=True), read=constants.copied_into),
    smooth("_to_copy to convert_element_type", bound=Handled(movement.convert), read=constants.to_copy),
    composed("broadcast_in_dim", EVERYWHERE, steps=formulas.broadcast),
)
