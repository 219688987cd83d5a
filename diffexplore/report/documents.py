"""A report for programs: one JSON document, or one line of JSON per row."""

from __future__ import annotations

import json
from typing import Any, Protocol, TextIO

from diffexplore.check.records import Row


class Documented(Protocol):
    """What has a JSON document: a report, or a graph."""

    def to_dict(self) -> dict[str, Any]: ...


def write_json(report: Documented, stream: TextIO) -> None:
    """Write the document of ``report``; characters beyond ASCII only where the stream takes them all."""
    portable = not (stream.encoding or "ascii").lower().startswith("utf")
    json.dump(report.to_dict(), stream, indent=2, allow_nan=False, ensure_ascii=portable)
    stream.write("\n")


def write_row(row: Row, stream: TextIO) -> None:
    """Write one row as one line (NDJSON), in ASCII with escapes."""
    stream.write(json.dumps(row.to_dict(), allow_nan=False, separators=(",", ":")) + "\n")
