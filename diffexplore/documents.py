"""What all documents for programs share: plain values, with one spelling for what is no finite number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

#: Raised where a key of a document goes, or means something else: programs that read documents look at it first.
SCHEMA_VERSION = 2


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: NaN and infinities are null, NumPy's numbers are Python's, what else is text.

    JSON has no NaN and no infinity; a number that is not finite does not exist as a result, which null says.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item())  # a number of NumPy or torch
    return str(value)


def to_json(document: Mapping[str, Any], *, indent: int | None = 2, ascii: bool = False) -> str:
    """The whole document as text; with ``ascii`` other characters are escapes, which every stream can take."""
    return json.dumps(plain(document), indent=indent, allow_nan=False, ensure_ascii=ascii)
