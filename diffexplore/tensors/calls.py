"""Calls of operators by a program that is recorded: made once, and what is known of one before a rule reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from diffexplore.tensors.storages import tensors_in
from diffexplore.torch_ops.tensor_rules.operands import Operand
from diffexplore.torch_private.watching import disable_current_modes, storage_key

Tensor = torch.Tensor


class ProgramCall:
    """A call of an operator by the program, which is made once."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self._made: list[Any] = []

    def out(self) -> Any:
        """What the operator returns."""
        if not self._made:
            self._made.append(self.function(*self.args, **self.kwargs))
        return self._made[0]


def computes_nothing(function: Any) -> bool:
    """Whether it only says where a tensor lies, or whether its arguments fit."""
    schema = function._schema
    return function.namespace == "prim" or schema.name == "aten::is_pinned" or not (schema.returns or schema.is_mutable)


def is_view(out: Any, tensors: Sequence[Tensor]) -> bool:
    """Whether all results lie in the memory of operands."""
    results, shared = tensors_in(out), {storage_key(tensor) for tensor in tensors}
    return bool(results) and all(storage_key(result) in shared for result in results)


def with_copy(leaf: Any) -> Any:
    """An operand of an operator that writes: with a copy of what the program will overwrite."""
    return Operand(leaf.value.clone(), leaf.ball, leaf.undecided, leaf.varies) if isinstance(leaf, Operand) else leaf


@contextmanager
def unwritten_if_it_raises(arguments: Iterable[Any]) -> Iterator[None]:
    """What runs inside may write into tensors among ``arguments``; where it raises, they hold what they held before."""
    tensors = tensors_in(list(arguments))
    with disable_current_modes():
        before = [one.detach().clone() for one in tensors]
    try:
        yield
    except Exception:
        with disable_current_modes():
            for tensor, numbers in zip(tensors, before, strict=True):
                tensor.detach().copy_(numbers)
        raise


def on_cpu(leaf: Any) -> Any:
    """A tensor without its graph, where rules read it; other arguments as they are."""
    return leaf.detach().to("cpu") if isinstance(leaf, torch.Tensor) else leaf
