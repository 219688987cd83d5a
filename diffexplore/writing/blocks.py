"""The few kinds of block that a page is made of, and the toned spans of text inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diffexplore.figures.records import Figure

Tone = Literal["plain", "strong", "quiet", "good", "bad", "doubt"]
Align = Literal["left", "right"]

#: Spaces between the columns of a table, and before its first one, where the medium has characters.
COLUMN_GAP = 2
INDENT = 2


@dataclass(frozen=True)
class Span:
    """A run of text in one tone. A tone only supports what the words already say."""

    text: str
    tone: Tone = "plain"


Text = tuple[Span, ...]


def text(words: str, tone: Tone = "plain") -> Text:
    """One span as a :data:`Text`."""
    return (Span(words, tone),)


def words_of(content: Text) -> str:
    """The characters of ``content`` without tones."""
    return "".join(span.text for span in content)


@dataclass(frozen=True)
class Headline:
    """The verdict: one word, and the sentence that says what it rests on."""

    word: str
    tone: Tone
    sentence: str


@dataclass(frozen=True)
class Heading:
    """The title of what follows, with an aside that may be drawn more quietly."""

    title: str
    aside: str = ""


@dataclass(frozen=True)
class Formula:
    """``label = expression``, with a remark such as the number of operations."""

    label: str
    expression: str
    remark: str = ""


@dataclass(frozen=True)
class FormulaList:
    """Formulas whose equals signs stand under each other."""

    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Note:
    """A paragraph; ``marker`` stands before it, and its lines are indented behind the marker."""

    content: Text
    marker: str = ""


@dataclass(frozen=True)
class Column:
    """A column's title and unit. Only a ``flexible`` one may be broken into lines."""

    title: str
    unit: str = ""
    align: Align = "right"
    flexible: bool = False

    @classmethod
    def left(cls, title: str = "", *, flexible: bool = False) -> Column:
        """A column of words."""
        return cls(title, align="left", flexible=flexible)


@dataclass(frozen=True)
class Table:
    """Rows of cells under titled columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A figure, which each medium draws in its own way; in ``lines`` lines where it is made of characters.

    ``dense`` puts what its markers stand for in a row there, one after the other.
    """

    figure: Figure
    lines: int = 13
    dense: bool = False


@dataclass(frozen=True)
class Gap:
    """An empty line, where the medium has lines."""


Block = Headline | Heading | FormulaList | Note | Table | Picture | Gap
