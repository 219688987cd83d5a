"""Functions of complex numbers, in steps on their real and imaginary parts.

Source: NIST Digital Library of Mathematical Functions, §4.21, 4.23, 4.35 and 4.37, with the branch cuts that torch has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules.complex_numbers import (
    absolute,
    add,
    angle,
    conjugate,
    divide,
    exponential,
    joined,
    logarithm,
    multiply,
    parts,
    polar,
    subtract,
)

Tensor = torch.Tensor

#: Powers with a whole exponent up to this are products.
_MOST_FACTORS = 64


def _times_i(x: Tensor) -> Tensor:
    real, imaginary = parts(x)
    return joined(-imaginary, real)


def _over_i(x: Tensor) -> Tensor:
    real, imaginary = parts(x)
    return joined(imaginary, -real)


def _turned(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """−i f(iz): the sine by the hyperbolic one, say."""
    return lambda x: _over_i(function(_times_i(x)))


def _sinh(x: Tensor) -> Tensor:
    a, b = parts(x)
    return joined(a.sinh() * b.cos(), a.cosh() * b.sin())


def _cosh(x: Tensor) -> Tensor:
    a, b = parts(x)
    return joined(a.cosh() * b.cos(), a.sinh() * b.sin())


def _tanh(x: Tensor) -> Tensor:
    """(sinh a cosh a + i sin b cos b) / (sinh² a + cos² b)."""
    a, b = parts(x)
    size = a.sinh() * a.sinh() + b.cos() * b.cos()
    return joined(a.sinh() * a.cosh() / size, b.sin() * b.cos() / size)


def _square_root(x: Tensor) -> Tensor:
    return polar(absolute(x).sqrt(), angle(x) / 2)


def _power(x: Any, y: Any) -> Tensor:
    number = y if not isinstance(y, Tensor) else None
    if number == 0.5:
        return _square_root(_as_complex(x, y))
    if number is not None and complex(number).imag == 0 and float(complex(number).real).is_integer():
        count = int(complex(number).real)
        if 0 < abs(count) <= _MOST_FACTORS:
            found = _product_of(x, abs(count))
            return found if count > 0 else divide(1.0, found)
    return exponential(multiply(y, logarithm(_as_complex(x, y))))


def _as_complex(x: Any, y: Any) -> Tensor:
    """A number, complex, real or whole, as the base of a complex power y."""
    base = x if isinstance(x, Tensor) else torch.tensor(complex(x), dtype=torch.complex128, device="cpu")
    if base.is_complex():
        return base
    dtype = y.dtype if isinstance(y, Tensor) else torch.get_default_dtype()
    base = base if base.is_floating_point() else base.to(dtype.to_real())
    return joined(base, torch.zeros_like(base))


def _product_of(x: Tensor, count: int) -> Tensor:
    """x to a whole power, by halves."""
    if count == 1:
        return multiply(x, 1.0)
    half = _product_of(x, count // 2)
    square = multiply(half, half)
    return multiply(square, x) if count % 2 else square


def _logarithm_to(base: float) -> Callable[[Tensor], Tensor]:
    def steps(x: Tensor) -> Tensor:
        size = absolute(x)
        scale = torch.full_like(size, base).log()
        return joined(size.log() / scale, angle(x) / scale)

    return steps


def _log1p(x: Tensor) -> Tensor:
    a, b = parts(x)
    return joined((a * (a + 2) + b * b).log1p() / 2, torch.atan2(b, a + 1))


def _expm1(x: Tensor) -> Tensor:
    a, b = parts(x)
    half = (b / 2).sin()
    return joined(a.expm1() * b.cos() - 2 * half * half, a.exp() * b.sin())


def _exp2(x: Tensor) -> Tensor:
    a, b = parts(x)
    return polar(a.exp2(), b * torch.full_like(b, 2.0).log())


def _sigmoid(x: Tensor) -> Tensor:
    return divide(1.0, add(exponential(multiply(x, -1.0)), 1.0))


def _atanh(x: Tensor) -> Tensor:
    a, b = parts(x)
    size = ((1 + a) * (1 + a) + b * b) / ((1 - a) * (1 - a) + b * b)
    return joined(size.log() / 4, torch.atan2(2 * b, (1 - a) * (1 + a) - b * b) / 2)


def _asinh(x: Tensor) -> Tensor:
    return logarithm(add(x, _square_root(add(multiply(x, x), 1.0))))


def _acosh(x: Tensor) -> Tensor:
    return logarithm(add(x, multiply(_square_root(add(x, 1.0)), _square_root(subtract(x, 1.0)))))


def _acos(x: Tensor) -> Tensor:
    """−i log(z + i √(1 − z) √(1 + z)), whose cuts are those of the arc cosine."""
    root = multiply(_square_root(subtract(1.0, x)), _square_root(add(x, 1.0)))
    return _over_i(logarithm(add(x, _times_i(root))))


def _asin(x: Tensor) -> Tensor:
    """−i log(iz + √(1 − z) √(1 + z))."""
    root = multiply(_square_root(subtract(1.0, x)), _square_root(add(x, 1.0)))
    return _over_i(logarithm(add(_times_i(x), root)))


def _of_result(slope: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A kernel of a backward pass: the upstream gradient times the conjugate of a slope, told by the result."""
    return lambda upstream, result: multiply(upstream, conjugate(slope(result)))


#: The steps of operators by their names, where an operand is complex.
STEPS: dict[str, Callable[..., Any]] = {
    "sinh": _sinh, "cosh": _cosh, "tanh": _tanh, "sin": _turned(_sinh), "cos": lambda x: _cosh(_times_i(x)),
    "tan": _turned(_tanh), "sqrt": _square_root, "rsqrt": lambda x: divide(1.0, _square_root(x)), "pow": _power,
    "square": lambda x: multiply(x, x), "log2": _logarithm_to(2.0), "log10": _logarithm_to(10.0), "log1p": _log1p,
    "expm1": _expm1, "exp2": _exp2, "sigmoid": _sigmoid, "atanh": _atanh, "atan": _turned(_atanh), "asinh": _asinh,
    "acosh": _acosh, "acos": _acos, "asin": _asin,
    "tanh_backward": _of_result(lambda y: subtract(1.0, multiply(y, y))),
    "sigmoid_backward": _of_result(lambda y: multiply(subtract(1.0, y), y)),
}  # fmt: skip
