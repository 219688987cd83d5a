"""The ways to get a derivative, one a file; a new one is a file and a line in this registry."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diffexplore.arguments import as_texts
from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.methods.base import Method


@dataclass(frozen=True)
class Entry:
    """A method's name, what it does in one line, the module that holds it, and how a sentence calls it (by its name,
    unless ``spoken`` says otherwise). ``aliases`` are the other names by which it may be selected. ``runs_program``
    says whether it runs the torch function that a loss was read from: else, it knows the formula alone. ``truncates``
    says whether more than rounding separates its values from the truth: it takes a step.
    """

    name: str
    title: str
    module: str
    spoken: str = ""
    aliases: tuple[str, ...] = ()
    runs_program: bool = False
    truncates: bool = False

    def load(self) -> Method:
        """The method itself; imports what it needs."""
        method: Method = importlib.import_module(f"diffexplore.methods.{self.module}").METHOD
        return method


_ENTRIES = (
    Entry(
        "symbolic", "SymPy's gradient in its simplified form, evaluated by torch", "symbolic", "the simplified gradient"
    ),
    Entry("symbolic_raw", "SymPy's gradient as derived, evaluated by torch", "symbolic_raw", "the gradient as derived"),
    Entry("reverse", "torch reverse mode: backward()", "reverse", "reverse mode", ("backward", "autograd"), True),
    Entry(
        "forward",
        "torch forward mode: a Jacobian-vector product for each symbol",
        "forward",
        "forward mode",
        runs_program=True,
    ),
    Entry("vmap", "per-sample gradients through torch.func: vmap of grad", "vmap", "torch.func", runs_program=True),
    Entry("numpy", "SymPy's simplified gradient, evaluated by NumPy", "numpy_evaluation", "NumPy"),
    Entry(
        "forward_difference",
        "(f(x + h) - f(x)) / h",
        "forward_difference",
        "the forward difference",
        runs_program=True,
        truncates=True,
    ),
    Entry(
        "central_difference",
        "(f(x + h) - f(x - h)) / 2h",
        "central_difference",
        "the central difference",
        runs_program=True,
        truncates=True,
    ),
    Entry(
        "richardson",
        "two central differences, extrapolated to step 0",
        "richardson",
        "Richardson extrapolation",
        runs_program=True,
        truncates=True,
    ),
    Entry("complex_step", "Im f(x + ih) / h", "complex_step", "the complex step", truncates=True),
)


def entries() -> tuple[Entry, ...]:
    """Every method, in the order of the tables."""
    return _ENTRIES


def names() -> tuple[str, ...]:
    """The names of all methods."""
    return tuple(entry.name for entry in _ENTRIES)


def named(name: str) -> Entry:
    """The entry of a method by its name or another name of it; :class:`UsageError` where there is none."""
    known = {each: entry for entry in _ENTRIES for each in (entry.name, *entry.aliases)}
    if name not in known:
        raise unknown("method", name, known)
    return known[name]


def spoken(method: str) -> str:
    """How a sentence calls the method of a row, ``reverse mode`` for ``reverse``; its name where it has no entry."""
    name, _, rest = method.partition(" ")
    words = next((entry.spoken for entry in _ENTRIES if entry.name == name), "") or name
    return f"{words} {rest}".rstrip()


def runs_program(method: str) -> bool:
    """Whether the method of a row runs the torch function that a loss was read from."""
    name = method.partition(" ")[0]
    return any(entry.runs_program for entry in _ENTRIES if entry.name == name)


def truncates(method: str) -> bool:
    """Whether the method of a row takes a step, so that more than rounding separates its values from the truth."""
    name = method.partition(" ")[0]
    return any(entry.truncates for entry in _ENTRIES if entry.name == name)


def select(wanted: Sequence[str] | str | None) -> tuple[Entry, ...]:
    """The entries of the methods named (all for None), in the order of the registry.

    Raises :class:`UsageError` for an unknown name or an empty list.
    """
    if wanted is None:
        return _ENTRIES
    given = [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else as_texts(wanted, "methods")
    if not given:
        raise UsageError(f"no method is named: choose from {', '.join(names())}")
    chosen = [named(name) for name in given]
    return tuple(entry for entry in _ENTRIES if entry in chosen)
