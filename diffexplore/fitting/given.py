"""What stands for a loss in Python: a Loss, a name, a formula, an expression, or a torch function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from diffexplore import losses
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.symbolic.parse import names_in


def loss_given(loss: Any, at: Mapping[str, float] | None) -> Loss:
    """The loss meant. Of formulas and functions, the names in ``at`` are the parameters and all others data.

    Raises :class:`UsageError` for anything else, and where the parameters are not named.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss.strip().partition(":")[0].isidentifier():
        return losses.get(loss.strip())
    if isinstance(loss, str):
        return _formula(loss, names_in(loss.strip()), at)
    if isinstance(loss, sympy.Expr):
        return _formula(loss, tuple(sorted(map(str, loss.free_symbols))), at)
    if callable(loss):
        from diffexplore.proving.programs import arguments_of

        names = arguments_of(loss)
        parameters = _named(names, at)
        return Loss.from_torch(loss, parameters=parameters, data=[name for name in names if name not in parameters])
    raise UsageError(
        f"a loss is a Loss, a name of the catalogue, a formula or a torch function, not {type(loss).__name__}"
    )


def _formula(formula: str | sympy.Expr, names: tuple[str, ...], at: Mapping[str, float] | None) -> Loss:
    parameters = _named(names, at)
    return Loss(formula, parameters=parameters, data=[name for name in names if name not in parameters])


def _named(names: tuple[str, ...], at: Mapping[str, float] | None) -> list[str]:
    if not at:
        raise (
            UsageError(f"give a start, such as at={{{names[0]!r}: 0.0}}: the names in it are the parameters")
            if names
            else UsageError("the formula has no symbol")
        )
    for name in at:
        if name not in names:
            raise unknown("symbol", str(name), names)
    return [name for name in names if name in at]
