"""What a candidate returned: its output checked, and its gradients made into one tensor for each symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.errors import CandidateError
from diffexplore.floating_point import FLOAT_FORMATS, dtype_name


def named_gradients(returned: Any, wrt: Sequence[str], values: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """A gradient by each symbol, in the shape and dtype of the symbol's own tensor.

    ``returned`` is a mapping by name, a sequence in the order of ``wrt``, one array with a row for each, or for one
    symbol its gradient alone. Raises CandidateError for anything else, naming what would be right.
    """
    parts = _parts(returned, wrt, name)
    return {symbol: _fitted(parts[symbol], values[symbol], symbol, name) for symbol in wrt}


def _parts(returned: Any, wrt: Sequence[str], name: str) -> dict[str, Any]:
    if isinstance(returned, Mapping):
        missing = [symbol for symbol in wrt if symbol not in returned]
        if missing:
            keys = ", ".join(map(str, returned)) or "nothing"
            raise CandidateError(f"{name} returns no gradient by {', '.join(missing)}: it returns {keys}")
        return {symbol: returned[symbol] for symbol in wrt}
    expected = f"the gradient by {wrt[0]}" if len(wrt) == 1 else f"{len(wrt)} gradients, by {', '.join(wrt)},"
    if returned is None:
        raise CandidateError(f"{name} returns None, where {expected} should be: is the return statement missing?")
    if isinstance(returned, (str, bytes)):
        raise CandidateError(f"{name} returns text, where {expected} should be")
    if len(wrt) == 1 and not isinstance(returned, (tuple, list)):
        return {wrt[0]: returned}
    count = _count(returned)
    if count != len(wrt):
        what = _kind(returned) if count is None else f"{count} gradient{'' if count == 1 else 's'}"
        raise CandidateError(f"{name} returns {what}, where {expected} should be")
    return dict(zip(wrt, returned, strict=True))


def _count(returned: Any) -> int | None:
    """How many gradients a sequence or array holds; None for what is neither."""
    if isinstance(returned, Tensor | np.ndarray):
        return len(returned) if returned.ndim else None
    return len(returned) if isinstance(returned, Sequence) else None


def _kind(returned: Any) -> str:
    scalar = isinstance(returned, int | float | np.generic | np.ndarray | Tensor)
    if scalar and not isinstance(returned, bool):
        return "one number"
    kind = type(returned).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _fitted(part: Any, like: Tensor, symbol: str, name: str) -> Tensor:
    if part is None:
        raise CandidateError(
            f"{name} returns None for the gradient by {symbol}: a tensor like {symbol} should be there"
        )
    tensor = _tensor(part, like, symbol, name)
    if tensor.device != like.device:
        raise CandidateError(
            f"{name} returns a gradient by {symbol} on {tensor.device}, and {symbol} is on {like.device}: it should be "
            "the same"
        )
    if tensor.shape != like.shape:
        if tensor.numel() != 1 or like.numel() != 1:
            raise CandidateError(
                f"{name} returns a gradient by {symbol} of shape {tuple(tensor.shape)}, and {symbol} has shape "
                f"{tuple(like.shape)}{_advice(tensor, like)}"
            )
        tensor = tensor.reshape(like.shape)
    if tensor.dtype != like.dtype:
        own = dtype_name(tensor.dtype)
        instead = f', or say dtype="{own}" to verify it in that dtype' if own in FLOAT_FORMATS else ""
        raise CandidateError(
            f"{name} returns a gradient by {symbol} in {own}, and {symbol} is {dtype_name(like.dtype)}: it should be "
            f"the same{instead}"
        )
    return tensor


def _tensor(part: Any, like: Tensor, symbol: str, name: str) -> Tensor:
    if isinstance(part, Tensor):
        if part.layout != torch.strided:
            raise CandidateError(
                f"{name} returns a sparse tensor as the gradient by {symbol}: a dense one should be there"
            )
        return part
    if isinstance(part, (int, float)) and not isinstance(part, bool):
        return torch.tensor(float(part), dtype=like.dtype, device=like.device)
    if isinstance(part, np.generic | np.ndarray) and part.dtype.kind == "f" and part.dtype.itemsize <= 8:
        return torch.from_numpy(np.array(part, part.dtype.newbyteorder("="), order="C")).to(like.device)
    kind = f"an array of {part.dtype}" if isinstance(part, np.generic | np.ndarray) else _kind(part)
    raise CandidateError(f"{name} returns {kind} as the gradient by {symbol}: a tensor of floats should be there")


def _advice(tensor: Tensor, like: Tensor) -> str:
    if tensor.dim() > like.dim():
        return ": the sum or mean over the samples is missing"
    return ": is it transposed?" if tensor.dim() == 2 and tensor.mT.shape == like.shape else ""


def check_is_one_number(output: Tensor, who: str) -> None:
    """Raises CandidateError for an output that cannot be a loss."""
    if output.numel() != 1:
        raise CandidateError(
            f"{who} returns a tensor of shape {tuple(output.shape)}, where the loss is one number: reduce it, or give "
            "the upstream gradient"
        )


def check_fits(output: Tensor, upstream: Tensor, name: str) -> None:
    """Raises CandidateError for an upstream gradient of another shape than the output's."""
    if output.shape != upstream.shape:
        raise CandidateError(
            f"{name} returns an output of shape {tuple(output.shape)}, and the upstream gradient has shape "
            f"{tuple(upstream.shape)}"
        )


def kind_of_value(value: Any) -> str:
    """What somebody's code returned, as a message calls it."""
    return "None" if value is None else f"a {type(value).__name__}"
