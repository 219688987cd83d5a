"""Readers of arguments, one for each kind: what was meant by what a caller gave, or one line that says what is right.

Every public function reads its arguments here, so that a kind is accepted, and refused, in the same way everywhere:
NumPy's integers, floats, Booleans and texts count as Python's, tables and series of pandas as mappings (they are known
by what they can do; pandas is not imported), and a collection of words is never taken letter by letter.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from numbers import Real
from typing import Any

from diffexplore.errors import UsageError
from diffexplore.lists import shortened
from diffexplore.whole import whole

_SHOWN = 40
_MOST_NAMES = 10_000


def shown(value: object) -> str:
    """What a caller gave, for a message: on one line, and short; its type where it cannot be shown."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the repr of somebody's class may raise anything
        return f"a {type(value).__name__}"
    return shortened(text, _SHOWN)


def wrong(what: str, should: str, value: object) -> UsageError:
    """The error for an argument: what it is called, what it should be (or what to ``map``), and what was given."""
    return UsageError(f"{what} should {'' if should.startswith('map ') else 'be '}{should}, not {shown(value)}")


def as_text(value: Any, what: str, should: str = "a text") -> str:
    """A text."""
    if not isinstance(value, str):
        raise wrong(what, should, value)
    return str(value)


def as_optional_text(value: Any, what: str) -> str | None:
    """A text, or None."""
    return None if value is None else as_text(value, what, "a text or None")


def as_words(value: Any, what: str, example: str = "'a, b' or ['a', 'b']") -> tuple[str, ...]:
    """Words: one text with commas or spaces between them, or a collection of texts, each of them one word.

    A set has no order: its words are sorted.
    """
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return tuple(as_texts(value, what, example))


def as_texts(value: Any, what: str, example: str = "['a', 'b']") -> list[str]:
    """A collection of texts, in order; one text alone is a collection of one."""
    if isinstance(value, str):
        return [value]
    should = f"texts such as {example}"
    texts = as_list(value, what, should)
    for text in texts:
        if not isinstance(text, str):
            raise wrong(what, should, text)
    return [str(text) for text in (sorted(texts) if isinstance(value, Set) else texts)]


def as_list(value: Any, what: str, should: str) -> list[Any]:
    """The members of a list, a tuple, a set, an array or an iterator; mappings, texts and bytes are none of these."""
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
        raise wrong(what, should, value)
    try:
        found = []
        for member in value:
            found.append(member)
            if len(found) > _MOST_NAMES:
                raise UsageError(f"{what} should be {should}, and not more than {_MOST_NAMES:,} of them")
    except UsageError:
        raise
    except Exception:  # an array without axes, a tensor without values, an iterator that fails
        raise wrong(what, should, value) from None
    return found


def as_count(value: Any, what: str, least: int = 0, most: int | None = None, should: str = "") -> int:
    """A whole number within bounds, 1e6 as well: of Python or NumPy, or an array or tensor of one; no Boolean."""
    should = should or f"a whole number from {least}" + ("" if most is None else f" to {most:,}")
    number = scalar_of(value)
    count = None if isinstance(number, (str, bytes)) else whole(number)
    if count is None or count < least or (most is not None and count > most):
        raise wrong(what, should, value)
    return count


def as_number(value: Any, what: str, should: str = "a finite number") -> float:
    """A finite float: of any real number, or an array or tensor of one; Booleans are none."""
    number = scalar_of(value)
    if isinstance(number, bool) or not isinstance(number, (Real, Decimal)):
        raise wrong(what, should, value)
    try:
        found = float(number)
    except (OverflowError, ValueError):
        raise wrong(what, should, value) from None
    if not math.isfinite(found):
        raise wrong(what, should, value)
    return found


def as_flag(value: Any, what: str) -> bool:
    """True or False."""
    if not isinstance(value, bool) and not is_numpy_bool(value):
        raise wrong(what, "True or False", value)
    return bool(value)


def as_function(value: Any, what: str, should: str = "a function") -> Callable[..., Any]:
    """Something that can be called."""
    if not callable(value):
        raise wrong(what, should, value)
    return value


def as_mapping(value: Any, what: str, should: str) -> Mapping[str, Any]:
    """A mapping whose keys are texts; a table of pandas is one of its columns, and a series one of its entries."""
    found = value if isinstance(value, Mapping) else _of_table(value)
    if found is None or not all(isinstance(name, str) for name in found):
        raise wrong(what, should, value)
    return found


def as_mappings(values: Any, what: str, should: str) -> tuple[Mapping[str, Any], ...]:
    """Mappings one by one, as :func:`as_mapping` has each; none where ``values`` is None."""
    given = () if values is None else as_list(values, what, should)
    return tuple(as_mapping(one, what, should) for one in given)


def is_table(value: Any) -> bool:
    """Whether a value is like a table or a series of pandas."""
    return not isinstance(value, Mapping) and (hasattr(value, "columns") or hasattr(value, "index")) and hasattr(
        value, "items"
    )  # fmt: skip


def _of_table(value: Any) -> Mapping[str, Any] | None:
    if not is_table(value) or isinstance(value, type):
        return None
    try:
        return {name: column.to_numpy() if hasattr(column, "to_numpy") else column for name, column in value.items()}
    except Exception:  # it only looks like one
        return None


def scalar_of(value: Any) -> Any:
    """The number in a zero-dimensional array or tensor; anything else as it is."""
    if isinstance(value, type) or getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return value
    try:
        return value.item()
    except Exception:  # a tensor without values
        return value


def is_numpy_bool(value: Any) -> bool:
    """Whether a value is a Boolean of NumPy, found out without importing it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.bool_)


def shape_of(value: Any, what: str) -> tuple[int, ...]:
    """A shape: one size, or a sequence of them."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(as_count(size, what, 1, should="made of whole numbers from 1") for size in value)
    return (as_count(value, what, 1, should="made of whole numbers from 1"),)
