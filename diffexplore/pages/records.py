"""What a page is made of: sections of blocks and fragments, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffexplore.writing.blocks import Block, Headline

if TYPE_CHECKING:
    from diffexplore.checking.batch import Batch
    from diffexplore.formula.descriptions import LossSummary, PartialFormula
    from diffexplore.loss import Loss


@dataclass(frozen=True)
class Fragment:
    """HTML as it stands: whoever makes one escapes what is not his own.

    Attributes:
        html: goes into the section.
        script: JavaScript that runs when the whole page is there, and after plotly's.
        style: rules of CSS; the same ones of several fragments are in the page once.
        interactive: whether it uses the global ``Plotly``.
    """

    html: str
    script: str = ""
    style: str = ""
    interactive: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        key: its ``id``, by which it is linked: letters, digits and hyphens.
        title: its heading, and what stands for it among the links at the top.
        content: what it shows, in this order. Without any the section is left out.
        lead: a sentence below the heading that says what is to be seen.
        folded: the words that unfold the content, where it is long and few need it; "" shows it at once.
    """

    key: str
    title: str
    content: tuple[Block | Fragment, ...]
    lead: str = ""
    folded: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        kind: the command that makes such a page, such as "report".
        title: what it is about, such as the name of the loss.
        headline: the answer, which stands above everything; None where there is none.
        sections: in the order in which they are shown.
        footer: what stands below everything, such as versions.
    """

    kind: str
    title: str
    headline: Headline | None
    sections: tuple[Section, ...]
    footer: str = ""


@dataclass(frozen=True)
class Subject:
    """A result, and what it was computed from, as far as that is at hand: sections that need more are left out.

    Attributes:
        result: a report, a fit, a proof, a graph, …
        loss: the loss with its SymPy expression.
        batch: the data.
        points: values of the parameters.
        axes: the parameters over which pictures are drawn; None leaves the choice to them.
    """

    result: Any
    loss: Loss | None = None
    batch: Batch | None = None
    points: tuple[Mapping[str, float], ...] = ()
    axes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Derivation:
    """The result of a derivation: a loss and its partials, as text."""

    loss: LossSummary
    gradient: Mapping[str, PartialFormula]
