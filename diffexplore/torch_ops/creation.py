"""Records of operators that make, fill or convert tensors."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import drawing as draws
from diffexplore.bounds import formulas
from diffexplore.bounds import movement as bound
from diffexplore.bounds.created import create
from diffexplore.bounds.handling import Handled
from diffexplore.bounds.sequences import SEQUENCES
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.readers import constants as read
from diffexplore.torch_ops.records import Operator, composed, drawing, in_steps, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import complex_numbers
from diffexplore.torch_ops.tensor_rules import creation as tensors
from diffexplore.torch_ops.tensor_rules.dropout import native_dropout

CREATED = Handled(create)

_made = partial(smooth, bound=CREATED, on_tensors=tensors.created)
_FILLED = Handled(bound.fill, in_place=True)
_zeros, _ones = read.constant(0), read.constant(1)

OPERATORS: tuple[Operator, ...] = (
    _made("zeros zeros_like new_zeros _efficientzerotensor", read=_zeros),
    _made("empty empty_like new_empty new_empty_strided empty_strided", read=_zeros),
    _made("ones ones_like new_ones", read=_ones),
    _made("full full_like", read=read.full),
    _made("new_full", read=read.new_full),
    _made("scalar_tensor", read=read.scalar_tensor),
    _made("arange", read=read.arange),
    _made(" ".join(name for name in SEQUENCES if name != "arange")),
    _made("eye", read=read.eye),
    _made(
        "rand randn rand_like randn_like randint is_same_size _has_same_storage_numel _new_zeros_with_same_feature_meta"
    ),
    smooth(
        "bernoulli normal uniform exponential", bound=Handled(bound.drawn, in_place=True), on_tensors=tensors.created
    ),
    unbounded("geometric log_normal cauchy random randint_like", EVERYWHERE, on_tensors=tensors.created),
    drawing("native_dropout", EVERYWHERE, steps=draws.dropout, on_tensors=native_dropout),
    unbounded("_local_scalar_dense equal", EVERYWHERE, on_tensors=tensors.taken_out),
    unbounded("set resize resize_as", EVERYWHERE, on_tensors=tensors.changes_memory),
    in_steps("complex", EVERYWHERE, steps=complex_numbers.of_parts),
    in_steps("polar", EVERYWHERE, steps=complex_numbers.polar),
    smooth("fill", case("value"), bound=_FILLED, read=read.full, on_tensors=tensors.copied),
    smooth("zero", case("0"), bound=_FILLED, read=_zeros, on_tensors=tensors.created),
    smooth("copy", bound=Handled(bound.copy_into, in_place=True), read=read.copied_into, on_tensors=tensors.copied),
    smooth(
        "_to_copy to convert_element_type",
        bound=Handled(bound.convert),
        read=read.to_copy,
        on_tensors=tensors.converted,
    ),
    composed("broadcast_in_dim", EVERYWHERE, steps=formulas.broadcast),
)
