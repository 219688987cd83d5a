"""What ``diffexplore list`` shows: losses, methods, functions and devices, or one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from diffexplore import losses, methods
from diffexplore.errors import UsageError
from diffexplore.formula.names import shown
from diffexplore.functions import TABLE
from diffexplore.functions.records import Function
from diffexplore.suggestions import did_you_mean
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Note, Table, text
from diffexplore.writing.numbers import counted, point_text


def everything(devices: bool) -> Iterator[Block]:
    """All losses, methods and functions, and the devices where they are requested."""
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
    import torch

    yield Heading("Devices", "for --device")
    threads = torch.get_num_threads()
    found = [("cpu", f"{threads} thread{'s' if threads != 1 else ''}, torch {torch.__version__}")]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        device = torch.cuda.get_device_properties(index)
        found.append((f"cuda:{index}", f"{device.name}, {device.total_memory / 2**30:.0f} GiB"))
    yield _table(found if torch.cuda.is_available() else [*found, ("cuda", "not available")])


#: What a word after ``list`` shows.
_SECTIONS: Mapping[str, Callable[[], Iterator[Block]]] = {
    "losses": _losses,
    "methods": _methods,
    "functions": _functions,
    "devices": _devices,
}


def named(name: str) -> Iterator[Block]:
    """One section, one loss, one method or one function; raises UsageError for what is none of them."""
    section = next((show for key, show in _SECTIONS.items() if name.lower() in (key, key[:-1], _singular(key))), None)
    if section is not None:
        return section()
    if name.partition(":")[0] in losses.names():
        return _loss(name)
    every = *methods.entries(), *methods.named_only()
    known = {each: entry for entry in every for each in (entry.name, *entry.aliases)}
    if name in known:
        return _method(known[name])
    functions = {each: entry for entry in TABLE for each in (entry.name, *entry.aliases)}
    if name in functions:
        return _function(functions[name])
    near = did_you_mean(name, [*_SECTIONS, *losses.names(), *known, *functions])
    hint = near or "diffexplore list shows all losses, methods and functions"
    raise UsageError(f"unknown name {shown(name)}: {hint}")


def _singular(plural: str) -> str:
    return plural[:-2] if plural.endswith("sses") else plural[:-1]


def _loss(name: str) -> Iterator[Block]:
    """Formula, gradient, source, data and points of a loss such as ``perpendicular`` or ``hyperplane:5``."""
    from diffexplore.render.outline import formulas

    loss = losses.get(name)
    entry = next(entry for entry in losses.entries() if entry.name == name.partition(":")[0])
    yield Heading(name, entry.title)
    yield Gap()
    yield from formulas(loss.summary(), loss.gradient().formulas())
    if ":" not in name:
        n = len(next(iter(entry.default_data().values()), ()))
        points = "; ".join(filter(None, map(point_text, entry.default_points)))
        data, at = f"data: {counted(n, 'sample')}" if entry.data else "", f"points: {points}" if points else ""
        yield Note(text("; ".join(filter(None, (data, at))), "quiet"))
        yield Gap()
    yield Note(text(f"diffexplore report {name}"), " ")
    yield Note(text(f"diffexplore fit {name}"), " ")


def _method(entry: methods.MethodEntry) -> Iterator[Block]:
    """What a method does, what separates its values from the truth, and what it differentiates."""
    error = "rounding, and truncation by its step" if entry.truncates else "rounding alone"
    runs = "the torch function itself, where the loss is one" if entry.runs_program else "the formula"
    yield Heading(entry.name, _described(entry))
    when = [("runs", f"only when named ({_found(entry)})")] if entry.named_only else []
    rows = [("differs by", error), ("differentiates", runs), *when]
    yield _table([*rows, ("source", f"diffexplore/methods/{entry.module}.py")])
    yield Gap()
    yield Note(text(f"diffexplore report --methods {entry.name}"), " ")


def _function(entry: Function) -> Iterator[Block]:
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
