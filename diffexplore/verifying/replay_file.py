"""The file of a verification, read back: every field is checked, and nothing in it is executed here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffexplore.arguments import as_count, as_flag, as_optional_text, as_text, as_texts, shown
from diffexplore.checking.batch import Batch
from diffexplore.checking.options import as_wrt
from diffexplore.documents import read_document
from diffexplore.errors import UsageError, unknown
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.loss import Loss
from diffexplore.verifying.candidates import KINDS
from diffexplore.verifying.modes import MODES
from diffexplore.verifying.packs import packed_symbols
from diffexplore.verifying.replay import FORMAT, Floats, Replay

_DEVICES = ("auto", "cpu", "cuda")
_LOSS = ("formula", "parameters", "data", "reduction", "name", "domain", "source")

_HINT = "--replay writes one where a candidate does not pass"


def read_replay(path: Path) -> Replay:
    """The verification in a file that :meth:`Replay.to_json` wrote; raises UsageError for any other file.

    The candidate that it names is executed when the replay is run, and not before.
    """
    return read_document(path, _replay, "holds no verification", _HINT)


def _replay(document: Any) -> Replay:
    fields = _Fields(document)
    if fields.take("format") != FORMAT:
        raise UsageError(f"its format is not {FORMAT}")
    candidate = as_text(fields.take("candidate"), "candidate")
    loss = _loss(fields.take("loss"))
    columns = _columns(fields.take("data"), loss)
    n = len(next(iter(columns.values()))) if columns else 1
    points = _points(fields.take("points"), loss)
    upstream = fields.take("upstream", None)
    wrt, pack = fields.take("wrt", None), fields.take("pack", None)
    if pack is not None:
        packed_symbols(loss, pack)
    found = Replay(
        candidate, loss, Batch(columns, n, "replay"), points,
        upstream=None if upstream is None else _upstream(upstream, n),
        kind=_among(KINDS, "kind", fields.take("kind", None)), wrt=None if wrt is None else as_wrt(loss, wrt),
        dtype=_among(FLOAT_FORMATS, "dtype", fields.take("dtype", "float64")) or "float64",
        device=_among(_DEVICES, "device", fields.take("device", "auto")) or "auto",
        seed=as_count(fields.take("seed", 0), "seed"), accept=as_texts(fields.take("accept", []), "accept"),
        modes=[_among(MODES, "mode", mode) or "" for mode in as_texts(fields.take("modes", ["reverse"]), "modes")],
        pack=pack, surrogate=as_flag(fields.take("surrogate", False), "surrogate"),
    )  # fmt: skip
    fields.check_empty()
    return found


class _Fields:
    """The fields of an object of JSON, taken out one by one."""

    def __init__(self, document: Any) -> None:
        if not isinstance(document, dict):
            raise UsageError("it is no object")
        self._left = dict(document)

    def take(self, name: str, *default: Any) -> Any:
        if name not in self._left and not default:
            raise UsageError(f"it has no {name!r}")
        return self._left.pop(name, *default)

    def rest(self) -> dict[str, Any]:
        """All that is left."""
        return self._left

    def check_empty(self) -> None:
        if self._left:
            raise UsageError(f"it has a field {shown(next(iter(self._left)))} that means nothing")


def _among(names: Mapping[str, Any] | Sequence[str], what: str, value: Any) -> str | None:
    text = as_optional_text(value, what)
    if text is not None and text not in names:
        raise unknown(what, text, names)
    return text


def _loss(document: Any) -> Loss:
    fields = _Fields(document)
    given = {name: fields.take(name, None) for name in _LOSS}
    fields.check_empty()
    given["formula"] = as_text(given["formula"], "formula")
    return Loss(**{name: value for name, value in given.items() if value is not None or name == "parameters"})


def _columns(document: Any, loss: Loss) -> dict[str, Floats]:
    """A column of one length for each data symbol."""
    columns = {name: _floats(column, f"column {shown(name)}") for name, column in _Fields(document).rest().items()}
    if set(columns) != set(loss.data):
        raise UsageError("its data are not those of its loss")
    if len({len(column) for column in columns.values()}) > 1 or not all(len(column) for column in columns.values()):
        raise UsageError("its columns are not of one length")
    return columns


def _points(document: Any, loss: Loss) -> list[dict[str, float]]:
    if not isinstance(document, list) or not document:
        raise UsageError("it has no points")
    points = [{name: _finite(value, name) for name, value in _Fields(point).rest().items()} for point in document]
    if any(set(point) != set(loss.parameters) for point in points):
        raise UsageError("its points are not those of its loss")
    return points


def _upstream(written: Any, n: int) -> Floats:
    if isinstance(written, str):
        return np.array(_finite(written, "upstream"))
    column = _floats(written, "upstream")
    if len(column) != n:
        raise UsageError("its upstream gradient is not of the length of its data")
    return column


def _floats(column: Any, what: str) -> Floats:
    if not isinstance(column, list):
        raise UsageError(f"{what} is no list")
    return np.array([_finite(value, what) for value in column], dtype=np.float64)


def _finite(text: Any, what: str) -> float:
    try:
        value = float.fromhex(text)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{shown(text)} in {shown(what)} is no finite number of float.hex")
    return value
