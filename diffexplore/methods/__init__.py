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
    unless ``spoken`` says otherwise).
    """

    name: str
    title: str
    module: str
    spoken: str = ""

    def load(self) -> Method:
        """The method itself; imports what it needs."""
        method: Method = importlib.import_module(f"diffexplore.methods.{self.module}").METHOD
        return method


_ENTRIES = (
    Entry(
        "symbolic", "SymPy's gradient in its simplified form, evaluated by torch", "symbolic", "the simplified gradient"
    ),
    Entry("symbolic_raw", "SymPy's gradient as derived, evaluated by torch", "symbolic_raw", "the gradient as derived"),
    Entry("reverse", "torch reverse mode: backward()", "reverse", "reverse mode"),
    Entry("forward", "torch forward mode: a Jacobian-vector product for each symbol", "forward", "forward mode"),
    Entry("vmap", "per-sample gradients through torch.func: vmap of grad", "vmap", "torch.func"),
    Entry("numpy", "SymPy's simplified gradient, evaluated by NumPy", "numpy_evaluation", "NumPy"),
    Entry("forward_difference", "(f(x + h) - f(x)) / h", "forward_difference", "the forward difference"),
    Entry("central_difference", "(f(x + h) - f(x - h)) / 2h", "central_difference", "the central difference"),
    Entry("richardson", "two central differences, extrapolated to step 0", "richardson", "Richardson extrapolation"),
    Entry("complex_step", "Im f(x + ih) / h", "complex_step", "the complex step"),
)


def entries() -> tuple[Entry, ...]:
    """Every method, in the order of the tables."""
    return _ENTRIES


def names() -> tuple[str, ...]:
    """The names of all methods."""
    return tuple(entry.name for entry in _ENTRIES)


def spoken(method: str) -> str:
    """How a sentence calls the method of a row, ``reverse mode`` for ``reverse``; its name where it has no entry."""
    name, _, rest = method.partition(" ")
    words = next((entry.spoken for entry in _ENTRIES if entry.name == name), "") or name
    return f"{words} {rest}".rstrip()


def select(wanted: Sequence[str] | str | None) -> tuple[Entry, ...]:
    """The entries of the methods named (all for None), in the order of the registry.

    Raises :class:`UsageError` for an unknown name or an empty list.
    """
    if wanted is None:
        return _ENTRIES
    chosen = [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else as_texts(wanted, "methods")
    for name in chosen:
        if name not in names():
            raise unknown("method", name, names())
    if not chosen:
        raise UsageError(f"no method is named: choose from {', '.join(names())}")
    return tuple(entry for entry in _ENTRIES if entry.name in chosen)
