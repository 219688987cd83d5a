"""What all documents for programs share: plain values, with one spelling for what is no finite number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from diffexplore.errors import UsageError

_Read = TypeVar("_Read")

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
    if isinstance(value, Plain):
        return value.to_dict()
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


def read_document(path: Path, read: Callable[[Any], _Read], without: str, hint: str) -> _Read:
    """What ``read`` makes of the document in a file of JSON.

    Raises :class:`~diffexplore.errors.UsageError` where there is none, and where ``read`` does so: ``without`` says
    what the file lacks ("holds no check"), and ``hint`` where such a file comes from.
    """
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UsageError as error:
        raise UsageError(f"{path} {without} ({error}): {hint}") from None
    except (ValueError, RecursionError):  # no UTF-8, no JSON, or lists within lists within lists
        raise UsageError(f"{path} {without}: {hint}") from None


class Plain:
    """A frozen dataclass that a document holds: a key for each field, and nested records likewise.

    ``_KEYS`` are the keys of fields that the document calls otherwise, ``_LEFT_OUT`` names fields that it has not, and
    ``_FIRST`` the keys that come first where the order is another than that of the fields.
    """

    _KEYS: ClassVar[Mapping[str, str]] = {}
    _LEFT_OUT: ClassVar[tuple[str, ...]] = ()
    _FIRST: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The keys of the documented schema, with plain values: no NaN and no infinity."""
        names = [one.name for one in fields(self) if one.name not in self._LEFT_OUT]  # type: ignore[arg-type]
        found = {self._KEYS.get(name, name): plain(getattr(self, name)) for name in names}
        return dict.fromkeys(self._FIRST) | found


class Document(Plain):
    """A record that is a document of its own."""

    def to_dict(self) -> dict[str, Any]:
        """The document: keys as in the documented schema, and plain values: no NaN and no infinity."""
        return {"schema_version": SCHEMA_VERSION, **super().to_dict()}

    def to_json(self, *, indent: int | None = 2) -> str:
        """The document as text."""
        return to_json(self.to_dict(), indent=indent)


class Displayed(Document):
    """A document that people look at: printed, in a notebook, as a page; :mod:`diffexplore.render.displays` says how.

    ``_WIDTH`` is that of its lines as plain text, and ``_FULL`` whether everything is shown where nobody says so.
    """

    _WIDTH: ClassVar[int] = 80
    _FULL: ClassVar[bool] = False

    def to_html(self) -> str:
        """One page that holds all it needs, as ``--html`` writes it.

        Raises :class:`~diffexplore.errors.UsageError` where plotly is needed and not installed.
        """
        from diffexplore.pages import subjects, to_page

        return to_page(*subjects.of_result(self))

    def to_text(self, *, full: bool | None = None, width: int | None = None) -> str:
        """What is printed, in lines of ``width`` characters: one screen, or everything (``full``)."""
        from diffexplore.render import displays

        return displays.to_text(self, self._WIDTH if width is None else width, full=self._whole(full))

    def to_markdown(self, *, full: bool | None = None) -> str:
        """The same as a Markdown document."""
        from diffexplore.render import displays

        return displays.to_markdown(self, full=self._whole(full))

    def _whole(self, full: bool | None) -> bool:
        return self._FULL if full is None else full

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from diffexplore.render import displays

        yield from displays.printed(self, full=self._FULL).__rich_console__(console, options)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from diffexplore.render import displays

        return displays.to_line(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows in a terminal."""
        printer.text(self.to_text(width=printer.max_width))

    def _repr_html_(self) -> str:
        from diffexplore.render import displays

        return displays.to_fragment(self, full=self._FULL)
