"""``derivatives.yaml``: found where torch is installed, and read into plain records."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from diffexplore.auditing.signature import Signature, read_signature
from diffexplore.errors import UsageError

_PLACE = Path("packaged", "autograd", "derivatives.yaml")
_NOT_FORMULAS = frozenset({"name", "dispatch", "output_differentiability", "non_differentiable"})
_DEFAULT = "Default"

#: The parser in C is ten times faster, and not in every build of PyYAML.
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RulebookEntry:
    """One entry: an operator, and the formulas for its derivative as they are written."""

    signature: Signature
    gradients: Mapping[str, str]
    """Names of inputs, as in the file ("self" or "self, other"), to the C++ formula of their gradient."""
    tangents: Mapping[str, str]
    """Names of results to the formula of forward mode, ``auto_linear`` or ``auto_element_wise``."""
    torch: tuple[int, int] | None = None
    """The release of torch that the entry is of, such as (2, 13), which says what its helpers compute."""
    dispatch: tuple[str, ...] = ()
    """Keys of dispatch with formulas of their own; the formulas above are those of ``Default``."""
    output_differentiability: tuple[bool | str, ...] | None = None
    line: int = 0
    """Where the entry begins in the file, from 1."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each formula begins, by its text."""

    @property
    def name(self) -> str:
        """The operator with its overload, such as ``add.Tensor``."""
        return self.signature.name


@dataclass(frozen=True)
class Rulebook:
    """All entries of one file, and what it belongs to."""

    source: str
    entries: tuple[RulebookEntry, ...]


def installed_rules() -> Path:
    """The file that comes with the installed torch.

    Raises:
        UsageError: where there is none.
    """
    found = importlib.util.find_spec("torchgen")
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    for folder in folders:
        path = Path(folder) / _PLACE
        if path.is_file():
            return path
    raise UsageError("the installed torch brings no derivatives.yaml: install torch from a wheel")


def read_installed() -> Rulebook:
    """The rules of the installed torch."""
    version = importlib.metadata.version("torch").partition("+")[0]
    return read_rules(installed_rules().read_text(encoding="utf-8"), f"torch {version}")


def read_rules(text: str, source: str = "a text") -> Rulebook:
    """The entries in the text of a ``derivatives.yaml``.

    Raises:
        UsageError: where it is not such a text.
    """
    loader = _LOADER(text)
    try:
        tree = loader.get_single_node()
        items = None if tree is None else loader.construct_document(tree)
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        raise UsageError(f"{source} is not a list of entries that begin with 'name:'")
    return Rulebook(source, tuple(replace(entry, torch=release(source)) for entry in map(_entry, items, tree.value)))


def release(source: str) -> tuple[int, int] | None:
    """The release that a source such as "torch 2.13.0" speaks of; None where it is no torch."""
    numbers = re.match(r"torch (\d+)\.(\d+)", source)
    return None if numbers is None else (int(numbers[1]), int(numbers[2]))


def _entry(item: Mapping[str, Any], node: yaml.MappingNode) -> RulebookEntry:
    signature = read_signature(str(item["name"]))
    by_key = item.get("dispatch") or {}
    stated = by_key.get(_DEFAULT) or {} if by_key else item
    formulas = {str(key): str(value) for key, value in stated.items() if key not in _NOT_FORMULAS}
    inputs = {argument.name for argument in signature.arguments}
    differentiability = item.get("output_differentiability")
    gradients = {
        names: text for names, text in formulas.items() if {part.strip() for part in names.split(",")} <= inputs
    }
    return RulebookEntry(
        signature,
        gradients=gradients,
        tangents={names: text for names, text in formulas.items() if names not in gradients},
        dispatch=tuple(key for key in by_key if key != _DEFAULT),
        output_differentiability=None if differentiability is None else tuple(differentiability),
        line=node.start_mark.line + 1,
        lines=dict(reversed(list(_lines(node)))),
    )


def _lines(node: yaml.MappingNode) -> Iterator[tuple[str, int]]:
    """The texts in an entry, those by dispatch key as well, and the line of the name that each stands behind."""
    for key, value in node.value:
        if isinstance(value, yaml.MappingNode):
            yield from _lines(value)
        elif isinstance(value, yaml.ScalarNode):
            yield value.value, key.start_mark.line + 1
