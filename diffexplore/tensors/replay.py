"""Checks of functions of tensors as a file: the exact numbers of their arguments, so that they can be run again."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from diffexplore.arguments import as_count, as_text, shown, wrong
from diffexplore.documents import read_document
from diffexplore.errors import UsageError
from diffexplore.tensors.candidate import arguments_given
from diffexplore.tensors.copies import copy_of, is_expanded
from diffexplore.tensors.functions import function_given
from diffexplore.torch_code.calling import autograd_function

Tensor = torch.Tensor

FORMAT = 1

#: The dtypes of tensors in a file, by their names.
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex128, torch.complex64, torch.int64,
        torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip

_HINT = "--replay writes one where a check does not pass"


@dataclass(frozen=True)
class TensorReplay:
    """Everything that decides the outcome of a check, but for the function itself.

    Attributes:
        function: where it is, FILE.py:NAME; or its name alone.
        args: the arguments of its call.
        seed: that of the check.
        state: a module's parameters and buffers.
        options: further options of the check, by their names: texts, whole numbers and truth values.
    """

    function: str
    args: tuple[Any, ...]
    seed: int
    state: Mapping[str, Tensor] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As plain data. Raises UsageError for arguments that no file keeps."""
        return {
            "function": self.function, "seed": self.seed, "options": dict(self.options),
            "args": [_written(one) for one in self.args],
            "state": {name: _written(tensor) for name, tensor in self.state.items()},
        }  # fmt: skip


def to_json(checks: Sequence[TensorReplay]) -> str:
    """One document; the numbers are written by ``float.hex``, and so are exact."""
    document = {"format": FORMAT, "gradcheck": [one.document() for one in checks]}
    return json.dumps(document, ensure_ascii=False)


def write_replays(path: Any, checks: Sequence[TensorReplay]) -> None:
    """Writes :func:`to_json` to a file; raises UsageError where that cannot be."""
    place = _path(path, "replay")
    try:
        place.write_text(to_json(checks) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {place}: {error.strerror or error}") from None


def given_again(inputs: Any, seed: int) -> TensorReplay:
    """The arguments of a call of gradcheck, or those that a file of one check holds, with its seed and its state."""
    if isinstance(inputs, TensorReplay):
        return inputs
    if not isinstance(inputs, (str, os.PathLike)):
        return TensorReplay("", arguments_given(inputs), seed)
    path = _path(inputs, "inputs")
    found = read_replays(path)
    if len(found) > 1:
        raise UsageError(f"{path} holds {len(found)} checks: diffexplore verify --replay {path} runs them all")
    return found[0]


def kept_of(fn: Any, given: TensorReplay, options: Mapping[str, Any]) -> TensorReplay:
    """What is written of a call: its arguments, the state of a module, and where the function is, if that is known."""
    function = function_given(fn)
    owner = autograd_function(fn) or fn
    name = getattr(owner, "__qualname__", "")
    file = getattr(sys.modules.get(getattr(owner, "__module__", "")), "__file__", None)
    place = f"{file}:{name}" if file is not None and name.isidentifier() else function.name
    state = {name: given.state.get(name, tensor) for name, tensor in function.state.items()}
    return TensorReplay(given.function or place, given.args, given.seed, state, options)


def _path(value: Any, what: str) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise wrong(what, "the path of a file", value)
    return Path(value)


def read_replays(path: Path) -> list[TensorReplay]:
    """The checks in a file that :func:`to_json` made; raises UsageError for any other file."""
    return read_document(path, _checks, "holds no check", _HINT)


def _checks(document: Any) -> list[TensorReplay]:
    if not isinstance(document, dict) or set(document) != {"format", "gradcheck"}:
        raise UsageError("it is no object of format and gradcheck")
    if document["format"] != FORMAT or not isinstance(document["gradcheck"], list) or not document["gradcheck"]:
        raise UsageError(f"its format is not {FORMAT}, or it lists no checks")
    return [_check(one) for one in document["gradcheck"]]


def _check(document: Any) -> TensorReplay:
    if not isinstance(document, dict) or set(document) != {"function", "seed", "options", "args", "state"}:
        raise UsageError("a check has the keys function, seed, options, args and state")
    options, state = document["options"], document["state"]
    plain = isinstance(options, dict) and all(isinstance(one, (str, int, list)) for one in options.values())
    if not plain or not isinstance(document["args"], list) or not isinstance(state, dict):
        raise UsageError("its args are no list, its options no texts and numbers, or its state no object")
    tensors = {name: _read(one) for name, one in state.items()}
    if not all(isinstance(one, Tensor) for one in tensors.values()):
        raise UsageError("its state holds something else than tensors")
    args = tuple(_read(one) for one in document["args"])
    return TensorReplay(
        as_text(document["function"], "function"), args, as_count(document["seed"], "seed"), tensors, options
    )


def _written(value: Any) -> Any:
    """An argument as JSON: an object whose one key says what it is, for all but None, texts and whole numbers."""
    if isinstance(value, Tensor):
        return {"tensor": _tensor(value)}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [_written(one) for one in value]}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: _written(one) for name, one in value.items()}}
    raise UsageError(f"an argument is a {type(value).__name__}: no file can keep it for another run")


def _tensor(tensor: Tensor) -> dict[str, Any]:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _DTYPES or tensor.layout != torch.strided:
        raise UsageError(f"an argument is a tensor of {name}: no file can keep it for another run")
    plain = copy_of(tensor)
    flat = torch.view_as_real(plain.detach().resolve_conj()) if plain.is_complex() else plain.detach()
    numbers = flat.cpu().reshape(-1).tolist()
    return {
        "dtype": name, "shape": list(plain.shape),
        "strides": list((tensor if is_expanded(tensor) else plain).stride()),
        "requires_grad": plain.requires_grad,
        "numbers": [one.hex() if isinstance(one, float) else int(one) for one in numbers],
    }  # fmt: skip


def _read(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise UsageError(f"{shown(value)} is no argument")
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return _read_tensor(inner)
    if kind == "float":
        return _float(inner)
    if kind in ("list", "tuple") and isinstance(inner, list):
        return (list if kind == "list" else tuple)(_read(one) for one in inner)
    if kind == "dict" and isinstance(inner, dict):
        return {name: _read(one) for name, one in inner.items()}
    raise UsageError(f"{shown(value)} is no argument")


def _read_tensor(written: Any) -> Tensor:
    if not isinstance(written, dict) or set(written) != {"dtype", "shape", "strides", "requires_grad", "numbers"}:
        raise UsageError("a tensor has the keys dtype, shape, strides, requires_grad and numbers")
    dtype = _DTYPES.get(written["dtype"]) if isinstance(written["dtype"], str) else None
    shape, strides, numbers = written["shape"], written["strides"], written["numbers"]
    counts = all(isinstance(one, list) and all(type(n) is int and n >= 0 for n in one) for one in (shape, strides))
    if dtype is None or not counts or len(shape) != len(strides) or not isinstance(numbers, list):
        raise UsageError(f"{shown(written)} is no tensor")
    width = 2 if dtype.is_complex else 1
    if len(numbers) != math.prod(shape) * width:
        raise UsageError(f"a tensor of shape {shown(shape)} has {len(numbers)} numbers")
    floats = dtype.is_complex or dtype.is_floating_point
    if not floats and not all(type(one) is int and -(2**63) <= one < 2**63 for one in numbers):
        raise UsageError("a tensor of integers holds something else")
    wide = torch.tensor(
        [_float(one) for one in numbers] if floats else numbers, dtype=torch.float64 if floats else None, device="cpu"
    )
    values = torch.view_as_complex(wide.reshape(*shape, 2)) if dtype.is_complex else wide.reshape(shape)
    found = _laid_out(values.to(dtype), strides)
    return found.requires_grad_(bool(written["requires_grad"])) if floats else found


def _laid_out(values: Tensor, strides: list[int]) -> Tensor:
    """The same numbers with other strides, where each element has places of its own and none is left over."""
    elements = values[tuple(slice(None) if step else slice(0, 1) for step in strides)]
    order = sorted(range(values.dim()), key=lambda axis: -strides[axis])
    dense = elements.permute(order).contiguous().permute([order.index(axis) for axis in range(values.dim())])
    found = dense.expand(values.shape)
    return found if list(found.stride()) == strides and torch.equal(found, values) else values.contiguous()


def _float(text: Any) -> float:
    try:
        return float.fromhex(text)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{shown(text)} is no number of float.hex") from None
