"""Sparse tensors on a tape: beside each lies a dense one, with 0 where it holds no entry, which the tape follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from diffexplore.tensors.storages import TensorStorages, is_real_or_complex, tensors_in
from diffexplore.torch_ops.tensor_rules import sparse
from diffexplore.torch_ops.tensor_rules.operands import NotCertified
from diffexplore.torch_private.watching import as_in_a_forward, disable_current_modes, storage_key, tree_map

Tensor = torch.Tensor

#: How far the numbers of a kernel for sparse tensors may be from those of dense ones, in roots of the unit roundoff.
_ALIKE = 0.5


class SparseStorages(TensorStorages):
    """The storages of dense tensors, and which of them stand for sparse tensors."""

    def __init__(self, sources: Sequence[Tensor]) -> None:
        super().__init__(sources)
        self._beside: dict[int, tuple[Tensor, Tensor]] = {}
        self._lent: dict[int, Tensor] = {}

    def _is_sparse_call(self, function: Any, arguments: Any) -> bool:
        """Whether an operator takes sparse tensors, or makes one of floats."""
        made = function._schema.name.partition("::")[2] in sparse.MAKES
        return any(
            leaf.layout in sparse.LAYOUTS or (made and is_real_or_complex(leaf)) for leaf in tensors_in(arguments)
        )

    def _unseen(self, function: Any, arguments: Any) -> str | None:
        """Why an operator does what the tape would not see: reads bits, or writes what a tensor holds another way."""
        keys = {storage_key(leaf): leaf for leaf in tensors_in(arguments) if leaf.layout == torch.strided}
        for key, leaf in keys.items():
            state = None if is_real_or_complex(leaf) else self._states.get(key)
            if state is not None and state.varies:
                return f"{function}: it reads the bits of numbers as those of others"
        if function._schema.is_mutable and not self._lent.keys().isdisjoint(keys):
            return f"{function}: it writes into the values of a sparse tensor"
        written = tensors_in(arguments[0][:1]) if function._schema.is_mutable else ()
        if any(leaf.is_conj() or leaf.is_neg() for leaf in written):
            return f"{function}: it writes where numbers are lazily conjugated or negated"
        return None

    def _is_known(self, tensor: Tensor) -> bool:
        """Whether what the tensor holds was recorded."""
        return id(tensor) in self._beside if tensor.layout in sparse.LAYOUTS else storage_key(tensor) in self._states

    def _constant(self, tensor: Tensor) -> Tensor:
        if tensor.layout not in sparse.LAYOUTS:
            return super()._constant(tensor)
        with disable_current_modes():
            return tensor.detach().clone()

    def _dense_ones(self, arguments: Any) -> Iterator[Tensor]:
        """The tensors among arguments, with the dense ones that stand for those that are sparse and not constant."""
        for leaf in tensors_in(arguments):
            if leaf.layout not in sparse.LAYOUTS:
                yield leaf
            elif id(leaf) in self._beside:
                yield self._beside[id(leaf)][1]

    def _takes_sparse_ones_that_vary(self, arguments: Any) -> bool:
        """Whether a sparse tensor among arguments depends on a source."""
        beside = [self._beside[id(leaf)][1] for leaf in tensors_in(arguments) if id(leaf) in self._beside]
        return any(self._state(one).varies for one in beside)

    def _of_sparse(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        """What an operator on sparse tensors returns, recorded as the same of dense ones. Raises NotCertified."""
        name = function._schema.name.partition("::")[2]
        results = [one for one in tensors_in(out) if is_real_or_complex(one)]
        if not results or name == "_coalesced_":
            return out  # indices and numbers of entries
        steps = sparse.STEPS.get(name) or sparse.MAKES.get(name)
        if steps is None or function._schema.is_mutable:
            raise NotCertified(f"{name} of sparse tensors has no rule")
        operands, options = tree_map(self._dense_operand, (args, kwargs))
        with as_in_a_forward():
            try:
                with self:
                    found = steps(out, *operands, **options)
            except (TypeError, RuntimeError, ValueError, IndexError) as error:
                raise NotCertified(f"{name} of sparse tensors has no rule for this call: {error}") from None
        several = found if isinstance(found, tuple) else (found,)
        self._check_alike(name, several[0], results[0])
        if results[0].layout not in sparse.LAYOUTS:
            if name in ("values", "_values"):  # they lie in the memory of the sparse tensor, and the dense ones do not
                self._lent[storage_key(several[0])] = several[0]
            return found
        self._beside[id(results[0])] = results[0], several[0]
        return out

    def _dense_operand(self, leaf: Any) -> Any:
        """A sparse tensor with what stands for it: a constant where no derivative passes through it."""
        if not isinstance(leaf, torch.Tensor):
            return leaf
        if leaf.layout not in sparse.LAYOUTS:
            return self._frozen(leaf)
        if id(leaf) not in self._beside:
            with disable_current_modes():
                return sparse.SparseOperand(leaf.detach().to_dense(), leaf)
        _, dense = self._beside[id(leaf)]
        self._check_alike("a sparse tensor", dense, leaf)  # its values may have been written into
        return sparse.SparseOperand(dense if self._passes(leaf) else self._constant(dense), leaf)

    def _frozen(self, leaf: Any) -> Any:
        """A constant operand in memory of its own."""
        raise NotImplementedError

    @staticmethod
    def _check_alike(name: str, dense: Tensor, computed: Tensor) -> None:
        with disable_current_modes():
            other = computed.detach().to_dense() if computed.layout in sparse.LAYOUTS else computed.detach()
            near = torch.finfo(other.dtype).eps ** _ALIKE
            if not torch.allclose(
                dense.detach(), other, near, near * float(other.abs().max() if other.numel() else 0), True
            ):
                raise NotCertified(f"{name} is not what it is of dense tensors")
