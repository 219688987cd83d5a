"""The ways to get a derivative; a new one is a file and a line in this registry."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from diffexplore.arguments import as_texts
from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.methods.base import Method


@dataclass(frozen=True)
class Library:
    """What is imported, what people call it, and the extra of diffexplore that installs it ("" where none has to)."""

    module: str
    title: str
    extra: str

    @property
    def installed(self) -> bool:
        """Whether it can be imported here; it is not imported to find out."""
        try:
            return find_spec(self.module) is not None
        except ValueError:  # of a module that somebody put in the place of another, without a specification
            return False

    @property
    def command(self) -> str:
        """What installs it."""
        return (
            f'python -m pip install "diffexplore[{self.extra}]"' if self.extra else "python -m pip install diffexplore"
        )


TORCH = Library("torch", "torch", "")
JAX = Library("jax", "JAX", "jax")
TENSORFLOW = Library("tensorflow", "TensorFlow", "tensorflow")
NUMDIFFTOOLS = Library("numdifftools", "numdifftools", "numdifftools")


@dataclass(frozen=True)
class MethodEntry:
    """What is known of a method before it is loaded.

    Attributes:
        name: by which it is selected.
        title: what it does, in one line.
        module: the module here that holds it as ``METHOD``; ``module:NAME`` where it has another name there.
        spoken: how a sentence calls it; "" for its name.
        aliases: other names by which it may be selected.
        runs_program: whether it runs the torch function that a loss was read from: else, it knows the formula alone.
        truncates: whether more than rounding separates its values from the truth: it takes a step.
        library: what it needs beside the packages that diffexplore rests on, or None.
    """

    name: str
    title: str
    module: str
    spoken: str = ""
    aliases: tuple[str, ...] = ()
    runs_program: bool = False
    truncates: bool = False
    library: Library | None = None

    @property
    def named_only(self) -> bool:
        """Whether it runs only where it is named: so the methods that run by default are the same on every machine."""
        return self.library is not None

    def load(self) -> Method:
        """The method itself; imports what it needs, and raises :class:`UsageError` where that is not installed."""
        self.require()
        module, _, name = self.module.partition(":")
        method: Method = getattr(importlib.import_module(f"diffexplore.methods.{module}"), name or "METHOD")
        return method

    def require(self) -> None:
        """Raises :class:`UsageError`, with the command that installs it, where the library is missing."""
        if self.library is not None and not self.library.installed:
            raise UsageError(f"{self.name} needs {self.library.title}: {self.library.command}")


_ENTRIES = (
    MethodEntry("symbolic", "SymPy's gradient in its simplified form, evaluated by torch", "symbolic",
                "the simplified gradient"),
    MethodEntry("symbolic_raw", "SymPy's gradient as derived, evaluated by torch", "symbolic:RAW",
                "the gradient as derived"),
    MethodEntry("reverse", "torch reverse mode: backward()", "reverse", "reverse mode", ("backward", "autograd"),
                runs_program=True),
    MethodEntry("forward", "torch forward mode: a Jacobian-vector product for each symbol", "forward", "forward mode",
                runs_program=True),
    MethodEntry("vmap", "per-sample gradients through torch.func: vmap of grad", "vmap", "torch.func",
                runs_program=True),
    MethodEntry("numpy", "SymPy's simplified gradient, evaluated by NumPy", "numpy_evaluation", "NumPy"),
    MethodEntry("forward_difference", "(f(x + h) - f(x)) / h", "_difference:FORWARD", "the forward difference",
                runs_program=True, truncates=True),
    MethodEntry("central_difference", "(f(x + h) - f(x - h)) / 2h", "_difference:CENTRAL", "the central difference",
                runs_program=True, truncates=True),
    MethodEntry("richardson", "two central differences, extrapolated to step 0", "_difference:RICHARDSON",
                "Richardson extrapolation", runs_program=True, truncates=True),
    MethodEntry("complex_step", "Im f(x + ih) / h", "complex_step", "the complex step", truncates=True),
    MethodEntry("torch_compile", "torch reverse mode of the loss compiled by torch.compile", "torch_compile",
                "torch.compile", library=TORCH),
    MethodEntry("jax_grad", "jax.grad, operation by operation", "_jax:GRAD", "JAX", library=JAX),
    MethodEntry("jax_jit", "jax.grad, compiled by jax.jit", "_jax:JIT", "jax.jit", library=JAX),
    MethodEntry("tensorflow_tape", "TensorFlow's GradientTape, operation by operation", "_tensorflow:TAPE",
                "TensorFlow", library=TENSORFLOW),
    MethodEntry("tensorflow_function", "TensorFlow's GradientTape inside a tf.function", "_tensorflow:FUNCTION",
                "tf.function", library=TENSORFLOW),
    MethodEntry("numdifftools", "numdifftools' extrapolated central differences, with the steps that it chooses",
                "numdifftools", truncates=True, library=NUMDIFFTOOLS),
)  # fmt: skip


def entries() -> tuple[MethodEntry, ...]:
    """The methods that run where none is named, in the order of the tables: the same on every machine."""
    return tuple(entry for entry in _ENTRIES if not entry.named_only)


def named_only() -> tuple[MethodEntry, ...]:
    """The methods that run only where they are named, whether their library is installed or not."""
    return tuple(entry for entry in _ENTRIES if entry.named_only)


def names() -> tuple[str, ...]:
    """The names of the methods that run where none is named."""
    return tuple(entry.name for entry in entries())


def named(name: str) -> MethodEntry:
    """The entry of a method by its name or another name of it; :class:`UsageError` where there is none."""
    known = {each: entry for entry in _ENTRIES for each in (entry.name, *entry.aliases)}
    if name not in known:
        raise unknown("method", name, known)
    return known[name]


def spoken(method: str) -> str:
    """How a sentence calls the method of a row, ``reverse mode`` for ``reverse``; its name where it has no entry."""
    name, _, rest = method.partition(" ")
    entry = _of_row(method)
    return f"{(entry.spoken if entry else '') or name} {rest}".rstrip()


def runs_program(method: str) -> bool:
    """Whether the method of a row runs the torch function that a loss was read from."""
    entry = _of_row(method)
    return entry is not None and entry.runs_program


def truncates(method: str) -> bool:
    """Whether the method of a row takes a step, so that more than rounding separates its values from the truth."""
    entry = _of_row(method)
    return entry is not None and entry.truncates


def _of_row(method: str) -> MethodEntry | None:
    """The entry of the method of a row, which may say more behind its name."""
    return next((entry for entry in _ENTRIES if entry.name == method.partition(" ")[0]), None)


def select(requested: Sequence[str] | str | None) -> tuple[MethodEntry, ...]:
    """The entries of the methods named, in the order of the registry; for None those of :func:`entries`.

    Raises :class:`UsageError` for an unknown name, an empty list, or a library that is not installed.
    """
    if requested is None:
        return entries()
    given = (
        [name.strip() for name in requested.split(",")]
        if isinstance(requested, str)
        else as_texts(requested, "methods")
    )
    if not given:
        raise UsageError(f"no method is named: choose from {', '.join(names())}")
    chosen = [named(name) for name in given]
    for entry in chosen:
        entry.require()
    return tuple(entry for entry in _ENTRIES if entry in chosen)
