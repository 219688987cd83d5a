"""A hand-written backward, and the same with one of its lines wrong."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class Mistake:
    """An edit of the source text that makes a gradient wrong, and the keys of the causes that name it rightly."""

    causes: str
    right: str
    wrong: str

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.causes.split())


@dataclass(frozen=True)
class Piece:
    """An autograd Function or a plain function as somebody wrote it.

    ``reference`` computes the same in plain torch, where the forward cannot be traced; ``surrogate`` is the function
    whose gradient a backward gives on purpose.
    """

    written: Any
    mistakes: tuple[Mistake, ...]
    reference: Callable[..., Any] | None = None
    surrogate: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        return str(self.written.__name__)

    def inputs(self) -> tuple[Any, ...]:
        """The arguments of a call, made anew."""
        samples: Mapping[str, tuple[Any, ...]] = sys.modules[self.written.__module__].sample_inputs()
        return samples[self.name]

    def function(self, mistake: Mistake | None = None) -> Any:
        """What is differentiated: the Function's ``apply``, or the function."""
        written = self.written if mistake is None else self._with(mistake)
        return written.apply if isinstance(written, type) else written

    def _with(self, mistake: Mistake) -> Any:
        source = inspect.getsource(self.written)
        if source.count(mistake.right) != 1:
            raise ValueError(f"{self.name}: {mistake.right!r} stands {source.count(mistake.right)} times in its source")
        source = source.replace(mistake.right, mistake.wrong)
        file = f"{self.name}_{crc32(mistake.wrong.encode()):08x}.py"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names = dict(vars(sys.modules[self.written.__module__]))
        exec(compile(source, file, "exec"), names)
        return names[self.name]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64, grad: bool = True) -> Tensor:
    """Normal numbers; none of them lies near a kink of the functions here but by bad luck."""
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)
    return numbers.to(dtype).requires_grad_(grad)


def labels(count: int, classes: int) -> Tensor:
    return torch.arange(count) * 7 % classes
