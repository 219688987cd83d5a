"""Records of operators that move, copy, join or repeat elements: what they do to values, they do to radii."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import movement
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.readers import movement as read
from diffexplore.torch_ops.readers import places
from diffexplore.torch_ops.records import Operator, smooth

REARRANGED = Handled(movement.rearrange, in_place=True)
_JOINED = Handled(movement.join)

_moved = partial(smooth, bound=REARRANGED)

OPERATORS: tuple[Operator, ...] = (
    _moved("alias detach lift_fresh lift conj", read=read.same),
    _moved("clone _lazy_clone", case("self"), read=read.copy),
    _moved("contiguous lift_fresh_copy detach_copy alias_copy conj_physical", read=read.copy),
    _moved("view _unsafe_view reshape _reshape_alias", read=read.view),
    _moved("view_as_real view_as_complex", read=read.same),
    _moved("_conj _neg_view"),
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
    _moved("as_strided", read=places.as_strided),
    _moved("movedim swapaxes diag_embed tril triu unfold unsafe_split unsafe_split_with_sizes"),
    smooth("cat", bound=_JOINED, read=read.cat),
    smooth("stack", bound=_JOINED, read=read.stack),
)
