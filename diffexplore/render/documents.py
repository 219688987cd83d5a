"""A report for programs: one JSON document, or one line of JSON per row."""

from __future__ import annotations

import json
from typing import TextIO

from diffexplore.checking.records import Row


def write_row(row: Row, stream: TextIO) -> None:
    """Write one row as one line (NDJSON), in ASCII with escapes."""
    stream.write(json.dumps(row.to_dict(), allow_nan=False, separators=(",", ":")) + "\n")
