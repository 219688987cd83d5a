"""Complex numbers: operators on them in steps on pairs of real numbers.

A complex tensor is a real one with pairs along a last axis, in memory as well, so that ``torch.view_as_real`` and its
inverse are views. The gradient by a complex number is that by its real part plus i times that by its imaginary part, as
autograd has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules import creation, eigenvectors, fourier, matrices, matrix_exponential
from diffexplore.torch_ops.tensor_rules.operands import TensorRule

Tensor = torch.Tensor

#: Rules that take complex tensors as well.
RULES: frozenset[TensorRule] = frozenset(
    {
        creation.created,
        creation.copied,
        creation.converted,
        eigenvectors.of_any_matrix,
        eigenvectors.of_hermitian,
        matrices.inverse,
        matrices.determinant,
        matrices.log_determinant,
        matrix_exponential.exponential,
        *fourier.RULES,
    }
)


def parts(x: Any) -> tuple[Any, Any]:
    if isinstance(x, Tensor):
        if not x.is_complex():
            return x, 0.0
        lazy = x.is_conj()  # some kernels take conjugates that were not computed
        real, imaginary = torch.view_as_real(x.conj() if lazy else x).unbind(-1)
        return real, -imaginary if lazy else imaginary
    if isinstance(x, (torch.SymInt, torch.SymFloat)):  # a number of samples in a trace: it stays any number
        return x, 0.0
    number = complex(x)
    return number.real, number.imag


def joined(real: Tensor, imaginary: Tensor) -> Tensor:
    """Complex numbers of their parts. Of bfloat16 there are none: torch makes complex64 of them."""
    if real.dtype == torch.bfloat16:
        real, imaginary = real.float(), imaginary.float()
    return torch.view_as_complex(torch.stack(torch.broadcast_tensors(real, imaginary), -1))


def linear(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What an operator that is linear over the real numbers does, to both parts."""

    def steps(x: Tensor, *args: Any, dtype: torch.dtype | None = None, **options: Any) -> Tensor:
        real, imaginary = parts(x if dtype is None else converted(x, dtype=dtype))
        return joined(function(real, *args, **options), function(imaginary, *args, **options))

    return steps


def by_parts(function: Any) -> Callable[..., Tensor]:
    """An operator that moves elements, or adds them up, on the real and the imaginary parts of all its tensors."""
    numbers = [str(argument.type) == "number" for argument in function._schema.arguments]

    def steps(*args: Any, reduce: str | None = None, **options: Any) -> Tensor:
        if reduce is not None:
            raise NotImplementedError("elements that are multiplied")

        def part(value: Any, is_number: bool, place: int) -> Any:
            if isinstance(value, Tensor) and value.is_complex():
                return parts(value)[place]
            if is_number:
                return parts(value)[place]
            if isinstance(value, Tensor) and value.is_floating_point() and place:
                return torch.zeros_like(value)
            return value

        def along(place: int) -> Tensor:
            split = [part(*pair, place) for pair in zip(args, numbers, strict=False)]
            found: Tensor = function(*split, **{name: part(value, False, place) for name, value in options.items()})
            return found

        return joined(along(0), along(1))

    return steps


def add(x: Any, y: Any, *, alpha: Any = 1) -> Tensor:
    return _sum(x, multiply(y, alpha) if alpha != 1 else y, 1)


def subtract(x: Any, y: Any, *, alpha: Any = 1) -> Tensor:
    return _sum(x, multiply(y, alpha) if alpha != 1 else y, -1)


def _sum(x: Any, y: Any, sign: int) -> Tensor:
    (a, b), (c, d) = parts(x), parts(y)
    like = next(part for part in (a, c) if isinstance(part, Tensor))
    return joined(a + sign * c, torch.zeros_like(like) + b + sign * d)


def _product_by(multiply: Callable[..., Any]) -> Callable[..., Tensor]:
    def steps(x: Any, y: Any) -> Tensor:
        (a, b), (c, d) = parts(x), parts(y)
        by = multiply if all(isinstance(part, Tensor) for part in (a, b, c, d)) else _or_nothing(multiply)
        return joined(by(a, c) - by(b, d), by(a, d) + by(b, c))

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


multiply = _product_by(torch.mul)


def divide(x: Any, y: Any, *, rounding_mode: None = None) -> Tensor:
    (a, b), (c, d) = parts(x), parts(y)
    size = c * c + d * d
    return joined((a * c + b * d) / size, (b * c - a * d) / size)


def absolute(x: Tensor) -> Tensor:
    return torch.hypot(*parts(x))


def angle(x: Tensor) -> Tensor:
    real, imaginary = parts(x)
    return torch.atan2(imaginary, real)


def exponential(x: Tensor) -> Tensor:
    real, imaginary = parts(x)
    return polar(real.exp(), imaginary)


def polar(size: Tensor, angle: Tensor) -> Tensor:
    """torch.polar."""
    return joined(size * angle.cos(), size * angle.sin())


def logarithm(x: Tensor) -> Tensor:
    return joined(absolute(x).log(), angle(x))


def conjugate(x: Tensor) -> Tensor:
    real, imaginary = parts(x)
    return joined(real, -imaginary)


def _sign(x: Tensor) -> Tensor:
    size = absolute(x)
    return joined(*(part / size for part in parts(x)))


def made_complex(x: Tensor, dtype: torch.dtype) -> Tensor:
    """A real tensor as a complex one."""
    return joined(x.to(dtype.to_real()), torch.zeros_like(x, dtype=dtype.to_real()))


def converted(x: Tensor, *, dtype: torch.dtype | None = None, **options: Any) -> Tensor:
    """_to_copy, between any two of real and complex numbers."""
    real, imaginary = parts(x)
    target = dtype or x.dtype
    if not target.is_complex:
        return real.to(target)
    if not x.is_complex():
        return made_complex(real, target)
    return joined(real.to(target.to_real()), imaginary.to(target.to_real()))


def _copied(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """What copy_ writes."""
    return converted(source, dtype=target.dtype).expand(target.shape)


def _equal(x: Any, y: Any) -> Tensor:
    (a, b), (c, d) = parts(x), parts(y)
    return (a == c) & (b == d)


def of_parts(real: Tensor, imaginary: Tensor) -> Tensor:
    """torch.complex."""
    return joined(real, imaginary)


def _with_added(product: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def steps(x: Tensor, y: Tensor, z: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return add(multiply(x, beta), multiply(product(y, z), alpha))

    return steps


def _dot_conjugate(x: Tensor, y: Tensor) -> Tensor:
    return _product_by(torch.dot)(conjugate(x), y)


def _where(condition: Tensor, x: Any, y: Any) -> Tensor:
    (a, b), (c, d) = parts(x), parts(y)
    return joined(torch.where(condition, a, c), torch.where(condition, b, d))


def _joined_tensors(join: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def steps(tensors: Sequence[Tensor], *args: Any) -> Tensor:
        dtype = next(tensor.dtype for tensor in tensors if tensor.is_complex())
        pairs = [parts(x if x.is_complex() else made_complex(x, dtype)) for x in tensors]
        return joined(*(join(list(part), *args) for part in zip(*pairs, strict=True)))

    return steps


#: The steps of operators by their names, where an operand is complex.
STEPS: dict[str, Callable[..., Any]] = {
    "add": add, "sub": subtract, "mul": multiply, "div": divide, "neg": linear(torch.neg), "abs": absolute,
    "angle": angle, "exp": exponential, "log": logarithm, "sgn": _sign, "conj_physical": conjugate,
    "_conj_physical": conjugate,
    "_to_copy": converted, "copy": _copied, "eq": _equal, "ne": lambda x, y: ~_equal(x, y),
    "masked_fill": lambda x, mask, value: _where(mask, value, x),
    "reciprocal": lambda x: divide(1.0, x), "where": _where, "cat": _joined_tensors(torch.cat),
    "stack": _joined_tensors(torch.stack),
    "mm": _product_by(torch.mm), "bmm": _product_by(torch.bmm), "mv": _product_by(torch.mv),
    "dot": _product_by(torch.dot), "vdot": _dot_conjugate, "addmm": _with_added(_product_by(torch.mm)),
    "addmv": _with_added(_product_by(torch.mv)), "baddbmm": _with_added(_product_by(torch.bmm)),
}  # fmt: skip
