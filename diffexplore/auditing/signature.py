"""The signature of an operator as ``derivatives.yaml`` writes it: name, arguments, results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from diffexplore.errors import UsageError

_SIGNATURE = re.compile(r"\s*(?P<name>[\w.]+)\((?P<arguments>.*)\)\s*->\s*(?P<results>.+?)\s*$", re.DOTALL)
_TENSOR = re.compile(r"Tensor(?:\((?P<alias>\w)(?P<written>!)?[^)]*\))?(?P<rest>[?\[\]]*)$")


@dataclass(frozen=True)
class Argument:
    """An argument: its type without marks of aliasing, its name, and its default as written."""

    type: str
    name: str
    default: str | None = None
    aliased: bool = False
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
    """What an operator takes and gives."""

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
    def in_place(self) -> bool:
        """Whether it writes its result into the first argument."""
        return bool(self.arguments) and self.arguments[0].written and self.base.endswith("_")

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
    match = _SIGNATURE.match(text)
    if match is None:
        raise UsageError(f"{text[:60]!r} is not the signature of an operator, such as 'exp(Tensor self) -> Tensor'")
    arguments = tuple(_argument(part) for part in _split(match["arguments"]) if part != "*")
    results = match["results"]
    parts = _split(results[1:-1]) if results.startswith("(") else [results]
    return Signature(match["name"], arguments, tuple(part.split()[-1] if " " in part else "" for part in parts))


def _argument(text: str) -> Argument:
    declared, _, default = text.partition("=")
    kind, _, name = declared.strip().rpartition(" ")
    tensor = _TENSOR.match(kind)
    if tensor is None:
        return Argument(kind, name, default or None)
    return Argument(
        "Tensor" + tensor["rest"], name, default or None, bool(tensor["alias"]), written=bool(tensor["written"])
    )


def _split(text: str) -> list[str]:
    """The parts of ``text`` between commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()] if text.strip() else []
