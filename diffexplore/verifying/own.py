"""The loss that a candidate's own forward pass computes, where no other is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from diffexplore.errors import UsageError
from diffexplore.inputs.functions import function_with_values
from diffexplore.inputs.names import Named
from diffexplore.inputs.wording import PYTHON
from diffexplore.loss import Loss
from diffexplore.torch_code.calling import called_by_name
from diffexplore.tracing.declarations import declare
from diffexplore.tracing.outputs import Output, outputs_of
from diffexplore.verifying.candidates import kind_of, name_of
from diffexplore.verifying.candidates.computes_loss import ComputesLoss


def own_forward(candidate: Any, named: Named, *, upstream: Any, kind: str | None, shapes: str | None = None) -> Loss:
    """The loss of a function's own forward pass; of an output that is no number, the sum of its entries.

    The names in the points are its parameters, and all others data. Raises :class:`UsageError` for candidates that
    compute no loss, where the parameters are not named, and for outputs that need an upstream gradient.
    """
    if not computes_loss(candidate, kind):
        raise UsageError("give the loss whose gradient it should be: only a torch function has a forward pass to go by")
    parameters, data = function_with_values(candidate, named, PYTHON, shapes, "1.0")
    name, names = name_of(candidate), [array.name for array in declare((*parameters, *data))]
    function = called_by_name(candidate, names, name)
    output = output_of(candidate, parameters, data)
    if output is not None and output.text != "()":
        if upstream is None:
            raise UsageError(
                f"{name} returns an output of shape {output.text}, and a loss is one number: give the upstream "
                "gradient of its entries, such as upstream=1, or a loss"
            )
        function = _sum_of(function)
    return Loss.from_torch(function, parameters=parameters, data=data, name=name)


def computes_loss(candidate: Any, kind: str | None) -> bool:
    """Whether a candidate has a forward pass whose derivative its backward pass should be."""
    return callable(candidate) and kind_of(candidate, kind) is ComputesLoss


def output_of(candidate: Any, parameters: Sequence[str], data: Sequence[str]) -> Output | None:
    """The tensor that a function returns for declared arguments; None where it raises, or returns none or several."""
    arrays, batches = declare(parameters), declare(data)
    function = called_by_name(candidate, [array.name for array in (*arrays, *batches)], name_of(candidate))
    found = outputs_of(function, arrays, batches, name_of(candidate))
    return found.every[0] if found is not None and len(found.every) == 1 else None


def _sum_of(function: Callable[..., Any]) -> Callable[..., Tensor]:
    def total(**tensors: Tensor) -> Tensor:
        entries: Tensor = function(**tensors)
        return entries.sum()

    return total
