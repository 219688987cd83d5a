"""The published schema of all documents: ``schema.json`` beside this file, JSON Schema of the draft 2020-12."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema(document: str | None = None) -> dict[str, Any]:
    """The schema of one kind of document, or of all of them (None).

    Args:
        document: ``"report"``, ``"row"``, ``"derivation"``, ``"proof"``, ``"graph"``, ``"audit"``, ``"fit"``,
            ``"bench"``, ``"gradient_report"`` or ``"tensor_report"``.

    Raises:
        UsageError: for another name.
    """
    found: dict[str, Any] = json.loads(files("diffexplore.render").joinpath("schema.json").read_text(encoding="utf-8"))
    if document is None:
        return found
    names = [entry["$ref"].rpartition("/")[2] for entry in found["anyOf"]]
    if document not in names:
        from diffexplore.errors import unknown

        raise unknown("document", document, names)
    return {key: value for key, value in found.items() if key != "anyOf"} | {"$ref": f"#/$defs/{document}"}
