"""``diffexplore list``: the losses, the methods, the functions and the devices that there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from diffexplore import losses, methods
from diffexplore.cli import options as o
from diffexplore.cli.output import console_on
from diffexplore.report.blocks import Block, Column, Gap, Heading, Note, Table, text
from diffexplore.symbolic.functions import TABLE


def list_(
    devices: o.Devices = False, no_color: o.NoColor = False, ascii: o.Ascii = False, debug: o.Debug = False
) -> int:
    """List the losses, the methods and the functions of formulas."""
    from diffexplore.report.terminal import Drawing

    console = console_on(sys.stdout, no_color=no_color)
    console.print(Drawing(tuple(_blocks(devices)), ascii=ascii or None))
    return 0


def _blocks(devices: bool) -> Iterator[Block]:
    yield Heading("Losses", "for report and derive; any formula will do as well")
    yield _table([(entry.name, entry.title) for entry in losses.entries()])
    yield Gap()
    yield Heading("Methods", "for --methods")
    yield _table([(entry.name, _described(entry)) for entry in methods.entries()])
    yield Gap()
    yield Heading("Methods that run only when named", "with --methods; bench runs those that are installed")
    yield _table([(entry.name, f"{_described(entry)} ({_found(entry)})") for entry in methods.named_only()])
    yield Gap()
    yield Heading("Functions", "for formulas, beside + - * / **, pi and e")
    yield Note(text(", ".join(entry.name for entry in TABLE)), " ")
    if devices:
        from diffexplore.cli.devices import found_devices

        yield Gap()
        yield Heading("Devices", "for --device")
        yield _table(found_devices())


def _described(method: methods.Entry) -> str:
    """What a method does, and its other names."""
    return f"{method.title}; also called {', '.join(method.aliases)}" if method.aliases else method.title


def _found(method: methods.Entry) -> str:
    """Whether its library is here, and else what installs it; the library is not imported to find out."""
    if method.library is None or method.library.installed:
        return "installed"
    return f"not installed: {method.library.command}"


def _table(entries: list[tuple[str, str]]) -> Table:
    """Names and what they stand for, without column titles."""
    columns = (Column("", align="left"), Column("", align="left", flexible=True))
    return Table(columns, tuple((text(name), text(title)) for name, title in entries))
