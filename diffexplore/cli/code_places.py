"""Where in a file the code is that a command is about: read from the text, nothing is executed."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from diffexplore.render.problems import CodePlace


def code_place(text: str | None) -> CodePlace | None:
    """The line in which ``FILE.py:NAME`` is defined, or the first line of a ``FILE.json``; None for anything else."""
    given = (text or "").strip()
    path, _, name = given.rpartition(":")
    if given.endswith(".json") and os.path.isfile(given):
        return CodePlace(given, 1)
    if not path.endswith(".py") or not os.path.isfile(path):
        return None
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return CodePlace(path, 1)
    return CodePlace(path, max(_defining(tree, name), default=1))


def _defining(tree: ast.Module, name: str) -> list[int]:
    """The lines that give ``name`` a meaning in the module; the last one holds."""
    return [line for node in ast.walk(tree) for defined, line in _defined(node) if defined == name]


def _defined(node: ast.AST) -> Iterator[tuple[str, int]]:
    """What a statement, or a target of an assignment, defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, node.lineno
        case ast.Name(ctx=ast.Store()):
            yield node.id, node.lineno
        case ast.alias():
            yield node.asname or node.name, node.lineno
