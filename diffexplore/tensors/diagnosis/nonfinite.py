"""Where a NaN or an infinity arises: the first operation that makes one of finite numbers, its line and its index."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch

from diffexplore.bounds.handling import finite_float, name_of
from diffexplore.checking.records import Cause
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.diagnosis.places import SourceLine, place_that_runs
from diffexplore.torch_private.tracing import current_autograd_node
from diffexplore.torch_private.watching import DispatchMode, tree_leaves

Tensor = torch.Tensor

#: Their results are not written yet, or hold infinities on purpose.
_NOT_COMPUTED = ("empty", "full", "masked_fill", "scalar_tensor", "new_full", "fill", "copy")


class FirstNotFinite(DispatchMode):
    """Notes the first operation that makes numbers that are not finite of such as are; None as long as none does."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.operation: str | None = None
        self.place = SourceLine()
        self.index: tuple[int, ...] = ()
        self.value = ""
        self.node: str | None = None
        self.operands: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        operands = [leaf for leaf in tree_leaves((args, kwargs)) if finite_float(leaf)]
        known = self.operation is None and all(bool(leaf.isfinite().all()) for leaf in operands)
        out = func(*args, **(kwargs or {}))
        name = name_of(func).strip("_")
        if known and not name.startswith(_NOT_COMPUTED):
            for tensor in tree_leaves(out):
                if finite_float(tensor) and not bool(tensor.isfinite().all()):
                    self._note(name, tensor)
                    self.operands = operands
                    break
        return out

    def _note(self, name: str, tensor: Tensor) -> None:
        place = int((~tensor.isfinite()).reshape(-1).to(torch.int8).argmax())
        index = torch.unravel_index(torch.tensor(place, device="cpu"), tuple(tensor.shape) or (1,))
        node = current_autograd_node()
        self.operation, self.place = name, place_that_runs()
        self.index = tuple(int(i) for i in index) if tensor.dim() else ()
        number = float(tensor.reshape(-1)[place])
        self.value = "NaN" if number != number else "an infinity"
        written = node is not None and hasattr(node, "_forward_cls")
        self.node = None if node is None or written else str(node.name()).removesuffix("Backward0")


def origin(candidate: TensorCandidate, output: str, upstream: Tensor, shown: str, index: Sequence[int]) -> Cause | None:
    """Why a gradient is not finite: ``shown`` (NaN or infinity) at ``index``; None where no operation is to blame."""
    call = candidate.replaced()
    seen = FirstNotFinite()
    with suppress(CandidateError), seen:
        for one in call.returned():
            if one.name == output:
                call.gradients(one, upstream.clone())
    if seen.operation is None:
        return None
    where = f"[{', '.join(map(str, seen.index))}]" if seen.index else ""
    step = f"the backward of {seen.node}" if seen.node is not None else str(seen.place)
    at = f"[{', '.join(map(str, index))}]" if len(index) else ""
    made = f"{seen.operation} makes {seen.value}{' at ' + where if where else ''}, in {step}"
    message = f"it is {shown}{' at ' + at if at else ''}: {made}"
    fields = {"value": shown, "operation": seen.operation, "line": seen.place.line, "index": list(seen.index)}
    return Cause("nan", message, fields)
