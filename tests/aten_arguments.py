"""Arguments for ATen operators: operands of elementwise ones in their domain, and examples of the others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy
import torch

from diffexplore.torch_ops.domains import AS_COMPOSED, NOT_STATED
from diffexplore.torch_ops.records import Operator

Tensor = torch.Tensor

#: Values in, on and beyond the ends of the domains, zeros and ties among them; all are short binary fractions.
GRID = (-2.5, -2.0, -1.5, -1.0, -0.75, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)

A, B = (
    torch.tensor([[0.5, -1.25, 2.0], [0.75, 3.0, -0.5]]).double(),
    torch.tensor([[1.5, 0.25, -2.0], [4.0, 0.5, 1.0]]).double(),
)
SQUARE = torch.tensor([[0.5, -1.25], [2.0, 0.75]]).double()
ROWS = torch.tensor([[2, 0, 1], [0, 0, 2]])
MASK = torch.tensor([[True, False, True], [False, True, False]])
WHOLE = torch.tensor([[6, 3, 5], [1, 0, 7]])
OTHER = torch.tensor([[3, 3, 1], [2, 0, 4]])


def packet(name: str) -> Any:
    """All overloads of an operator."""
    namespace, _, plain = name.rpartition("::")
    return getattr(getattr(torch.ops, namespace or "aten"), plain, None) or getattr(torch.ops.prims, plain)


_NEAREST = ("upsample_nearest", "_upsample_nearest_exact")


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Short binary fractions, no two equal."""
    generator = torch.Generator().manual_seed(seed)
    count = torch.Size(shape).numel()
    return ((torch.randperm(count, generator=generator) - count / 2 + 0.25) / 8).double().reshape(shape)


#: Matrices that need no exchange of rows, and one that is above 0.
SOLVED, POSITIVE = torch.tensor([[4.0, 1.0], [-0.5, 3.0]]).double(), torch.tensor([[4.0, 1.0], [1.0, 3.0]]).double()
LOWER = torch.tensor([[2.0, 0.0], [0.5, 1.5]]).double()
PIVOTS = torch.tensor([1, 2], dtype=torch.int32)
LINE, PLANE, SPACE = numbers(1, 2, 5), numbers(1, 2, 4, 5, seed=1), numbers(1, 1, 3, 4, 4, seed=2)
BAGS = (torch.tensor([2, 0, 1, 0]), torch.tensor([0, 3]))
_CONVOLUTION = ([2], [1], [1], False, [0], 2)
_POOLED, _POOLED_3 = ([3, 2], [2, 1], [1, 0], True, False, None), ([2, 2, 2], [1, 2, 1], [0, 1, 0], False, True, 3)
_LARGEST, _LARGEST_3 = ([2, 3], [2, 2], [1, 1], [1, 1], True), ([2, 2, 2], [1, 2, 2], [0, 0, 0], [1, 1, 1], False)


def _backward(forward: Any, back: str, x: Tensor, *args: Any, **options: Any) -> tuple[Any, ...]:
    """Arguments of the way back of a pooling for the largest, whose indices its forward finds."""
    values, index = forward(x, *args)
    return (numbers(*values.shape, seed=3), x, *options.get("given", args), index)


#: One call of each operator with a reader that is no formula of its elements: positional arguments, and named ones last.
CALLS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("lt", "gt", "le", "ge", "eq", "ne"), (A, B)),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), (MASK, ~MASK)), "logical_not": (MASK,),
    **dict.fromkeys(
        ("bitwise_and", "__and__", "bitwise_or", "__or__", "bitwise_xor", "__xor__"), (WHOLE, OTHER)
    ), "bitwise_not": (WHOLE,),
    "where": (MASK, A, B), "masked_fill": (A, MASK, 1.5), "signbit": (A,), "isnan": (A,), "isinf": (A,),
    "nan_to_num": (A,), "fmax": (A, B), "fmin": (A, B),
    "clamp": (A, -1.0, 1.5), "clamp_min": (A, 0.5), "clamp_max": (A, 0.5),
    "logit": (A.sigmoid(),), "special_logit": (A.sigmoid(), 0.25), "logit_backward": (B, A.sigmoid(), 0.25),
    "polygamma": (1, B.abs()), "special_polygamma": (2, B.abs()), "polygamma_": (B.abs(), 1),
    "softplus": (A, 2.0, 3.0), "softplus_backward": (B, A, 2.0, 3.0), "hardsigmoid_backward": (B, 2 * A),
    "binary_cross_entropy": (A.sigmoid(), B.sigmoid()),
    "binary_cross_entropy_backward": (torch.tensor(1.5).double(), A.sigmoid(), B.sigmoid()),
    "sum": (A, [1]), "mean": (A, [0], True), "prims::sum": (A, [1]), "prims::var": (A, [1], 1.0),
    "var": (A, [1]), "std": (A,), "var_mean": (A, [0]), "std_mean": (A, [0]),
    "linalg_vector_norm": (A, 3.0, [1]), "norm": (A, 2, [0]), "amax": (A, [1]), "amin": (A, [0], True),
    "max": (A, 1), "min": (A,), "argmax": (A, 1), "argmin": (A, 0), "prod": (A, 1),
    "any": (MASK, 1), "all": (MASK, 0), "cumsum": (A, 1), "cumprod": (A, 0), "logsumexp": (A, [1]),
    "_softmax": (A, 1, False), "_log_softmax": (A, 0, False),
    "_softmax_backward_data": (B, A.softmax(1), 1, torch.float64),
    "_log_softmax_backward_data": (B, A.log_softmax(1), 1, torch.float64),
    "mm": (A, B.t()), "bmm": (torch.stack([A, B]), torch.stack([B.t(), A.t()])),
    **dict.fromkeys(("alias", "detach", "lift_fresh", "lift", "conj", "clone", "_lazy_clone", "contiguous", "lift_fresh_copy", "detach_copy", "alias_copy", "conj_physical", "t"), (A,)),
    **{name: (A, [3, 2]) for name in ("view", "_unsafe_view", "reshape", "view_copy")},
    "_reshape_alias": (A, [3, 2], [2, 1]), "expand": (A, [2, 2, 3]), "expand_copy": (A, [2, 2, 3]),
    "permute": (A, [1, 0]), "transpose": (A, 0, 1), "unsqueeze": (A, 1), "squeeze": (A[:, None], 1),
    "select": (A, 1, 2), "slice": (A, 1, 0, 3, 2), "narrow": (A, 1, 1, 2), "split": (A, 2, 1),
    "split_with_sizes": (A, [1, 2], 1), "unbind": (A, 1), "repeat": (A, [2, 1]), "flip": (A, [1]), "roll": (A, [1], [1]),
    "diagonal": (A, 1), "cat": ([A, B], 1), "stack": ([A, B], 2),
    "select_backward": (A[0], [2, 3], 0, 1), "slice_backward": (A[:, :2], [2, 3], 1, 0, 2, 1),
    "diagonal_backward": (A[0, :2], [2, 3], 0, 0, 1), "constant_pad_nd": (A, [1, 0, 0, 2], 0.5),
    "index": (A, [None, ROWS[0]]), "_unsafe_index": (A, [None, ROWS[0]]), "index_select": (A, 1, ROWS[0]),
    "gather": (A, 1, ROWS), "scatter": (A, 1, ROWS[:, :1], B), "scatter_add": (A, 1, ROWS, B),
    "select_scatter": (A, B[0], 0, 1), "slice_scatter": (A, B[:, :2], 1, 0, 2),
    "index_put": (A, [None, ROWS[0]], B), "_unsafe_index_put": (A, [MASK], torch.tensor(1.5).double()),
    **{name: ([2, 3],) for name in ("zeros", "ones")}, "full": ([2, 3], 1.5), "scalar_tensor": (1.5,),
    **dict.fromkeys(("zeros_like", "ones_like", "zero"), (A,)), "full_like": (A, 1.5), "new_full": (A, [2], 1.5),
    **{name: (A, [2, 3]) for name in ("new_zeros", "new_ones")}, "_efficientzerotensor": ([2, 3],),
    "fill": (A, 1.5), "copy": (A, B), "arange": (4,), "eye": (3, 2), "_to_copy": (A,), "to": (A, torch.float64),
    "convert_element_type": (A, torch.float64),
    "convolution": (LINE, numbers(4, 1, 3, seed=4), numbers(4), *_CONVOLUTION),
    "convolution_backward": (
        numbers(1, 4, 3, seed=5), LINE, numbers(4, 1, 3, seed=4), [4], *_CONVOLUTION, [True, True, True]
    ),
    "avg_pool2d": (PLANE, *_POOLED), "avg_pool3d": (SPACE, *_POOLED_3),
    "avg_pool2d_backward": (numbers(1, 2, 3, 4), PLANE, *_POOLED),
    "avg_pool3d_backward": (numbers(1, 1, 2, 3, 3), SPACE, *_POOLED_3),
    "_adaptive_avg_pool2d": (PLANE, [3, 2]), "_adaptive_avg_pool3d": (SPACE, [2, 3, 2]),
    "_adaptive_avg_pool2d_backward": (numbers(1, 2, 3, 2), PLANE),
    "_adaptive_avg_pool3d_backward": (numbers(1, 1, 2, 3, 2), SPACE),
    "max_pool2d_with_indices": (PLANE, *_LARGEST), "max_pool3d_with_indices": (SPACE, *_LARGEST_3),
    "adaptive_max_pool2d": (PLANE, [3, 2]), "adaptive_max_pool3d": (SPACE, [2, 3, 2]),
    **{f"max_pool{n}d_with_indices_backward": _backward(
        packet(f"max_pool{n}d_with_indices"), "", x, *given) for n, x, given in ((2, PLANE, _LARGEST), (3, SPACE, _LARGEST_3))},
    **{f"adaptive_max_pool{n}d_backward": _backward(
        packet(f"adaptive_max_pool{n}d"), "", x, size, given=()) for n, x, size in ((2, PLANE, [3, 2]), (3, SPACE, [2, 3, 2]))},
    **{f"fractional_max_pool{n}d_backward": _backward(
        packet(f"fractional_max_pool{n}d"), "", x, [2] * n, [1] * n, torch.full((1, x.shape[1], n), 0.25).double(),
        given=([2] * n, [1] * n)) for n, x in ((2, PLANE), (3, SPACE))},
    **{f"{name}{n}d": (x, [3, 7, 2][:n]) for n, x in ((1, LINE), (2, PLANE), (3, SPACE)) for name in _NEAREST},
    **{f"{name}{n}d_backward": (numbers(*x.shape[:2], *[3, 7, 2][:n]), [3, 7, 2][:n], list(x.shape))
       for n, x in ((1, LINE), (2, PLANE), (3, SPACE)) for name in _NEAREST},
    **{f"replication_pad{n}d_backward": (
        numbers(*x.shape[:2], *(size + 3 for size in x.shape[2:])), x, [1, 2] * n) for n, x in ((1, LINE), (2, PLANE), (3, SPACE))},
    "multi_margin_loss_backward": (torch.tensor(1.5).double(), A, torch.tensor([2, 0]), 2, 1.0, A[0].abs(), 2),
    "multilabel_margin_loss_backward": (
        torch.tensor(1.5).double(), A, torch.tensor([[2, -1, 0], [0, 1, -1]]), 1, torch.tensor([[0, 0, 1.0], [1, 1, 0]]).double()
    ),
    "as_strided": (A, [2, 2], [1, 2], 1), "as_strided_scatter": (A, B[:, :2], [2, 2], [3, 1], 1),
    "take": (A, ROWS), "put": (A, ROWS[0], B[0], True),
    "masked_scatter": (A, MASK, B), "masked_scatter_backward": (A, MASK, [4]),
    "scatter_reduce": (A, 1, ROWS, B, "mean"), "index_reduce": (A, 1, torch.tensor([2, 0, 2]), B, "prod"),
    "segment_reduce": (A, "max", {"lengths": torch.tensor([2]), "initial": -1.0}),
    "_segment_reduce_backward": (
        B[:1], A.amax(0, keepdim=True), A, "max", {"lengths": torch.tensor([2])}
    ),
    "_embedding_bag": (numbers(3, 2), *BAGS, False, 2),
    "_embedding_bag_forward_only": (numbers(3, 2), *BAGS, False, 2), "_embedding_bag_backward": (
        numbers(2, 2), *BAGS, torch.tensor([0, 0, 0, 1]), torch.tensor([3, 1]), torch.zeros(2, 2).long(), 3, False, 1, False, None
    ),
    "_embedding_bag_per_sample_weights_backward": (
        numbers(2, 2), numbers(3, 2, seed=1), *BAGS, torch.tensor([0, 0, 0, 1]), 0
    ),
    "linalg_inv_ex": (SOLVED,), "_linalg_det": (SOLVED,), "_linalg_slogdet": (SOLVED,),
    "_linalg_solve_ex": (SOLVED, B[:, :2]), "linalg_lu_factor_ex": (SOLVED,),
    "linalg_lu_solve": (SOLVED, PIVOTS, A), "lu_unpack": (SOLVED, PIVOTS),
    "linalg_solve_triangular": (SOLVED, A, {"upper": True}), "triangular_solve": (A, SOLVED, True, True),
    **dict.fromkeys(("linalg_cholesky_ex", "cholesky"), (POSITIVE,)),
    "cholesky_inverse": (LOWER,), "cholesky_solve": (A, LOWER),
    "sort": (A, 1, True), "topk": (A, 2, 1), "kthvalue": (A, 2, 1), "median": (A, 1), "nanmedian": (A, 0), "mode": (A, 1),
    "cummax": (torch.cat([A, A], 1), 1), "cummin": (torch.cat([A, A], 1), 1),
    "view_as_real": (torch.complex(A, B),), "view_as_complex": (torch.stack([A, B], -1),),
    "_fft_c2c": (torch.complex(A, B), [0, 1], 1, False), "_fft_r2c": (torch.cat([A, B], 1), [0, 1], 2, True),
    "_fft_c2r": (torch.complex(A, B), [0, 1], 0, 4),
}  # fmt: skip

#: What they make holds nothing yet.
UNWRITTEN = {"empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided"}


def of_elements(known: Operator, *, least: int = 1) -> tuple[Any, int]:
    """An overload of an elementwise operator, and how many numbers it takes: tensors, if it can."""
    listed = [getattr(packet(known.name), one) for one in packet(known.name).overloads() if not one.endswith("out")]
    for overload in sorted(
        listed, key=lambda one: sum(str(argument.type) == "number" for argument in one._schema.arguments)
    ):
        needed = [one for one in overload._schema.arguments if not one.has_default_value() and not one.kwarg_only]
        if len(needed) >= least and all(str(one.type) in ("Tensor", "number") for one in needed):
            return overload, len(needed)
    raise AssertionError(known.name)


def run(overload: Any, operands: Sequence[Tensor]) -> Tensor:
    """Calls an operator on tensors of one element each where it takes tensors, else on their numbers."""
    kinds = [str(one.type) for one in overload._schema.arguments]
    result: Tensor = overload(*(x if kind == "Tensor" else x.item() for kind, x in zip(kinds, operands, strict=False)))
    return result


def grid_points(count: int) -> list[tuple[float, ...]]:
    """Every combination of values of the grid; of three operands, fewer."""
    return list(itertools.product(*([GRID] * count if count < 3 else [GRID[::2], GRID, GRID[1::3]])))


def in_domain(known: Operator, point: Sequence[float]) -> bool:
    """Whether the record says that it has a value at a point."""
    if known.defined in (AS_COMPOSED, NOT_STATED):
        return True
    return known.defined.condition(*map(sympy.Rational, point)) is sympy.true
