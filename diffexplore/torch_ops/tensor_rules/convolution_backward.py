"""The way back of a convolution, as an operator of its own: in steps, so that it can be differentiated again."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from diffexplore.torch_ops.tensor_rules.windows import sliding

Tensor = torch.Tensor


def convolution_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, bias_sizes: Sequence[int] | None, stride: list[int],
    padding: list[int], dilation: list[int], transposed: bool, output_padding: list[int], groups: int,
    output_mask: list[bool],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients by the operand, the weight and the bias; None for those that are masked out."""
    axes = weight.dim() - 2
    stride, padding, dilation = (
        list(one) * axes if len(one) == 1 else list(one) for one in (stride, padding, dilation)
    )
    missing = [
        size - ((count - 1) * s - 2 * p + d * (k - 1) + 1)
        for size, count, s, p, d, k in zip(
            x.shape[2:], gradient.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True
        )
    ]
    by_x = by_weight = by_bias = None
    if output_mask[0]:
        extra = [0] * axes if transposed else missing
        by_x = torch.ops.aten.convolution(
            gradient, weight, None, stride, padding, dilation, not transposed, extra, groups
        )
    if output_mask[1]:
        small, large = (x, gradient) if transposed else (gradient, x)
        index = torch.from_numpy(sliding(large.shape[2:], weight.shape[2:], stride, padding, dilation, small.shape[2:]))
        padded = torch.nn.functional.pad(large.flatten(2), (0, 1))
        windows = padded[:, :, torch.where(index < 0, padded.shape[-1] - 1, index)]
        n, channels, places, count = windows.shape
        rows = windows.reshape(n, groups, channels // groups * places, count).permute(1, 2, 0, 3).flatten(2)
        others = small.reshape(n, groups, small.shape[1] // groups, count).permute(1, 2, 0, 3).flatten(2)
        by_weight = (others @ rows.mT).reshape(weight.shape)
    if output_mask[2]:
        by_bias = gradient.sum([0, *range(2, 2 + axes)])
    return by_x, by_weight, by_bias
