"""A mistake planted into a backward pass, and what its cause has to say."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from zlib import crc32

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class PlantedMistake:
    """An edit of the source of a Function, the keys of causes that name it, and a pattern that the message matches."""

    function: str
    keys: tuple[str, ...]
    right: str
    wrong: str
    words: str

    def in_place(self, module: ModuleType) -> Callable[..., Any]:
        """``apply`` of the Function of that module with its source edited."""
        source = inspect.getsource(getattr(module, self.function))
        if source.count(self.right) != 1:
            raise ValueError(f"{self.function}: {self.right!r} stands {source.count(self.right)} times in its source")
        source = source.replace(self.right, self.wrong)
        file = f"{self.function}_{crc32(self.wrong.encode()):08x}.py"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names = dict(vars(sys.modules[module.__name__]))
        exec(compile(source, file, "exec"), names)
        found: Callable[..., Any] = names[self.function].apply
        return found


def plant(function: str, keys: str, right: str, wrong: str, words: str = "") -> PlantedMistake:
    return PlantedMistake(function, tuple(keys.split()), right, wrong, words)


def normal(*shape: int, seed: int = 0, grad: bool = True) -> Tensor:
    """Normal numbers in double precision, the same in every run."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(grad)
