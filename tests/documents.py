"""Documents of every command, as they come from standard output, and the published schema made strict."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from diffexplore.render.schema import schema


def strict(part: Any) -> Any:
    """A schema that refuses keys that it does not list: so every key of a document is described."""
    if isinstance(part, list):
        return [strict(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    found = {key: strict(value) for key, value in part.items()}
    return found | ({"additionalProperties": False} if "properties" in found and "type" in found else {})


def check_document(kind: str, text: str) -> dict[str, Any]:
    """The document in ``text``, which must be whole, without NaN and infinity, and as its schema says."""
    document: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    errors = [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in _validator(kind).iter_errors(document)
    ]
    assert errors == []
    return document


def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(strict(schema(kind)))


def _refuse(name: str) -> Any:
    raise AssertionError(f"a bare {name}")
