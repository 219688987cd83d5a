"""Room for columns that are longer than a block: a file without a name, which is mapped into memory."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from diffexplore.inputs.blocks import BLOCK

Doubles = npt.NDArray[np.float64]


class GrowingColumn:
    """A column of float64 whose parts come one by one: in memory, or in a file once it is longer than a block."""

    def __init__(self) -> None:
        self._parts: list[Doubles] = []
        self._held = 0
        self._written = 0
        self._file: Any = None

    def add(self, part: Doubles) -> None:
        self._parts.append(part)
        self._held += len(part)
        if self._held > BLOCK:
            self._write()

    def array(self) -> Doubles:
        """All of it, of shape (n,)."""
        if self._file is None:
            return np.concatenate(self._parts) if self._parts else np.empty(0)
        self._write()
        self._file.flush()
        return np.memmap(self._file, np.float64, "c", shape=(self._written,))

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the column that is mapped
        for part in self._parts:
            self._file.write(np.ascontiguousarray(part).data)
            self._written += len(part)
        self._parts, self._held = [], 0
