"""What to write instead of an operation that makes NaN or infinity where the gradient is finite: a table."""

from __future__ import annotations

import math
from collections.abc import Callable

from diffexplore.checking.origin import Made, Origin
from diffexplore.functions import OPERATIONS
from diffexplore.functions.domains import AtLeast, NoPole, Within
from diffexplore.functions.tables import limited_by
from diffexplore.torch_ops.registry import OPERATORS


def _made(made: Made | None, *names: str) -> bool:
    return made is not None and made.name in names


def _zero_times(made: Made | None) -> bool:
    """0 · ∞, or 0 / 0: a gradient of 0 met an infinite slope."""
    return made is not None and 0 in made.operands and made.name in ("mul", "div", "addcmul", "addcdiv")


def _untaken(origin: Origin) -> bool:
    """A choice gives 0 as the gradient of what it did not take, and 0 meets an infinity on its way."""
    return origin.chooses and (_zero_times(origin.backward) or (origin.backward is None and _infinite(origin.forward)))


def _infinite(made: Made | None) -> bool:
    """Whether an operation made it that has no finite value, or no finite slope, at or beyond the end of its domain."""
    return made is not None and made.name in _SINGULAR


def _infinite_result(made: Made | None) -> bool:
    """An infinity, as at the end of a domain or at a pole; beyond the end of a domain the result is NaN."""
    return made is not None and math.isinf(made.result)


def _nan_inside(origin: Origin) -> bool:
    """A product is NaN by a factor that is: no operation of the forward pass made that of finite numbers."""
    made = origin.backward
    return (
        origin.forward is None
        and made is not None
        and made.name in ("mul", "div")
        and any(math.isnan(operand) for operand in made.operands)
        and not any(operand == 0 or math.isinf(operand) for operand in made.operands)
    )


def _inverts_zero(made: Made | None) -> bool:
    return made is not None and made.name == "pow" and made.operands[0] == 0 and made.operands[1] < 0


def _at_pole_of_gamma(made: Made | None) -> bool:
    return made is not None and any(operand <= 0 and operand == round(operand) for operand in made.operands)


_SINGULAR = frozenset(name for name, one in OPERATORS.items() if one.defined.conditions or one.defined.rule)
_SINGULAR |= {one.aten_name for one in OPERATIONS.values() if one.facts.domain.conditions}

# By name: what advice is about is no fact of the mathematics; what is not named here gets other advice, or none.
_EXPONENTIALS = ("exp", "exp2", "expm1", "sinh", "cosh", "softmax", "logsumexp")
_LOGARITHMS = ("log", "log2", "log10", "log1p", "xlogy", "logit")
_LIMITED = limited_by(Within(strict=False), Within(strict=True), AtLeast(1))
_GAMMAS = limited_by(NoPole())
_PRODUCTS = ("mul", "square", "pow", "addcmul", "prod")
_SUMS = ("sum", "mean", "dot", "mv", "mm", "bmm", "addmm", "addmv", "cumsum", "add", "sub", "var", "native_layer_norm")
_NORMS = ("linalg_vector_norm", "norm", "dist", "cdist_forward", "euclidean_dist")

#: Advice, and the calls to which it applies, in the order in which it is tried: the first that applies is given.
REMEDIES: tuple[tuple[str, Callable[[Origin], bool]], ...] = (
    ("a factor is NaN by itself, for no operation of the forward pass makes it of finite numbers: look for a NaN "
     "among the numbers of the code",
     _nan_inside),
    ("where() still differentiates the branch not taken: choose its input first, as in where(c, f(where(c, x, 1)), 0)",
     _untaken),
    ("exp overflows before log undoes it: use logsumexp, softplus or logsigmoid",
     lambda origin: _made(origin.forward, *_EXPONENTIALS) and bool(origin.seen & set(_LOGARITHMS))),
    ("exp overflows: write it with a negative argument (sigmoid, softmax, tanh do), or subtract the largest exponent "
     "first",
     lambda origin: _made(origin.forward, *_EXPONENTIALS)),
    ("log of 0: use log1p for log(1 + x), logsigmoid or log_softmax for the log of a probability, xlogy for x·log(y), "
     "or clamp before log",
     lambda origin: _made(origin.forward, *_LOGARITHMS) and _infinite_result(origin.forward)),
    ("log has no real value of a negative number: where rounding made it negative, use another form or clamp before "
     "log; else choose its input with where()",
     lambda origin: _made(origin.forward, *_LOGARITHMS)),
    ("sqrt has no real value of a negative number: where rounding made it negative, clamp at 0 or use another form; "
     "else choose its input with where()",
     lambda origin: _made(origin.forward, "sqrt", "rsqrt") and not _infinite_result(origin.forward)),
    ("a negative number has no real power with a fractional exponent: take the power of abs(x), or choose its input "
     "with where()",
     lambda origin: _made(origin.forward, "pow") and not _infinite_result(origin.forward)),
    ("the argument lies outside the domain of the function: where rounding took it there, clamp it inside; else choose "
     "it with where()",
     lambda origin: _made(origin.forward, *_LIMITED) and not _infinite_result(origin.forward)),
    ("the gamma functions have poles at 0 and the negative whole numbers: choose their input with where()",
     lambda origin: _made(origin.forward, *_GAMMAS) and _at_pole_of_gamma(origin.forward)),
    ("the square overflows before the root undoes it: use hypot, or divide by the largest entry first",
     lambda origin: (_made(origin.forward, *_PRODUCTS) and bool(origin.seen & {"sqrt", "rsqrt"}))
     or _made(origin.forward, *_NORMS)),
    ("the slope of sqrt is infinite at 0: clamp before sqrt, or choose its input with where()",
     lambda origin: bool(origin.seen & {"sqrt of 0", "rsqrt of 0"})),
    ("a negative power of 0 is a division by 0: choose the base with where() first",
     lambda origin: _inverts_zero(origin.forward)),
    ("a power of 0 has no finite logarithm or slope: clamp the base before pow, or use an exponent that is a number",
     lambda origin: "pow of 0" in origin.seen or _made(origin.forward, "pow")),
    ("the slope of a norm is 0/0 at 0: clamp the norm, or add a small number under its root",
     lambda origin: any(f"{name} of 0" in origin.seen for name in _NORMS)),
    ("atan2(0, 0) has no slope: choose its input with where() first",
     lambda origin: "atan2 of 0" in origin.seen),
    ("the slope is infinite at the end of the domain: clamp the argument inside it",
     lambda origin: bool(origin.seen & set(_LIMITED))),
    ("division by 0: choose the denominator with where() first",
     lambda origin: any(_made(made, "div", "reciprocal") and made.operands[-1:] == (0.0,) for made in _passes(origin))),
    ("the number overflows before a division brings it back: divide first",
     lambda origin: any(_made(made, *_PRODUCTS, "div", "reciprocal") for made in _passes(origin))
     and bool(origin.seen & {"div", "reciprocal"}) and not _zero_times(origin.backward)),
    ("the conversion leaves the range of the narrower dtype: scale first, or keep the wider dtype",
     lambda origin: _made(origin.forward, "to_copy")),
    ("the sum leaves the range of the dtype before the rest brings it back: scale its terms first, or add in a wider "
     "dtype",
     lambda origin: any(_made(made, *_SUMS) for made in _passes(origin))),
    ("0 times infinity: keep the infinite factor finite, by a clamp or by another form",
     lambda origin: any(map(_zero_times, _passes(origin)))),
    ("the product leaves the range of the dtype before the rest brings it back: scale its factors first",
     lambda origin: any(_made(made, *_PRODUCTS) for made in _passes(origin))),
)  # fmt: skip


def _passes(origin: Origin) -> list[Made]:
    """What the forward and the backward pass made that is not finite."""
    return [made for made in (origin.forward, origin.backward) if made is not None]


def remedy(origin: Origin) -> str | None:
    """The advice for what was seen; None where the table has none."""
    return next((advice for advice, applies in REMEDIES if applies(origin)), None)


def described(origin: Origin) -> str:
    """``exp(800) = inf, then 0 · inf = NaN in the backward pass``; empty where nothing was seen."""
    if origin.backward is None:
        return str(origin.forward or "")
    behind = f"{origin.backward} in the backward pass"
    return behind if origin.forward is None else f"{origin.forward}, then {behind}"
