"""Records of products of matrices and vectors, and of convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from diffexplore.bounds import products as bound
from diffexplore.bounds import recurrent
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.readers import windows
from diffexplore.torch_ops.records import Operator, composed, in_steps, smooth
from diffexplore.torch_ops.tensor_rules import products as tensors
from diffexplore.torch_ops.tensor_rules import steps
from diffexplore.torch_ops.tensor_rules.convolution import convolution
from diffexplore.torch_ops.tensor_rules.convolution_backward import convolution_backward
from diffexplore.torch_ops.tensor_rules.operands import InSteps


def _product(multiply: Callable[..., torch.Tensor], *, added: bool = False) -> Handled:
    """The bound of a product, perhaps added to another tensor."""
    return Handled(partial(bound.product, multiply, added))


OPERATORS: tuple[Operator, ...] = (
    smooth("mm", bound=_product(torch.mm), read=read.mm, on_tensors=tensors.product),
    smooth("bmm", bound=_product(torch.bmm), read=read.bmm, on_tensors=tensors.product),
    smooth("mv", bound=_product(torch.mv), on_tensors=tensors.product),
    smooth("dot vdot", bound=_product(torch.dot), on_tensors=tensors.product),
    smooth("addmm", bound=_product(torch.mm, added=True), on_tensors=tensors.added_product),
    smooth("addmv", bound=_product(torch.mv, added=True), on_tensors=tensors.added_product),
    smooth("baddbmm", bound=_product(torch.bmm, added=True), on_tensors=tensors.added_product),
    smooth("convolution", bound=Handled(bound.convolution), read=windows.convolution, on_tensors=convolution),
    smooth(
        "convolution_backward", bound=Handled(bound.convolution), read=windows.convolution_backward,
        on_tensors=InSteps(convolution_backward),
    ),
    in_steps("mkldnn_rnn_layer", EVERYWHERE, steps=recurrent.layer),
    composed("mkldnn_rnn_layer_backward", EVERYWHERE, steps=recurrent.layer_backward),
    in_steps("addbmm", EVERYWHERE, steps=steps.added_products, rewritten=steps.added_products),
    in_steps("_trilinear", EVERYWHERE, steps=steps.trilinear, rewritten=steps.trilinear),
)  # fmt: skip
