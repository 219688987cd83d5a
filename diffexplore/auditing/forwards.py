"""What an elementwise operator computes, found in the tables by its name."""

from __future__ import annotations

from dataclasses import replace

from diffexplore.auditing.forward_case import Case
from diffexplore.auditing.forward_tables import FORWARDS
from diffexplore.auditing.signature import Signature


def cases(signature: Signature) -> tuple[Case, ...]:
    """What the operator computes; empty where the table does not have it.

    An overload, an operator in place and one on lists compute what the operator of the plain name does.
    """
    base = signature.base.removeprefix("_foreach_")
    for name in (signature.name, signature.base, base, base.rstrip("_")):
        if name in FORWARDS:
            return tuple(_only(case, signature) for case in FORWARDS[name] if _fits(case, signature))
    return ()


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
