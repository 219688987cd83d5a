"""What a surrogate gradient is meant to be the gradient of: "identity", a function with a steepness, or a formula.

A step has derivative 0. A straight-through estimator passes the upstream gradient on, as the identity does; a spike
passes on the derivative of a smooth function that resembles the step, such as ``sigmoid(4*x)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch

from diffexplore.arguments import wrong
from diffexplore.errors import UsageError, unknown
from diffexplore.functions import FUNCTIONS
from diffexplore.inputs.functions import arguments_of_function, function_with_values, is_function
from diffexplore.inputs.losses import is_program
from diffexplore.inputs.names import Named
from diffexplore.inputs.wording import PYTHON, Wording
from diffexplore.suggestions import did_you_mean

IDENTITY = "identity"

KINDS = "'identity', a function such as 'sigmoid4', a formula such as 'sigmoid(4*x)', or a torch function"

_STEEP = re.compile(r"([^\W\d]\w*?)(\d+(?:\.\d+)?)?")


def surrogate_formula(text: str, arguments: Sequence[str]) -> str:
    """The formula that a text means, for a function of ``arguments``.

    "identity" is the first argument, "sigmoid4" the sigmoid of four times it; what is more than a word is a formula.
    Raises UsageError for another word, and for a formula of other symbols than the arguments.
    """
    from diffexplore.formula.parse import names_in

    text = text.strip()
    if is_program(text):
        raise UsageError(f"{text!r} names a function in a file: import it, and give the function itself")
    word = _STEEP.fullmatch(text)
    if word is None:
        for name in names_in(text, arguments):
            if name not in arguments:
                raise unknown("symbol of the surrogate", name, arguments)
        return text
    if not arguments:
        raise UsageError(f"the surrogate {text!r} is one of the first argument: give a function of the same arguments")
    if text == IDENTITY:
        return arguments[0]
    name, steepness = (text, None) if text in FUNCTIONS else word.groups()
    known = [one for one, record in FUNCTIONS.items() if record.least == record.most == 1]
    if name not in known:
        raise UsageError(f"unknown surrogate {text!r}: {did_you_mean(name, [IDENTITY, *known]) or f'give {KINDS}'}")
    return f"{name}({arguments[0]})" if steepness is None else f"{name}({steepness}*{arguments[0]})"


def surrogate_of_tensors(text: str, arguments: Sequence[str]) -> Any:
    """The same as a function of tensors by name, entry by entry."""
    from diffexplore.arithmetic.torch_real import TORCH
    from diffexplore.formula.parse import names_in
    from diffexplore.loss import Loss
    from diffexplore.program.program import lower

    formula = surrogate_formula(text, arguments)
    used = names_in(formula, arguments)
    program = lower([Loss(formula, parameters=used).expression], used, plain=False)

    def entries(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        (found,) = program.run(TORCH, {name: tensors[name] for name in used})
        return found.clone()  # an argument itself is no output of its own

    return entries


def surrogate_loss(surrogate: Any, candidate: Any, named: Named, *, wording: Wording = PYTHON) -> Any:
    """What stands for the loss that a candidate's gradient is meant to be the gradient of.

    Of a text, all arguments of the candidate are symbols: those in the points are parameters, the others data. Raises
    UsageError for what is no surrogate.
    """
    from diffexplore.formula.parse import names_in
    from diffexplore.loss import Loss

    if not isinstance(surrogate, str):
        if not isinstance(surrogate, Loss) and not is_function(surrogate):
            raise wrong("surrogate", KINDS, surrogate)
        return surrogate
    if not callable(candidate):
        raise UsageError("a surrogate in words is one of a function's arguments: the candidate is no torch function")
    formula = surrogate_formula(surrogate, arguments_of_function(candidate))
    parameters, data = function_with_values(candidate, named, wording, None)
    used = names_in(formula, (*parameters, *data))
    own = [[name for name in names if name in used] for names in (parameters, data)]
    loss = Loss(formula, parameters=own[0], data=own[1], name="the surrogate")
    return loss.with_symbols(parameters, data)
