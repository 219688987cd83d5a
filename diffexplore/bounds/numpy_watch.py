"""Watching NumPy: a program's operations run by NumPy, with the same error rules as torch's.

Every array travels as a torch tensor that shares its memory, so that one set of rules serves both libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic import sinc
from diffexplore.arithmetic.numpy_real import NUMPY
from diffexplore.arithmetic.torch_real import filled
from diffexplore.bounds.created import fill_error
from diffexplore.bounds.handling import finite_float
from diffexplore.bounds.watch import Watch
from diffexplore.functions import OPERATIONS
from diffexplore.functions.tables import composed_of
from diffexplore.program.program import Constant

#: The names in ATen of operations that are no functions of numbers.
_CONTROL = {"and": "logical_and", "or": "logical_or", "not": "logical_not"}


class _Call:
    """A NumPy function dressed as an ATen operation."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.overloadpacket = SimpleNamespace(__name__=name)
        self._function = function

    def __call__(self, *operands: Any, **_: Any) -> Tensor:
        arrays = [value.numpy() if isinstance(value, Tensor) else value for value in operands]
        with np.errstate(all="ignore"):
            return torch.from_numpy(np.asarray(self._function(*arrays)))


class NumpyWatch:
    """An arithmetic for programs whose values are CPU tensors and whose functions are NumPy's."""

    def __init__(self) -> None:
        self.watch = Watch()
        basic = {name: self._apply(_aten_name(name), run) for name, run in NUMPY.operations.items()}
        logaddexp = self._apply("logaddexp", np.logaddexp)
        basic |= {
            "softplus": lambda x: logaddexp(x, torch.zeros((), dtype=x.dtype, device="cpu")),
            "full_like": self._filled,
            "sinc": lambda x: _sinc(basic, x),
            "dsinc": lambda order, x: sinc.floating(basic, order, x, self.watch.state_constant),
        }
        self.operations: Mapping[str, Callable[..., Any]] = basic | composed_of("numpy", basic)

    def constant(self, constant: Constant) -> float | int:
        number = NUMPY.constant(constant)
        if constant.error:
            self.watch.state_constant(float(number), constant.error)
        return number

    def _apply(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        from diffexplore.torch_ops.registry import handler

        call = _Call(name, function)
        rule = handler(name)

        def run(*operands: Any) -> Any:
            stored = self._stored(operands)
            out = rule(self.watch, call, stored, {})
            self.watch.show(name, stored, out)
            return out

        return run

    def _stored(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Python numbers as NumPy takes them: rounded to the dtype of the arrays beside them (NEP 50)."""
        like = next((value for value in operands if finite_float(value)), None)
        if like is None:
            return operands
        return tuple(value if isinstance(value, Tensor) else self._filled(like, value) for value in operands)

    def _filled(self, like: Tensor, number: float | int) -> Tensor:
        stored = filled(like, number)
        self.watch.set(stored, fill_error(self.watch, number, stored))
        return stored

    def reduce(self, samples: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
        """NumPy's mean or sum of ``samples`` (n,), and its radius; half precision is accumulated in float32."""
        from diffexplore.torch_ops.registry import handler

        array = samples.numpy()
        wide = np.float32 if array.dtype == np.float16 else array.dtype
        with np.errstate(all="ignore"):
            total = (array.mean(dtype=wide) if reduction == "mean" else array.sum(dtype=wide)).astype(array.dtype)
        call = _Call(reduction, lambda *_: total)
        call._overloadname = "default"  # type: ignore[attr-defined]
        out = handler(reduction)(self.watch, call, (samples,), {})
        return out, self.watch.radius(out)


def _aten_name(name: str) -> str:
    return OPERATIONS[name].aten_name if name in OPERATIONS else _CONTROL.get(name, name)


def _sinc(basic: Mapping[str, Callable[..., Any]], x: Tensor) -> Any:
    apart = basic["ne"](x, 0.0)
    inside = basic["where"](apart, x, 1.0)
    return basic["where"](apart, basic["div"](basic["sin"](inside), inside), 1.0)
