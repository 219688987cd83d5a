"""Operators that make, fill, copy or convert tensors. A conversion between dtypes is exact here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.tensor_balls import chosen, filled, given, shaped, summed_to, zeros
from diffexplore.bounds.sequences import SEQUENCES, arguments_of, sequence_of
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of
from diffexplore.torch_ops.tensor_rules.fields import paired, parts
from diffexplore.torch_ops.tensor_rules.operands import (
    TIED,
    UNDECIDED,
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    Truths,
    operands_of,
)

Tensor = torch.Tensor


def created(call: OperatorCall) -> Applied:
    """A tensor of constants, or something that is no tensor."""
    if not isinstance(call.out, torch.Tensor):
        return Applied((None,), None)
    meant = constants_made(call.function, call.args, call.kwargs, call.out)
    if meant is not None:
        return Applied((meant,), None)
    out = torch.view_as_real(call.out.resolve_conj()) if call.out.is_complex() else call.out
    return Applied((given(out.to(torch.float64).numpy()) if out.is_floating_point() else None,), None)


def constants_made(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Tensor) -> DoubleBall | None:
    """The numbers that a tensor of constants stands for; None where they are those that it holds, or not known."""
    name, dtype = function.overloadpacket.__name__, out.dtype
    if name in SEQUENCES and dtype.is_floating_point and not operands_of(args):
        made = sequence_of(function, arguments_of(function, args, kwargs), out.numel())
        return None if made is None else shaped(made.numbers, np.array)
    if name not in _FULL or not (dtype.is_floating_point or dtype.is_complex):
        return None
    value = arguments_of(function, args, kwargs)[_FULL[name]]
    if type(value) not in (int, float, complex) or not np.isfinite(value):
        return None
    stored = torch.scalar_tensor(value, dtype=dtype, device="cpu").item()
    if stored == value or not np.isfinite(stored):
        return None
    one = number_of(value.real) if not dtype.is_complex else paired(number_of(value.real), number_of(value.imag))
    return filled(one, (*out.shape, 2) if dtype.is_complex else tuple(out.shape))


#: Operators that fill a tensor with a number, and which argument that is.
_FULL = {"full": "fill_value", "full_like": "fill_value", "new_full": "fill_value", "scalar_tensor": "s"}


def converted(call: OperatorCall) -> Applied:
    """Another dtype or device. Of numbers that turn into integers, nothing is known where they may turn into others."""
    operand, dtype = call.args[0], call.out.dtype
    if dtype.is_complex != operand.value.is_complex():
        return _between_real_and_complex(operand, dtype)
    if not dtype.is_complex and not dtype.is_floating_point:
        return Applied((_whole(operand, dtype),), None)
    if operand.undecided is not None:
        unclear = operand.undecided != 0
        half = DoubleBall(*map(np.float64, (0.5, 0.0, 0.5)))
        return Applied((chosen(unclear, half, operand.number),), None)
    return Applied((operand.number,), lambda cotangents: [cotangents[0]], by_element=not dtype.is_complex)


def _between_real_and_complex(operand: Operand, dtype: torch.dtype) -> Applied:
    def with_nothing(ball: DoubleBall) -> DoubleBall:
        return shaped(ball, lambda field: np.stack([field, np.zeros_like(field)], -1))

    def real(ball: DoubleBall) -> DoubleBall:
        return shaped(ball, lambda field: field[..., 0])

    there, back = (with_nothing, real) if dtype.is_complex else (real, with_nothing)
    return Applied((there(operand.number),), lambda c: [None if c[0] is None else back(c[0])])


def _whole(operand: Operand, dtype: torch.dtype) -> Truths | None:
    """Numbers as integers or truth values; those that the least change turns into another are not certain."""
    if operand.ball is None:
        if operand.undecided is not None and dtype is not torch.bool:
            raise NotCertified("a condition that is not certain here becomes an integer")
        return None if operand.undecided is None else Truths(operand.value.to(dtype).numpy(), operand.undecided)
    if not operand.varies:
        return None
    ball = operand.ball
    slack = np.abs(ball.low) + ball.radius
    clear = (np.abs(ball.high) > slack) if dtype is torch.bool else np.abs(ball.high - np.rint(ball.high)) > 2 * slack
    clear |= slack == 0
    if dtype is not torch.bool and not clear.all():
        raise NotCertified("the integers that it makes of numbers are not certain here")
    flags = np.where(clear, np.where(ball.high == 0, TIED, 0), UNDECIDED).astype(np.uint8)
    return Truths(operand.value.to(dtype).numpy(), flags) if dtype is torch.bool else None


def copied(call: OperatorCall) -> Applied:
    """copy, and fill: the first operand's elements are replaced by those of the second one, or by a number."""
    target, source = call.args[:2]
    shape = target.shape
    if target.ball is None:
        flags = source.undecided if isinstance(source, Operand) else None
        if isinstance(source, Operand) and source.varies:
            raise NotCertified("numbers are written into integers")
        wide = None if flags is None else Truths(call.out.numpy(), np.broadcast_to(flags, shape))
        return Applied((wide,), None)
    is_complex = isinstance(source, Operand) and source.value.is_complex()
    into_pairs = target.value.is_complex() and not is_complex
    out_of_pairs = is_complex and not target.value.is_complex()  # torch drops the imaginary parts
    if target.value.is_complex():
        shape = (*shape, 2)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        if not isinstance(source, Operand):
            return [None]
        cotangent = parts(cotangents[0])[0] if into_pairs else cotangents[0]
        cotangent = paired(cotangent, zeros(cotangent.high.shape)) if out_of_pairs else cotangent
        return [None, summed_to(cotangent, (*source.shape, 2)[: None if is_complex else -1]) if source.varies else None]

    real = source.real if isinstance(source, complex) else source
    value = number_of(real)
    if isinstance(source, Operand) and source.undecided is not None:
        value = chosen(source.undecided != 0, DoubleBall(*map(np.float64, (0.5, 0.0, 0.5))), value)
    if out_of_pairs:
        value = parts(value)[0]
    if into_pairs:
        imaginary = source.imag if isinstance(source, complex) else 0.0
        value = paired(value, filled(number_of(imaginary), value.high.shape))
    return Applied((filled(value, shape),), pullback, by_element=not target.value.is_complex() and not is_complex)


def taken_out(call: OperatorCall) -> Applied:
    """item and the like: a number that the program goes on with as it is, as autograd sees it."""
    return Applied((None,), None)


def changes_memory(call: OperatorCall) -> Applied:
    """set_, resize_: a tensor gets other memory."""
    raise NotCertified("it changes where a tensor lies in memory")
