"""What an elementwise operator computes, found in its record."""

from __future__ import annotations

from dataclasses import replace

from diffexplore.auditing.signature import Signature
from diffexplore.torch_ops.cases import Case
from diffexplore.torch_ops.registry import named


def cases(signature: Signature) -> tuple[Case, ...]:
    """What the operator computes; empty where its record does not say it.

    An overload, an operator in place and one on lists compute what the operator of the plain name does.
    """
    known = named(signature.base) or named(signature.base.removeprefix("_foreach_"))
    if known is None:
        return ()
    stated = known.cases or (() if known.formula is None else (Case((), known.defined.interior),))
    own = any(case.overload == signature.overload for case in stated)
    listed = (case for case in stated if case.overload == (signature.overload if own else ""))
    return tuple(_only(case, known.name, signature) for case in listed if _fits(case, signature))


def _fits(case: Case, signature: Signature) -> bool:
    """Whether the overload has the arguments that the case fixes, as numbers where they are fixed to numbers."""
    for name, value in case.settings.items():
        argument = signature.argument(name)
        fits = name == "reduction" if argument is None else not argument.is_tensor
        if value is not None and not fits:
            return False
    return True


def _only(case: Case, name: str, signature: Signature) -> Case:
    """The case with the settings that this overload has; without a formula, a call of the operator that is known."""
    settings = {name: value for name, value in case.settings.items() if signature.argument(name) is not None}
    operands = "self, other" if sum(argument.is_number for argument in signature.arguments) > 1 else "self"
    return replace(case, formulas=case.formulas or (f"{name}({operands})",), settings=settings)
