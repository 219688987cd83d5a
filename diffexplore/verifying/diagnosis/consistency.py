"""A loss and its gradient that are wrong by one factor: what is wrong is the loss, and its gradient is its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sympy

from diffexplore.checking.records import VALUE, Cause

#: What may be behind a factor of a gradient alone. Accumulation does not change the value of the loss.
_ACCUMULATED = re.compile(r", or it was accumulated twice without zeroing|accumulated \d+ times, or ")


def with_consistency(causes: Mapping[str, Cause], loss: sympy.Expr) -> dict[str, Cause]:
    """The causes, where those of the value and of every partial are one factor, as one finding.

    The field ``loss_is`` then says what the candidate's loss is: ``2 times this loss: the ½ is missing``.
    """
    value = causes.get(VALUE)
    partials = [cause for name, cause in causes.items() if name != VALUE]
    if value is None or value.key != "factor" or not partials:
        return dict(causes)
    factor = value.fields["factor"]
    if any(cause.key != "factor" or cause.fields["factor"] != factor for cause in partials):
        return dict(causes)
    loss_is = _loss_is(value.message, loss)
    fields = {"loss_is": loss_is}
    found = {}
    for name, cause in causes.items():
        message = _narrowed(cause.message, loss)
        if name != VALUE:
            message += f" (the candidate's loss is {loss_is.partition(':')[0]}, and its gradient agrees with it)"
        found[name] = Cause(cause.key, message, {**cause.fields, **fields})
    return found


def _loss_is(message: str, loss: sympy.Expr) -> str:
    """``2 times this loss: the ½ is missing``, of the message ``it is 2 times the loss: …``."""
    words = _narrowed(message, loss).replace("the loss", "this loss", 1)
    wrong, colon, what = words.partition(": it is ")
    return f"{what}: {wrong}" if colon else words.removeprefix("it is ")


def _narrowed(message: str, loss: sympy.Expr) -> str:
    """The message without what a wrong value of the loss rules out; a ½ that the loss has is called by its article."""
    message, (coefficient, _) = _ACCUMULATED.sub("", message), sympy.factor_terms(loss).as_coeff_Mul()
    is_half = coefficient == sympy.S.Half
    return message.replace("a factor ½ is missing", "the ½ is missing") if is_half else message
