"""Records of products of matrices and vectors, and of convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from diffexplore.bounds import products as bound
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.readers import products as read
from diffexplore.torch_ops.records import Operator, operator

_smooth = partial(operator, defined=EVERYWHERE, kinks=kinks.nowhere)


def _product(multiply: Callable[..., torch.Tensor], *, added: bool = False) -> Handled:
    """The bound of a product, perhaps added to another tensor."""
    return Handled(partial(bound.product, multiply, added))


OPERATORS: tuple[Operator, ...] = (
    _smooth("mm", bound=_product(torch.mm), read=read.mm),
    _smooth("bmm", bound=_product(torch.bmm), read=read.bmm),
    _smooth("mv", bound=_product(torch.mv)),
    _smooth("dot vdot", bound=_product(torch.dot)),
    _smooth("addmm", bound=_product(torch.mm, added=True)),
    _smooth("addmv", bound=_product(torch.mv, added=True)),
    _smooth("baddbmm", bound=_product(torch.bmm, added=True)),
    _smooth("convolution convolution_backward", bound=Handled(bound.convolution)),
)
