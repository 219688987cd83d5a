"""Reads a page as a browser would, as far as tests need it: elements that are open, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Elements that have no end.
_VOID = {"meta", "br", "link", "img", "input", "hr", "rect", "path"}


@dataclass
class Element:
    """An element with its attributes, and its children and texts in their order."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = field(default=None, repr=False)
    content: list[Element | str] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        """Its elements."""
        return [part for part in self.content if isinstance(part, Element)]

    @property
    def text(self) -> str:
        """What stands directly in it."""
        return "".join(part for part in self.content if isinstance(part, str))

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """Every element below this one with that tag and these attributes; ``class_`` is one of its classes."""
        found = []
        for child in self.children:
            same = all(
                value in child.attributes.get("class", "").split() if name == "class_" else child.attributes.get(name) == value
                for name, value in attributes.items()
            )  # fmt: skip
            if same and tag in (None, child.tag):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def words(self) -> str:
        """All text in it but for scripts, styles and annotations, with single spaces."""
        if self.tag in ("script", "style", "annotation"):
            return ""
        return " ".join(" ".join(part if isinstance(part, str) else part.words() for part in self.content).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.content.append(element)
        if tag not in _VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.content.append(Element(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> ends <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.content.append(data)


def read_page(html: str) -> Element:
    """The root of a page. Raises AssertionError where elements do not end in the order in which they began."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> does not end"
    return reader.root
