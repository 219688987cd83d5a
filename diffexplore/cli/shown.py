"""What a command has to show: its result, in the parts that formats are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from diffexplore.figures.records import Figure
    from diffexplore.pages.records import Subject
    from diffexplore.render.problems import CodeProblem
    from diffexplore.writing.blocks import Block


@dataclass(frozen=True)
class Shown:
    """A result; each part is made when a format or the terminal needs it.

    Attributes:
        subject: the result, and what it was computed from.
        title: of a document for people, in plain text.
        document: for programs, as JSON has it.
        blocks: for people, the answer first.
        first: the one block that stands for all of them: the answer.
        page: what is printed; None prints the blocks. It makes use of the width of the console.
        figures: the pictures that a file of the command shows, one below the other.
        problems: what is wrong or undecided, for tools that read code.
        texts: in further formats, by their names, such as "dot".
        page_kind: the kind of its HTML page, where that is not the command's.
    """

    subject: Subject
    title: str
    document: Callable[[], Mapping[str, Any]]
    blocks: Callable[[], Iterable[Block]]
    first: Callable[[], Block]
    page: Callable[[bool | None], RenderableType] | None = None
    figures: Callable[[], Sequence[Figure]] = tuple
    problems: Callable[[], Iterable[CodeProblem]] = tuple
    texts: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    page_kind: str | None = None
