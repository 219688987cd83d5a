"""Operators on sparse tensors, in steps on dense ones whose entries are 0 where a sparse tensor holds none.

Which entries a tensor holds is frozen at what the program found, as autograd has it. An entry that is not held because
it is 0 may be held beside: nothing is known of its derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules.operands import NotCertified
from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

LAYOUTS = frozenset({torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc})


@dataclass(frozen=True, eq=False)
class SparseOperand:
    """A sparse tensor among the arguments of an operator: ``dense`` on the tape, and as it was ``given``."""

    dense: Tensor
    given: Tensor

    @property
    def held(self) -> Tensor:
        """Where it holds an entry."""
        return held(self.given)


def held(sparse: Tensor) -> Tensor:
    """Where a sparse tensor holds an entry: truth values, dense."""
    with disable_current_modes():
        found = torch.zeros(sparse.numel(), dtype=torch.bool, device="cpu")
        found[places_of(sparse)] = True
        return found.reshape(sparse.shape)


def places_of(sparse: Tensor) -> Tensor:
    """The place, in a dense tensor in rows, of each number that a sparse tensor holds, in their order."""
    with disable_current_modes():
        if sparse.device.type != "cpu":
            sparse = sparse.detach().cpu()
        values = sparse.detach()._values() if sparse.layout is torch.sparse_coo else sparse.detach().values()
        numbers = torch.arange(1, values.numel() + 1, device="cpu").reshape(values.shape)
        if sparse.layout is torch.sparse_coo:
            found = torch.sparse_coo_tensor(sparse.detach()._indices(), numbers, sparse.shape).to_dense()
        else:
            by_rows = sparse.layout in (torch.sparse_csr, torch.sparse_bsr)
            ends = sparse.crow_indices() if by_rows else sparse.ccol_indices()
            others = sparse.col_indices() if by_rows else sparse.row_indices()
            found = torch.sparse_compressed_tensor(ends, others, numbers, sparse.shape, layout=sparse.layout).to_dense()
        places = found.reshape(-1).nonzero().reshape(-1)
        if len(places) != values.numel():
            raise NotCertified("a sparse tensor holds an entry twice")
        return places[found.reshape(-1)[places].argsort()]


def _made_of(out: Tensor, values: Tensor) -> Tensor:
    """The dense tensor of a sparse one, of the values that it is made of."""
    return values.new_zeros(out.numel()).index_put((places_of(out),), values.reshape(-1)).reshape(out.shape)


def _of_indices(
    out: Tensor, sparse_dim: int, dense_dim: int, size: list[int], indices: Tensor, values: Tensor, **_: Any
) -> Tensor:
    """sparse_coo_tensor: what has the same index is added up."""
    return values.new_zeros(size).index_put(tuple(indices.unbind(0)), values, accumulate=True)


def _to_sparse(out: Tensor, x: Any, *_: Any, **__: Any) -> Tensor:
    if isinstance(x, SparseOperand):
        return x.dense
    return torch.where(held(out) | _not_zero(x), x, 0.0)


def _not_zero(x: Tensor) -> Tensor:
    if x.is_complex():
        return _not_zero(x.real) | _not_zero(x.imag)
    return (x < 0) | (x > 0)


def _values(out: Tensor, x: SparseOperand) -> Tensor:
    return x.dense.reshape(-1)[places_of(x.given)].reshape(out.shape)


def _masked(out: Tensor, x: Any, mask: SparseOperand, *_: Any) -> Tensor:
    """sparse_mask."""
    return torch.where(mask.held, _dense(x), 0.0)


def _sampled_product(
    out: Tensor, x: SparseOperand, first: Tensor, second: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """sparse_sampled_addmm."""
    return torch.where(x.held, beta * x.dense + alpha * (first @ second), 0.0)


def _reduced_product(out: Any, x: SparseOperand, other: Tensor, reduce: str) -> tuple[Tensor, Tensor]:
    """_sparse_mm_reduce_impl: of the products that are added up in a row, their sum, mean, largest or smallest."""
    where, found = x.held, x.dense @ other
    counts = where.sum(1, keepdim=True)
    if reduce == "mean":
        found = found / counts.clamp(min=1)
    elif reduce in ("amax", "amin"):
        nothing = -torch.inf if reduce == "amax" else torch.inf
        products = torch.where(where.unsqueeze(-1), x.dense.unsqueeze(-1) * other, nothing)
        found = torch.where(counts > 0, getattr(torch, reduce)(products, 1), 0.0)
    elif reduce != "sum":
        raise NotCertified(f"sparse products reduced by {reduce} have no rule")
    return found, out[1]


def _softmax(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def steps(out: Tensor, x: SparseOperand, dim: int, half_to_float: bool = False) -> Tensor:
        empty = ~x.held.any(dim, keepdim=True)
        found = function(torch.where(x.held | empty, x.dense, -torch.inf), dim)
        return torch.where(x.held, found, 0.0)

    return steps


def _dense(leaf: Any) -> Any:
    return leaf.dense if isinstance(leaf, SparseOperand) else leaf


def _on_dense(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same operator, or another one, on dense tensors."""

    def steps(out: Any, *args: Any, **options: Any) -> Any:
        return function(*(_dense(one) for one in args), **options)

    return steps


def _itself(out: Any, x: Any, *_: Any, **__: Any) -> Any:
    return _dense(x)


#: Operators that make sparse tensors of dense ones.
MAKES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("_to_sparse", "_to_sparse_csr", "_to_sparse_csc", "_to_sparse_bsr", "_to_sparse_bsc"), _to_sparse),
    "_sparse_coo_tensor_with_dims_and_tensors": _of_indices,
    "sparse_compressed_tensor": lambda out, ends, others, values, *_, **__: _made_of(out, values),
}

#: Operators that take sparse tensors. Those of elements keep 0.
STEPS: dict[str, Callable[..., Any]] = {
    "_to_dense": lambda out, x, *_, **__: _dense(x).clone(),
    **dict.fromkeys(("detach", "alias", "clone", "_coalesce", "lift_fresh"), _itself),
    "values": _values, "_values": _values, "sparse_mask": _masked, "sparse_sampled_addmm": _sampled_product,
    "_sparse_mm_reduce_impl": _reduced_product,
    "_sparse_softmax": _softmax(torch.softmax), "_sparse_log_softmax": _softmax(torch.log_softmax),
    "_sparse_addmm": _on_dense(torch.addmm), "_sparse_sparse_matmul": _on_dense(torch.mm),
    "hspmm": _on_dense(torch.mm), "sspaddmm": _on_dense(torch.addmm), "_sparse_sum": _on_dense(torch.sum),
    **{name: _on_dense(getattr(torch, name)) for name in (
        "mm", "mv", "bmm", "addmm", "mul", "div", "add", "sub", "neg", "t", "transpose", "permute", "sum", "abs", "sin",
        "tan", "sinh", "tanh", "asin", "asinh", "atan", "atanh", "sqrt", "square", "pow", "relu", "expm1",
        "log1p", "erf",
    )},
}  # fmt: skip
