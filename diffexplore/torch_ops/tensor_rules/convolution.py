"""Convolutions of one to three axes, and their transposes, as products with windows of the operand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import add
from diffexplore.arithmetic.tensor_balls import shaped, summed
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall
from diffexplore.torch_ops.tensor_rules.products import turned
from diffexplore.torch_ops.tensor_rules.windows import each, put_back, seen_by, sliding


def convolution(call: OperatorCall) -> Applied:
    """The convolution of (N, C, *sizes) with (O, C / groups, *kernel), or its transpose, plus a bias."""
    x, weight, bias, stride, padding, dilation, transposed, _, groups = call.args
    shape = tuple(call.out.shape)
    axes = len(weight.shape) - 2
    small, large = (x.shape, shape) if transposed else (shape, x.shape)
    index = sliding(
        large[2:], weight.shape[2:], each(stride, axes), each(padding, axes), each(dilation, axes), small[2:]
    )
    # The weight in rows of the small tensor's channels, for each group.
    rows = shaped(weight.number, lambda field: field.reshape(groups, weight.shape[0] // groups, -1))
    merged = x.shape[0], groups
    operand = shaped(x.number, lambda field: field.reshape(*merged, x.shape[1] // groups, -1))
    if transposed:
        value = _gathered_back(matmul(turned(rows), operand), index, large, groups)
    else:
        windows = _windows(operand, index)
        value = matmul(rows, windows)
    value = shaped(value, lambda field: field.reshape(shape))
    if bias is not None:
        value = add(value, shaped(bias.number, lambda field: field.reshape(-1, *[1] * axes)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        cotangent = shaped(cotangents[0], lambda field: field.reshape(*merged, shape[1] // groups, -1))
        first, second = (operand, _windows(cotangent, index)) if transposed else (cotangent, windows)
        found: list[DoubleBall | None] = [None, None]
        if x.varies:
            back = matmul(rows, second) if transposed else matmul(turned(rows), cotangent)
            back = back if transposed else _gathered_back(back, index, large, groups)
            found[0] = shaped(back, lambda field: field.reshape(x.shape))
        if weight.varies:
            found[1] = shaped(_over_samples(first, second), lambda field: field.reshape(weight.shape))
        if isinstance(bias, Operand):
            others = [0, *range(2, 2 + axes)]
            found.append(summed(cotangents[0], others) if bias.varies else None)
        return found

    return Applied((value,), pullback)


def _windows(operand: DoubleBall, index: np.ndarray) -> DoubleBall:
    """(N, groups, C, size) as (N, groups, C · places of the kernel, places of the result)."""
    n, groups, channels, _ = operand.high.shape
    return shaped(seen_by(operand, index), lambda field: field.reshape(n, groups, channels * len(index), -1))


def _gathered_back(columns: DoubleBall, index: np.ndarray, large: tuple[int, ...], groups: int) -> DoubleBall:
    """The transpose of :func:`_windows`, in the shape of the large tensor."""
    n, size = large[0], int(np.prod(large[2:]))
    windows = shaped(columns, lambda field: field.reshape(n, groups, large[1] // groups, *index.shape))
    return shaped(put_back(windows, index, size), lambda field: field.reshape(large))


def _over_samples(first: DoubleBall, second: DoubleBall) -> DoubleBall:
    """Σ over samples and places of first · second: (groups, rows of first, rows of second), in one product."""
    one, other = (
        shaped(ball, lambda field: field.transpose(1, 2, 0, 3).reshape(field.shape[1], field.shape[2], -1))
        for ball in (first, second)
    )
    return matmul(one, turned(other))
