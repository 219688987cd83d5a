"""The libraries that methods may come from, beside the packages that diffexplore rests on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


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
