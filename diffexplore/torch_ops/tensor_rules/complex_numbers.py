"""Complex numbers: operators on them in steps on pairs of real numbers.

A complex tensor is a real one with pairs along a last axis, in memory as well, so that ``torch.view_as_real`` and its
inverse are views. The gradient by a complex number is that by its real part plus i times that by its imaginary part, as
autograd has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules import creation, eigenvectors, fourier
from diffexplore.torch_ops.tensor_rules.operands import TensorRule

Tensor = torch.Tensor

#: Rules that take complex tensors as well.
RULES: frozenset[TensorRule] = frozenset(
    {creation.created, creation.copied, creation.converted, eigenvectors.of_any_matrix, *fourier.RULES}
)


def _parts(x: Any) -> tuple[Any, Any]:
    if isinstance(x, Tensor):
        return tuple(torch.view_as_real(x).unbind(-1)) if x.is_complex() else (x, 0.0)  # type: ignore[return-value]
    number = complex(x)
    return number.real, number.imag


def _joined(real: Tensor, imaginary: Tensor) -> Tensor:
    return torch.view_as_complex(torch.stack(torch.broadcast_tensors(real, imaginary), -1))


def _linear(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What an operator that is linear over the real numbers does, to both parts."""

    def steps(x: Tensor, *args: Any, **options: Any) -> Tensor:
        real, imaginary = _parts(x)
        return _joined(function(real, *args, **options), function(imaginary, *args, **options))

    return steps


def _add(x: Any, y: Any, *, alpha: Any = 1) -> Tensor:
    return _sum(x, _multiply(y, alpha) if alpha != 1 else y, 1)


def _subtract(x: Any, y: Any, *, alpha: Any = 1) -> Tensor:
    return _sum(x, _multiply(y, alpha) if alpha != 1 else y, -1)


def _sum(x: Any, y: Any, sign: int) -> Tensor:
    (a, b), (c, d) = _parts(x), _parts(y)
    like = next(part for part in (a, c) if isinstance(part, Tensor))
    return _joined(a + sign * c, torch.zeros_like(like) + b + sign * d)


def _product_by(multiply: Callable[..., Any]) -> Callable[..., Tensor]:
    def steps(x: Any, y: Any) -> Tensor:
        (a, b), (c, d) = _parts(x), _parts(y)
        by = multiply if all(isinstance(part, Tensor) for part in (a, b, c, d)) else _or_nothing(multiply)
        return _joined(by(a, c) - by(b, d), by(a, d) + by(b, c))

    return steps


def _or_nothing(multiply: Callable[..., Any]) -> Callable[..., Any]:
    """A product with the imaginary part of a real number."""

    def by(x: Any, y: Any) -> Any:
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return multiply(x, y)
        tensor, number = (x, y) if isinstance(x, Tensor) else (y, x)
        if multiply is torch.mul:
            return tensor * number
        return 0.0 if number == 0.0 else multiply(x, y)

    return by


_multiply = _product_by(torch.mul)


def _divide(x: Any, y: Any, *, rounding_mode: None = None) -> Tensor:
    (a, b), (c, d) = _parts(x), _parts(y)
    size = c * c + d * d
    return _joined((a * c + b * d) / size, (b * c - a * d) / size)


def _absolute(x: Tensor) -> Tensor:
    return torch.hypot(*_parts(x))


def _angle(x: Tensor) -> Tensor:
    real, imaginary = _parts(x)
    return torch.atan2(imaginary, real)


def _exponential(x: Tensor) -> Tensor:
    real, imaginary = _parts(x)
    return polar(real.exp(), imaginary)


def polar(size: Tensor, angle: Tensor) -> Tensor:
    """torch.polar."""
    return _joined(size * angle.cos(), size * angle.sin())


def _logarithm(x: Tensor) -> Tensor:
    return _joined(_absolute(x).log(), _angle(x))


def _conjugate(x: Tensor) -> Tensor:
    real, imaginary = _parts(x)
    return _joined(real, -imaginary)


def _sign(x: Tensor) -> Tensor:
    size = _absolute(x)
    return _joined(*(part / size for part in _parts(x)))


def made_complex(x: Tensor, dtype: torch.dtype) -> Tensor:
    """A real tensor as a complex one."""
    return _joined(x.to(dtype.to_real()), torch.zeros_like(x, dtype=dtype.to_real()))


def of_parts(real: Tensor, imaginary: Tensor) -> Tensor:
    """torch.complex."""
    return _joined(real, imaginary)


def _with_added(multiply: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def steps(x: Tensor, y: Tensor, z: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return _add(_multiply(x, beta), _multiply(multiply(y, z), alpha))

    return steps


def _dot_conjugate(x: Tensor, y: Tensor) -> Tensor:
    return _product_by(torch.dot)(_conjugate(x), y)


def _where(condition: Tensor, x: Any, y: Any) -> Tensor:
    (a, b), (c, d) = _parts(x), _parts(y)
    return _joined(torch.where(condition, a, c), torch.where(condition, b, d))


def _joined_tensors(join: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def steps(tensors: Sequence[Tensor], *args: Any) -> Tensor:
        dtype = next(tensor.dtype for tensor in tensors if tensor.is_complex())
        pairs = [_parts(x if x.is_complex() else made_complex(x, dtype)) for x in tensors]
        return _joined(*(join(list(part), *args) for part in zip(*pairs, strict=True)))

    return steps


#: The steps of operators by their names, where an operand is complex.
STEPS: dict[str, Callable[..., Any]] = {
    "add": _add, "sub": _subtract, "mul": _multiply, "div": _divide, "neg": _linear(torch.neg), "abs": _absolute,
    "angle": _angle, "exp": _exponential, "log": _logarithm, "sgn": _sign, "conj_physical": _conjugate,
    "_conj_physical": _conjugate,
    "reciprocal": lambda x: _divide(1.0, x), "where": _where, "sum": _linear(torch.sum),
    "mean": _linear(torch.mean), "cumsum": _linear(torch.cumsum), "cat": _joined_tensors(torch.cat),
    "mm": _product_by(torch.mm), "bmm": _product_by(torch.bmm), "mv": _product_by(torch.mv),
    "dot": _product_by(torch.dot), "vdot": _dot_conjugate, "addmm": _with_added(_product_by(torch.mm)),
    "addmv": _with_added(_product_by(torch.mv)), "baddbmm": _with_added(_product_by(torch.bmm)),
}  # fmt: skip
