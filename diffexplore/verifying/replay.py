"""A verification as a file: what was verified, on exactly which floats, so that it can be run again elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffexplore.checking.batch import Batch
from diffexplore.checking.listener import Listener
from diffexplore.checking.records import Report
from diffexplore.loss import Loss
from diffexplore.verifying.loading import load_candidate
from diffexplore.verifying.run import run_verification
from diffexplore.verifying.upstream import subject_of

FORMAT = 1

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Replay:
    """Everything that decides the outcome of a verification.

    ``candidate`` is FILE.py:NAME or a FILE.json of formulas; ``upstream`` is None, a number of shape (), or n of shape
    (n,). The batch and the loss are those before the upstream gradient is contracted with them; with ``surrogate`` the
    loss is what the gradient is meant to be the gradient of.
    """

    candidate: str
    loss: Loss
    batch: Batch
    points: Sequence[Mapping[str, float]]
    upstream: Floats | None = None
    kind: str | None = None
    wrt: Sequence[str] | None = None
    dtype: str = "float64"
    device: str = "auto"
    seed: int = 0
    accept: Sequence[str] = ()
    modes: Sequence[str] = ("reverse",)
    pack: Mapping[str, Any] | None = None
    surrogate: bool = False

    def run(self, listener: Listener | None = None, loaded: Any = None) -> Report:
        """The verification; executes the candidate's file, unless what it defines is ``loaded`` already.

        Raises UsageError where something cannot be used.
        """
        subject = subject_of(
            load_candidate(self.candidate) if loaded is None else loaded, self.loss, self.batch, self.points,
            upstream=self.upstream, kind=self.kind, pack=self.pack,
        )  # fmt: skip
        return run_verification(
            replace(subject, surrogate=self.surrogate), wrt=self.wrt, dtype=self.dtype, device=self.device,
            seed=self.seed, accept=tuple(self.accept), modes=tuple(self.modes), listener=listener,
        )  # fmt: skip

    def to_json(self) -> str:
        """One document; points, data and the upstream gradient are written by ``float.hex``, and so are exact."""
        loss, upstream = self.loss, self.upstream
        document = {
            "format": FORMAT,
            "candidate": self.candidate,
            "kind": self.kind,
            "loss": {
                "formula": loss.formula, "parameters": loss.parameters, "data": loss.data,
                "reduction": loss.reduction, "name": loss.name, "domain": loss.domain_text, "source": loss.source,
            },
            "points": [{name: float(value).hex() for name, value in point.items()} for point in self.points],
            "data": {name: _hex(column) for name, column in self.batch.held("a file for a replay").columns.items()},
            "upstream": None if upstream is None else _hex(upstream) if upstream.ndim else float(upstream).hex(),
            **{name: getattr(self, name) for name in _AS_THEY_ARE},
        }  # fmt: skip
        return json.dumps(document, indent=1, ensure_ascii=False)


#: Fields that the document has as they are.
_AS_THEY_ARE = ("wrt", "dtype", "device", "seed", "accept", "modes", "pack", "surrogate")


def _hex(column: Any) -> list[str]:
    return [float(value).hex() for value in column.tolist()]
