"""What a command has to show: its result, in the parts that formats are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from diffexplore.writing.blocks import Block, Heading, Headline

if TYPE_CHECKING:
    from rich.console import RenderableType

    from diffexplore.figures.records import Figure
    from diffexplore.pages.records import Subject
    from diffexplore.render.problems import CodeProblem


@dataclass(frozen=True)
class Shown:
    """A result; each part is made when a format or the terminal needs it.

    Attributes:
        subject: the result, and what it was computed from.
        title: of a document for people, in plain text.
        document: for programs, as JSON has it.
        blocks: for people.
        page: what is printed; None prints the blocks. It makes use of the width of the console.
        figures: the pictures that a file of the command shows, one below the other.
        problems: what is wrong or undecided, for tools that read code.
        texts: in further formats, by their names, such as "dot".
        page_kind: the kind of its HTML page, where that is not the command's.
        answer: the kind of the one block that stands for all of them; the first one of this kind does.
    """

    subject: Subject
    title: str
    document: Callable[[], Mapping[str, Any]]
    blocks: Callable[[], Iterable[Block]]
    page: Callable[[bool | None], RenderableType] | None = None
    figures: Callable[[], Sequence[Figure]] = tuple
    problems: Callable[[], Iterable[CodeProblem]] = tuple
    texts: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    page_kind: str | None = None
    answer: Any = Headline | Heading

    def printed(self, ascii: bool | None, *, briefly: bool = False) -> RenderableType:
        """The page, or (``briefly``) the answer alone; ``ascii`` None chooses by the encoding of the console."""
        from diffexplore.render.terminal import Drawing

        if briefly:
            return Drawing((next(block for block in self.blocks() if isinstance(block, self.answer)),), ascii)
        return Drawing(tuple(self.blocks()), ascii) if self.page is None else self.page(ascii)
