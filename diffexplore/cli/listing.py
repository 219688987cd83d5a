"""``diffexplore list``: the losses, the methods, the functions and the devices that there are, or one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

from diffexplore import losses, methods
from diffexplore.cli import options as o
from diffexplore.cli.output import console_on
from diffexplore.errors import UsageError
from diffexplore.formula.names import shown
from diffexplore.functions import TABLE
from diffexplore.suggestions import did_you_mean
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Note, Table, text


def list_(
    name: o.Listed = None,
    devices: o.Devices = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """List the losses, the methods and the functions of formulas, or show one of them.

    Of a loss: its formula, its gradient and its source.
    """
    from diffexplore.render.terminal import Drawing

    blocks = tuple(_everything(devices) if name is None else _named(name.strip()))
    console_on(sys.stdout, no_color=no_color).print(Drawing(blocks, ascii=ascii or None))
    return 0


def _everything(devices: bool) -> Iterator[Block]:
    yield from _losses()
    yield Gap()
    yield from _methods()
    yield Gap()
    yield Heading("Functions", "for formulas, beside + - * / **, pi and e")
    yield Note(text(", ".join(entry.name for entry in TABLE)), " ")
    if devices:
        yield Gap()
        yield from _devices()


def _losses() -> Iterator[Block]:
    yield Heading("Losses", "for report, fit and graph; any formula will do as well")
    yield _table([(entry.name, entry.title) for entry in losses.entries()])


def _methods() -> Iterator[Block]:
    yield Heading("Methods", "for --methods")
    yield _table([(entry.name, _described(entry)) for entry in methods.entries()])
    yield Gap()
    yield Heading("Methods that run only when named", "with --methods; bench runs those that are installed")
    yield _table([(entry.name, f"{_described(entry)} ({_found(entry)})") for entry in methods.named_only()])


def _functions() -> Iterator[Block]:
    yield Heading("Functions", "for formulas, beside + - * / **, pi and e")
    yield _table([(entry.name, _also(entry.doc, entry.aliases)) for entry in TABLE])


def _devices() -> Iterator[Block]:
    from diffexplore.cli.devices import found_devices

    yield Heading("Devices", "for --device")
    yield _table(found_devices())


#: What a word after ``list`` shows.
_SECTIONS: Mapping[str, Callable[[], Iterator[Block]]] = {
    "losses": _losses,
    "methods": _methods,
    "functions": _functions,
    "devices": _devices,
}


def _named(name: str) -> Iterator[Block]:
    """One section, one loss, one method or one function."""
    section = next((show for key, show in _SECTIONS.items() if name.lower() in (key, key[:-1], _singular(key))), None)
    if section is not None:
        return section()
    if name.partition(":")[0] in losses.names():
        from diffexplore.cli.listed_loss import loss_blocks

        return loss_blocks(name)
    known = {
        each: entry for entry in (*methods.entries(), *methods.named_only()) for each in (entry.name, *entry.aliases)
    }
    if name in known:
        return _method(known[name])
    functions = {each: entry.name for entry in TABLE for each in (entry.name, *entry.aliases)}
    if name in functions:
        return _function(functions[name])
    near = did_you_mean(name, [*_SECTIONS, *losses.names(), *known, *functions])
    raise UsageError(
        f"unknown name {shown(name)}: {near or 'diffexplore list shows all losses, methods and functions'}"
    )


def _singular(plural: str) -> str:
    return plural[:-2] if plural.endswith("sses") else plural[:-1]


def _method(entry: methods.MethodEntry) -> Iterator[Block]:
    """What a method does, what separates its values from the truth, and what it differentiates."""
    error = "rounding, and truncation by its step" if entry.truncates else "rounding alone"
    runs = "the torch function itself, where the loss is one" if entry.runs_program else "the formula"
    yield Heading(entry.name, _described(entry))
    named = [("runs", f"only when named ({_found(entry)})")] if entry.named_only else []
    rows = [("differs by", error), ("differentiates", runs), *named]
    yield _table([*rows, ("source", f"diffexplore/methods/{entry.module}.py")])
    yield Gap()
    yield Note(text(f"diffexplore report --methods {entry.name}"), " ")


def _function(name: str) -> Iterator[Block]:
    entry = next(entry for entry in TABLE if entry.name == name)
    yield Heading(entry.name, _also(entry.doc, entry.aliases))
    yield _table([("takes", entry.arity)])


def _described(method: methods.MethodEntry) -> str:
    """What a method does, and its other names."""
    return _also(method.title, method.aliases)


def _also(words: str, aliases: tuple[str, ...]) -> str:
    return f"{words}; also called {', '.join(aliases)}" if aliases else words


def _found(method: methods.MethodEntry) -> str:
    """Whether its library is here, and else what installs it; the library is not imported to find out."""
    if method.library is None or method.library.installed:
        return "installed"
    return f"not installed: {method.library.command}"


def _table(entries: list[tuple[str, str]]) -> Table:
    """Names and what they stand for, without column titles."""
    columns = Column.left(), Column.left(flexible=True)
    return Table(columns, tuple((text(name), text(title)) for name, title in entries))
