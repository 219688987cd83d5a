"""Records of pooling, of resizing, and of their gradients."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import linear, resizing
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.records import Operator, composed, handled, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import sampling
from diffexplore.torch_ops.tensor_rules.pooling import average, fractional, largest, put_by_indices

_added = partial(smooth, bound=Handled(linear.added_up))
_added_in_own = partial(smooth, bound=Handled(linear.added_in_own_dtype))
_ordered = partial(handled, defined=EVERYWHERE, handler=linear.ordered)

OPERATORS: tuple[Operator, ...] = (
    _added("avg_pool2d", on_tensors=average(2)),
    _added("avg_pool3d", on_tensors=average(3)),
    _added("_adaptive_avg_pool2d", on_tensors=average(2, adaptive=True)),
    _added("_adaptive_avg_pool3d", on_tensors=average(3, adaptive=True)),
    *(
        _added_in_own(f"{which}avg_pool{axes}d_backward", on_tensors=average(axes, adaptive=bool(which), backward=True))
        for which in ("", "_adaptive_")
        for axes in (2, 3)
    ),
    unbounded("max_pool2d_with_indices", EVERYWHERE, on_tensors=largest(2)),
    unbounded("max_pool3d_with_indices", EVERYWHERE, on_tensors=largest(3)),
    _ordered("fractional_max_pool2d fractional_max_pool3d", on_tensors=fractional),
    _ordered("adaptive_max_pool2d", on_tensors=largest(2, adaptive=True)),
    _ordered("adaptive_max_pool3d", on_tensors=largest(3, adaptive=True)),
    smooth("max_pool3d_with_indices_backward", bound=Handled(linear.by_index), on_tensors=put_by_indices),
    smooth(
        "adaptive_max_pool2d_backward adaptive_max_pool3d_backward", bound=Handled(linear.by_index),
        on_tensors=put_by_indices,
    ),
    smooth("fractional_max_pool2d_backward fractional_max_pool3d_backward", bound=Handled(linear.by_index)),
    _added_in_own("upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward"),
    *(_added_in_own(f"_upsample_nearest_exact{axes}d_backward") for axes in (1, 2, 3)),
    *(
        composed(f"{which}_backward", EVERYWHERE, steps=resizing.backward(which))
        for which in (
            "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d",
            "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
        )
    ),
    composed("_upsample_bilinear2d_aa", EVERYWHERE, steps=sampling.bilinear_antialiased),
    composed("_upsample_bicubic2d_aa", EVERYWHERE, steps=sampling.bicubic_antialiased),
    composed("grid_sampler_3d", EVERYWHERE, steps=sampling.grid_sampler_3d),
    _added_in_own("replication_pad1d_backward replication_pad2d_backward replication_pad3d_backward"),
)  # fmt: skip
