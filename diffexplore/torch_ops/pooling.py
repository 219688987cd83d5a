"""Records of pooling, of resizing, and of their gradients."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import interpolation, linear, resizing
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.readers import places
from diffexplore.torch_ops.readers import pooling as read
from diffexplore.torch_ops.records import Operator, composed, handled, smooth
from diffexplore.torch_ops.tensor_rules import antialiasing
from diffexplore.torch_ops.tensor_rules.operands import InSteps
from diffexplore.torch_ops.tensor_rules.pooling import average, fractional, largest, put_by_indices

_added = partial(smooth, bound=Handled(linear.added_up))
_added_in_own = partial(smooth, bound=Handled(linear.added_in_own_dtype))
_ordered = partial(handled, defined=EVERYWHERE, handler=linear.ordered)
_NEAREST = ("upsample_nearest", "_upsample_nearest_exact")

OPERATORS: tuple[Operator, ...] = (
    *(_added(f"avg_pool{axes}d", read=read.average(axes), on_tensors=average(axes)) for axes in (2, 3)),
    *(
        _added(
            f"_adaptive_avg_pool{axes}d", read=read.adaptive_average(axes), on_tensors=average(axes, adaptive=True)
        )
        for axes in (2, 3)
    ),
    *(
        _added_in_own(
            f"{which}avg_pool{axes}d_backward", read=back(axes),
            on_tensors=average(axes, adaptive=bool(which), backward=True),
        )
        for which, back in (("", read.average_backward), ("_adaptive_", read.adaptive_average_backward))
        for axes in (2, 3)
    ),
    *(
        _ordered(f"max_pool{axes}d_with_indices", read=read.largest(axes), on_tensors=largest(axes))
        for axes in (2, 3)
    ),
    *(
        _ordered(
            f"adaptive_max_pool{axes}d", read=read.adaptive_largest(axes), on_tensors=largest(axes, adaptive=True)
        )
        for axes in (2, 3)
    ),
    _ordered("fractional_max_pool2d fractional_max_pool3d", on_tensors=fractional),
    *(
        smooth(
            f"max_pool{axes}d_with_indices_backward", bound=Handled(linear.by_index), read=read.by_index(axes, -1),
            on_tensors=put_by_indices,
        )
        for axes in (2, 3)
    ),
    *(
        smooth(
            f"adaptive_max_pool{axes}d_backward", bound=Handled(linear.by_index), read=read.by_index(axes, 0),
            on_tensors=put_by_indices,
        )
        for axes in (2, 3)
    ),
    *(
        smooth(
            f"fractional_max_pool{axes}d_backward", bound=Handled(linear.by_index), read=read.by_index(axes, -1)
        )
        for axes in (2, 3)
    ),
    *(
        part
        for name in (f"{which}{axes}d" for which in _NEAREST for axes in (1, 2, 3))
        for part in (
            composed(name, EVERYWHERE, steps=resizing.nearest(name), read=places.nearest(name)),
            _added_in_own(f"{name}_backward", read=places.nearest_backward(f"{name}_backward")),
        )
    ),
    *(
        composed(
            which, EVERYWHERE, steps=interpolation.forward(which), rewritten=resizing.linear(which),
            on_tensors=InSteps(interpolation.forward(which)),
        )
        for which in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
    ),
    composed(
        "upsample_bicubic2d", EVERYWHERE, steps=interpolation.forward("upsample_bicubic2d"),
        on_tensors=InSteps(interpolation.forward("upsample_bicubic2d")),
    ),
    *(
        composed(
            f"{which}_backward", EVERYWHERE, steps=interpolation.backward(which), rewritten=resizing.backward(which),
            on_tensors=InSteps(interpolation.backward(which)),
        )
        for which in ("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d")
    ),
    *(
        composed(
            f"{which}_backward", EVERYWHERE, steps=resizing.backward(which), rewritten=resizing.backward(which)
        )
        for which in ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
    ),
    *(
        _added_in_own(f"replication_pad{axes}d_backward", read=places.replication_backward(axes))
        for axes in (1, 2, 3)
    ),
    composed("_upsample_bilinear2d_aa", EVERYWHERE, steps=antialiasing.bilinear_antialiased),
    composed("_upsample_bicubic2d_aa", EVERYWHERE, steps=antialiasing.bicubic_antialiased),
)  # fmt: skip
