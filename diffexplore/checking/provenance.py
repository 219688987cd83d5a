"""What each number of a call on one sample is, as a formula, and at which operation its digits are lost.

Operations are seen as torch runs them under a watch, those of the backward pass as well. Each result has a radius; the
operation at which the radius beside the number grows most is the one that loses the digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch

from diffexplore.bounds.watch import Observer, Watch
from diffexplore.formula.functions_sympy import softplus
from diffexplore.formula.step_functions import StepFunction
from diffexplore.torch_ops import registry
from diffexplore.torch_private.watching import storage_key

Tensor = torch.Tensor

#: An operation whose formula is not known.
UNKNOWN = sympy.Symbol("…", real=True)

#: Growth of the relative radius below which an operation is not stated to lose digits.
_GREAT = 8.0


@dataclass(frozen=True)
class LostPart:
    """An operation that loses digits: its formula, the relative radius of its operands and of its result, and whether
    it cancels, underflows or overflows.
    """

    formula: sympy.Expr
    before: float
    after: float
    how: str

    @property
    def growth(self) -> float:
        return self.after / self.before


@dataclass(frozen=True)
class _Executed:
    """One operation: which steps made its operands, what it made of them, and what it loses."""

    parents: tuple[int, ...]
    value: float
    loss: LostPart | None


@dataclass
class Provenance(Observer):
    """Looks on at a call whose tensors hold one number each; ``unit`` is the unit roundoff of its dtype.

    ``inputs`` are the tensors of the symbols.
    """

    inputs: Mapping[str, Tensor]
    unit: float
    _known: dict[tuple[int, int], sympy.Expr] = field(default_factory=dict)
    _kept: list[Tensor] = field(default_factory=list)
    _steps: list[_Executed] = field(default_factory=list)
    _made: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, tensor in self.inputs.items():
            self.name(name, tensor)

    def name(self, name: str, tensor: Tensor) -> None:
        """Says that a tensor holds the value of a symbol."""
        self._keep(tensor, sympy.Symbol(name, real=True))

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """One operation, which ran under a watch."""
        if not is_number(out):
            return
        tensors = [value for value in args if is_number(value)]
        plain = name.rstrip("_").lstrip("_")
        formula = self._formula(plain, args, out)
        measured = plain not in _SAME and not watch.unwatched & {plain, name}
        loss = self._measured(watch, plain, formula, tensors, out) if measured else None
        operands = [] if plain in _CONSTANTS else tensors
        parents = tuple(self._made[key] for key in map(_key, operands) if key in self._made)
        self._keep(out, formula)
        self._made[_key(out)] = len(self._steps)
        self._steps.append(_Executed(parents, float(out.detach()), loss))

    def _measured(
        self, watch: Watch, name: str, formula: sympy.Expr, operands: list[Tensor], out: Tensor
    ) -> LostPart | None:
        if math.isnan(float(out.detach())):
            return None  # there are no digits to keep: what made it is the cause of its row
        before = max([self.unit, *(_relative(watch, value) for value in operands)])
        found = LostPart(formula, before, _relative(watch, out), _how(name, out))
        loses = found.growth >= _GREAT and found.after > math.sqrt(self.unit) and not formula.is_Number
        return found if loses else None

    def worst(self, result: float) -> LostPart | None:
        """The operation that loses most, of those that the result hangs on: the value of a loss may lose digits that
        its gradient never sees.

        The result is what nothing used and has its value; all that nothing used, where none has it.
        """
        used = {parent for step in self._steps for parent in step.parents}
        ends = [i for i in range(len(self._steps)) if i not in used]
        ends = [i for i in ends if self._steps[i].value == result] or ends
        reached: set[int] = set()
        while ends:
            i = ends.pop()
            if i not in reached:
                reached.add(i)
                ends += self._steps[i].parents
        losses = [loss for i in sorted(reached) if (loss := self._steps[i].loss) is not None]
        return max(losses, key=lambda loss: loss.growth, default=None)

    def of(self, value: Tensor) -> sympy.Expr:
        """The formula of a number of the call; :data:`UNKNOWN` where it is not known."""
        return self._known.get(_key(value), UNKNOWN)

    def _keep(self, tensor: Tensor, formula: sympy.Expr) -> None:
        self._known[_key(tensor)] = formula
        self._kept.append(tensor)  # so that no other tensor gets its memory

    def _of(self, value: Any) -> sympy.Expr:
        if isinstance(value, torch.Tensor):
            if not is_number(value) or not bool(value.detach().isfinite().all()):
                return UNKNOWN
            # What no operation made, and is no input, is a constant of the code.
            return self._known.get(_key(value), sympy.Rational(float(value.detach())))
        return sympy.Integer(value) if isinstance(value, int) else sympy.Rational(value)

    def _formula(self, name: str, args: tuple[Any, ...], out: Tensor) -> sympy.Expr:
        if name in _SAME:
            return self._of(args[0]) if args and is_number(args[0]) else UNKNOWN
        if name in _CONSTANTS:
            value = float(out.detach())
            return sympy.Rational(value) if math.isfinite(value) else UNKNOWN
        if name == "where":
            return self._of(args[1] if bool(args[0].reshape(-1)[0]) else args[2])
        operator = registry.named(name)
        build = _AS_WRITTEN.get(name) or (None if operator is None else operator.formula)
        operands = [self._of(value) for value in args if isinstance(value, torch.Tensor) or _is_constant(value)]
        if build is None or not operands:
            return UNKNOWN
        try:
            found = build(*operands)
        except (TypeError, ValueError):
            return UNKNOWN
        return UNKNOWN if found.has(*_CHOICES) else found


#: They leave the number as it is; of one sample, a reduction does too.
_SAME = frozenset(
    "detach alias view unsafe_view reshape_alias expand clone unsqueeze squeeze to_copy permute t select slice sum "
    "mean transpose lift_fresh contiguous copy".split()
)
#: What is made of them on one branch says nothing of the digits of another.
_CHOICES = (sympy.Piecewise, sympy.Max, sympy.Min, sympy.sign, StepFunction)
_SUMS = frozenset(("add", "sub", "rsub"))
_CONSTANTS = frozenset(
    "ones ones_like zeros zeros_like full full_like new_full scalar_tensor new_ones new_zeros".split()
)


def _plus(x: sympy.Expr, y: sympy.Expr, alpha: sympy.Expr = sympy.S.One) -> sympy.Expr:
    terms = [term for term in (x, _times(alpha, y)) if term != 0]
    return sympy.Add(*terms, evaluate=False) if len(terms) == 2 else (terms[0] if terms else sympy.S.Zero)


def _times(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    if 0 in (x, y):
        return sympy.S.Zero
    factors = [factor for factor in (x, y) if factor != 1]
    if len(factors) < 2:
        return factors[0] if factors else sympy.S.One
    if x == -1 or y == -1:
        return _negative(y if x == -1 else x)
    return sympy.Mul(*factors, evaluate=False)


def _negative(x: sympy.Expr) -> sympy.Expr:
    return -x if x.is_Number or not x.is_Add else sympy.Mul(-1, x, evaluate=False)


def _over(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x if y == 1 else _times(x, sympy.Pow(y, -1, evaluate=False))


def _sigmoid_slope(gradient: sympy.Expr, value: sympy.Expr) -> sympy.Expr:
    return _times(gradient, _times(value, _plus(sympy.S.One, _negative(value))))


def _tanh_slope(gradient: sympy.Expr, value: sympy.Expr) -> sympy.Expr:
    return _times(gradient, _plus(sympy.S.One, _negative(sympy.Pow(value, 2, evaluate=False))))


#: Arithmetic as it was written, which SymPy would rearrange; all else has its formula in the record of its operator.
_AS_WRITTEN: Mapping[str, Callable[..., sympy.Expr]] = {
    "add": _plus,
    "sub": lambda x, y, alpha=sympy.S.One: _plus(x, _negative(_times(alpha, y))),
    "rsub": lambda x, y, alpha=sympy.S.One: _plus(y, _negative(_times(alpha, x))),
    "mul": _times, "div": _over, "neg": _negative,
    "reciprocal": lambda x: _over(sympy.S.One, x),
    "square": lambda x: sympy.Pow(x, 2, evaluate=False),
    "pow": lambda x, y: sympy.Pow(x, y, evaluate=False),
    "rsqrt": lambda x: _over(sympy.S.One, sympy.sqrt(x)),
    "logaddexp": lambda x, y: _plus(y, softplus(_plus(x, _negative(y)))),
    "softplus": softplus, "sigmoid_backward": _sigmoid_slope, "tanh_backward": _tanh_slope,
}  # fmt: skip


def is_number(value: Any) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.numel() == 1
        and value.device.type != "meta"
        and not value._is_zerotensor()
    )


def _is_constant(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _key(tensor: Tensor) -> tuple[int, int]:
    return storage_key(tensor), int(tensor.storage_offset())


def _relative(watch: Watch, value: Tensor) -> float:
    """The radius beside the number; 1 where no digit is left."""
    number, radius = abs(float(value.detach())), float(watch.radius(value).reshape(-1)[0])
    if radius == 0:
        return 0.0
    return min(1.0, radius / number) if math.isfinite(number) and number > 0 else 1.0


def _how(name: str, out: Tensor) -> str:
    """What an operation does to lose digits, by its name and its result: a sum that is tiny has cancelled."""
    number = abs(float(out.detach()))
    if not math.isfinite(number):
        return "overflows"
    tiny = number < torch.finfo(out.dtype).smallest_normal and name not in _SUMS
    return "underflows" if tiny else "cancels"
