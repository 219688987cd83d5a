"""The signature of an operator, read by the parser that torch brings, and the cases of the audit that fit it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from diffexplore.errors import UsageError
from diffexplore.torch_ops.cases import Case
from diffexplore.torch_ops.registry import named


@dataclass(frozen=True)
class Argument:
    """An argument: its type without marks of aliasing, its name, and whether the operator writes into it."""

    type: str
    name: str
    written: bool = False

    @property
    def is_tensor(self) -> bool:
        """Whether it is one tensor, or a list of tensors of which every one is treated alike."""
        return self.type in ("Tensor", "Tensor?", "Tensor[]")

    @property
    def is_number(self) -> bool:
        """Whether its elements are numbers; a bool, a string, a size or a dtype is none."""
        return self.is_tensor or self.type.rstrip("?") in ("Scalar", "Scalar[]", "float", "int")


@dataclass(frozen=True)
class Signature:
    """What an operator takes and gives; results without a name are empty texts."""

    name: str
    arguments: tuple[Argument, ...]
    results: tuple[str, ...]

    @cached_property
    def base(self) -> str:
        """The name without its overload: ``add`` of ``add.Tensor``."""
        return self.name.partition(".")[0]

    @property
    def overload(self) -> str:
        """The overload: ``Tensor`` of ``add.Tensor``, empty where there is none."""
        return self.name.partition(".")[2]

    @property
    def tensors(self) -> tuple[Argument, ...]:
        """The arguments that are tensors."""
        return tuple(argument for argument in self.arguments if argument.is_tensor)

    def argument(self, name: str) -> Argument | None:
        """The argument of that name, or None."""
        return next((argument for argument in self.arguments if argument.name == name), None)


def read_signature(text: str) -> Signature:
    """The signature in ``text``.

    Raises:
        UsageError: where it is none.
    """
    from torchgen.model import FunctionSchema

    try:
        schema = FunctionSchema.parse(" ".join(text.split()))
    except (AssertionError, IndexError, RuntimeError, ValueError):  # torch's parser has no error of its own
        shown = f"{text[:60]!r} is not the signature of an operator"
        raise UsageError(f"{shown}, such as 'exp(Tensor self) -> Tensor'") from None
    arguments = tuple(
        Argument(str(one.type), one.name, one.annotation is not None and one.annotation.is_write)
        for one in schema.arguments.flat_all
    )
    return Signature(str(schema.name), arguments, tuple(result.name or "" for result in schema.returns))


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
