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
    own = any(case.overload == signature.overload for case in known.cases)
    listed = (case for case in known.cases if case.overload == (signature.overload if own else ""))
    return tuple(_only(case, signature) for case in listed if _fits(case, signature))


def _fits(case: Case, signature: Signature) -> bool:
    """Whether the overload has the arguments that the case fixes, as numbers where they are fixed to numbers."""
    for name, value in case.settings.items():
        argument = signature.argument(name)
        if argument is None and value is not None and name != "reduction":
            return False
        if argument is not None and argument.is_tensor and value is not None:
            return False
    return True


def _only(case: Case, signature: Signature) -> Case:
    settings = {name: value for name, value in case.settings.items() if signature.argument(name) is not None}
    return replace(case, settings=settings)
