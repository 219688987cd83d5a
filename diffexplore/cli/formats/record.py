"""A form in which results are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diffexplore.cli.shown import Shown

#: The commands that write results.
COMMANDS = ("report", "verify", "prove", "fit", "graph", "derive", "audit", "bench")


@dataclass(frozen=True)
class Target:
    """What is written: by which command, to which file (``-`` for standard output), and whether in ASCII."""

    command: str
    place: str
    ascii: bool = False


def _nothing(target: Target) -> None:
    """Nothing can be missing."""


@dataclass(frozen=True)
class Format:
    """A form in which results are written: a file of its own, and a line in the registry.

    Attributes:
        name: "JSON", as a sentence has it.
        commands: those whose results it can hold.
        make: the text, or the bytes of a file.
        option: by which it is requested, such as "--json"; None: by the suffix of ``-o`` alone.
        suffixes: by which ``-o`` knows it; a command takes the first format that has one.
        to_stdout: whether ``-`` writes it to standard output.
        check: raises UsageError where something is missing that would be needed in the end: before the long work.
    """

    name: str
    commands: tuple[str, ...]
    make: Callable[[Shown, Target], str | bytes]
    option: str | None = None
    suffixes: tuple[str, ...] = ()
    to_stdout: bool = True
    check: Callable[[Target], None] = _nothing

    @property
    def parameter(self) -> str:
        """The name of the option as a parameter."""
        return (self.option or "").lstrip("-").replace("-", "_")


def suffix_of(place: str, suffixes: tuple[str, ...]) -> str | None:
    """The suffix of ``suffixes`` with which a place ends; None for none of them."""
    name = Path(place).name.lower()
    return next((suffix for suffix in suffixes if name.endswith(suffix) and name != suffix), None)
