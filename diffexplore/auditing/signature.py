"""The signature of an operator as ``derivatives.yaml`` writes it, read by the parser that torch brings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from diffexplore.errors import UsageError


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
