"""Random formulas that are defined wherever their parameters and data are.

A small grammar with three kinds of expression: real, positive, and inside (-1, 1). A function with a restricted domain
gets an argument of the right kind, so that a formula is defined for all real a, b, x, y and all s > 0, but for poles
of quotients and the kinks of |·| and its kin, which points may come near to. The data t hold labels: they decide
between cases, and are 0 where a mask keeps a quotient by them out.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.errors import UsageError
from diffexplore.formula.parse import names_in
from diffexplore.loss import Loss
from diffexplore.program.program import lower

_PARAMETERS = ("a", "b", "s")
LABEL = "t"
"""The data that are drawn from :data:`LABELS`."""

LABELS = (0.0, 1.0, 2.0, -100.0)

_DATA = ("x", "y", LABEL)

_TRIES = 16

#: Longer formulas cost time without being of another kind.
_LONGEST = 110

_LEAVES = ("a*x + b - y", "a*x + b", "x - a", "b - y", "a*x", "x + y", "a", "b", "x", "y", "a*x**2 + b*x", "x*y + b")

_REAL = (
    "({r}) + ({r})", "({r}) - ({r})", "({r})*({r})", "({r})*({r})", "({r})*({p})", "({r})/({p})", "({r})/({p})",
    "({r})/({r})", "square({r})", "({r})**3", "({r})**2/2", "sin({r})", "cos({r})", "tanh({r})", "atan({r})",
    "asinh({r})", "sinh({u})", "exp(-square({r}))", "exp({r})", "expm1({r})", "exp2({r})", "log({p})", "log1p({p})",
    "log10({p})", "log2({p})", "sqrt({p})", "erf({r})", "erfc({r})", "sigmoid({r})", "softplus({r})", "logcosh({r})",
    "abs({r})", "max({r}, {r})", "min({r}, {r})", "relu({r})", "sign({r})*({r})", "heaviside({r})*({r})",
    "where(({r}) > ({r}), {r}, {r})", "where(({p}) > 1, sqrt({p}), {r})", "cbrt({r})", "atan2({r}, {p})",
    "atan2({r}, {r})", "hypot({r}, {r})", "asin({u})", "acos({u})", "atanh({u})", "erfinv({u})", "acosh(1 + {p})",
    "lgamma({p})", "digamma({p})", "trigamma({p})", "gamma({p})", "({p})**({r})", "({p})**(3/2)", "({p})**(-1/3)",
    "where(t == 1, {r}, {r})", "where(t == -100, 0, {r})", "where(t > 0, {r}, {r})", "where(t >= 1, {r}, -({r}))",
    "where(t != 0, ({r})/t, {r})", "where(t == 0, 0, ({r})*log(abs(t)))", "where(t == 1 or t == 2, {r}, abs({r}))",
    "6.62607015e-3*({r})", "0.1*({r}) + 2.7182818284590452*({r})", "({p})**2.5", "({p})**0.3333",
    "exp(log({p}))*({r})", "sqrt({p})**2 + ({r})", "log(exp({u}))*({r})", "({r})/(1/({p}))", "sin(asin({u}))*({r})",
    "sinc({r})", "tan({u})", "cot({r})", "sec({u})", "csch({r})", "sech({r})", "coth({r})", "1/({r})", "1/({r})**2",
)  # fmt: skip

_POSITIVE = (
    "1 + square({r})", "1 + square({r})", "exp({u})", "exp({r})", "softplus({r})", "sigmoid({r})", "cosh({u})",
    "({p})*({p})", "({p})/({p})", "sqrt({p})", "2 + sin({r})", "s", "s", "s**2", "({p}) + ({p})", "1/2 + abs({r})",
)  # fmt: skip

_UNIT = ("tanh({r})", "sin({r})", "2*sigmoid({r}) - 1", "({r})/sqrt(1 + square({r}))", "({r})/(2 + square({r}))")

_KINDS = {"r": (_REAL, _LEAVES), "p": (_POSITIVE, ("s", "1 + x**2", "1 + (a*x + b - y)**2", "exp(b)")),
          "u": (_UNIT, ("tanh(a*x)", "sin(x - b)", "x/(1 + x**2)"))}  # fmt: skip


def random_loss(seed: int, index: int) -> Loss:
    """The loss with this number in the sequence of this seed; it depends on nothing else."""
    rng = random.Random(f"formula {seed} {index}")
    while True:
        text = _expression("r", rng.choice((1, 2, 2, 3)), rng.choice)
        if len(text) > _LONGEST:
            continue
        loss = _loss(text, rng.choice(("mean", "mean", "sum")))
        if loss is not None and not _has_flat_partial(loss):
            return loss


def _has_flat_partial(loss: Loss) -> bool:
    """Whether a partial is 0 up to rounding at each of some points: then it is 0 everywhere, or almost so."""
    names = (*loss.parameters, *loss.data)
    draw = torch.Generator().manual_seed(0)
    values = {name: torch.rand(_TRIES, generator=draw, dtype=torch.float64) * 4 - 2 for name in names}
    if "s" in values:
        values["s"] = values["s"].abs()
    raw = loss.gradient().raw
    outputs = lower([raw[name] for name in loss.parameters], names).run(TORCH, values)
    return any(bool((torch.as_tensor(output).abs() < 1e-12).all()) for output in outputs)


def _expression(kind: str, depth: int, choose: Callable[[tuple[str, ...]], str]) -> str:
    inner, leaves = _KINDS[kind]
    if depth == 0:
        return choose(leaves)
    pieces = choose(inner).split("{")
    text = pieces[0]
    for piece in pieces[1:]:
        text += _expression(piece[0], depth - 1, choose) + piece[2:]
    return text


def _loss(text: str, reduction: str) -> Loss | None:
    """The loss of a text; None where the parser refuses it or a symbol cancels."""
    used = names_in(text)
    parameters = [name for name in _PARAMETERS if name in used]
    if not parameters:
        return None
    data = [name for name in _DATA if name in used]
    domain = "s > 0" if "s" in used else None
    try:
        return Loss(text, parameters=parameters, data=data, reduction=reduction, domain=domain)
    except UsageError:
        return None
