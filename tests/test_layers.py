"""Imports go downwards only: from a room of the package to rooms below it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import diffexplore

ROOT = Path(diffexplore.__file__).parent
REPOSITORY = Path(__file__).parent.parent

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")


def _layers() -> list[str]:
    """The rooms and the files beside them, from top to bottom, as the page has them; those in one line are level."""
    block = PAGE.partition("<!-- layers -->\n```text\n")[2].partition("```")[0]
    return [re.split(r"\s{2,}", line)[0] for line in block.splitlines()]


#: The one circle: simplification checks itself, so that it lowers both forms to programs and evaluates them in balls.
CIRCLE = frozenset({"formula", "program", "arithmetic"})

HEIGHT = {room: -place for place, layer in enumerate(_layers()) for room in layer.split()}

#: The records that a caller gets: what draws, prints or explores them is loaded when it is called for.
RESULTS = (
    "documents", "checking.records", "exploring.records", "fitting.records", "graphing.records", "proving.records",
    "tensors.records",
)  # fmt: skip

#: Imports inside functions that go up, by module, with the rooms they go to: each for a reason.
UPWARDS = dict.fromkeys(RESULTS, frozenset({"render", "pages", "scanning", "exploring"})) | {
    "errors": frozenset({"render"}),  # the text of a GradientError is that of its report
    "bounds.watch": frozenset({"torch_ops"}),  # it looks up the record of each operator that it sees
    "bounds.numpy_watch": frozenset({"torch_ops"}),  # as above
    # its repr; Loss.from_torch, which reads and reruns a program; Loss.compile
    "loss": frozenset({"render", "tracing", "proving", "kernels"}),
}

Import = tuple[str, str, bool]


def _imports(path: Path) -> Iterator[Import]:
    """Every import from the package that is made when the code runs: the module, what it imports, if in a function."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    def walk(node: ast.AST, inside: bool) -> Iterator[Import]:
        for child in _inside(node):
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module} imports relatively, in line {child.lineno}"
                names = [f"{child.module}.{name.name}" for name in child.names]
            else:
                names = [name.name for name in child.names] if isinstance(child, ast.Import) else []
            yield from ((module, name, inside) for name in names if name.startswith("diffexplore."))
            yield from walk(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))

    yield from walk(trees()[path], False)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node but expressions, which hold no statement."""
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.expr, ast.expr_context)))


def _classes(node: ast.AST) -> Iterator[str]:
    """The names of all classes in a node, however deep."""
    for child in _inside(node):
        if isinstance(child, ast.ClassDef):
            yield child.name
        yield from _classes(child)


@cache
def trees() -> dict[Path, ast.Module]:
    """The files of the package."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return [found for path in trees() if path != ROOT / "__init__.py" for found in _imports(path)]


def _room(name: str) -> str:
    return name.removeprefix("diffexplore.").split(".")[0]


def _goes_up(found: Import) -> bool:
    above, below = _room(found[0]), _room(found[1])
    if above == below or below not in HEIGHT:  # what the package itself offers, such as its version, is in no room
        return False
    return HEIGHT[above] <= HEIGHT[below] and not CIRCLE.issuperset((above, below))


def test_the_files_of_the_page_are_there() -> None:
    named = {first or second for first, second in re.findall(r"`([a-z_/]+\.py)`|`([a-z_/]+/)`", PAGE)}
    assert len(named) > 40
    assert not {name for name in named if not (ROOT / name).exists() and not (REPOSITORY / name).exists()}


def test_every_room_has_its_place() -> None:
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(HEIGHT)


def test_imports_go_downwards(imports: list[Import]) -> None:
    above = {
        (module, name)
        for module, name, inside in filter(_goes_up, imports)
        if not (inside and _room(name) in UPWARDS.get(module, ()))
    }
    assert not above


def test_every_exception_is_still_needed(imports: list[Import]) -> None:
    used = {(module, _room(name)) for module, name, inside in filter(_goes_up, imports) if inside}
    unused = {(module, room) for module, rooms in UPWARDS.items() for room in rooms} - used
    assert not {found for found in unused if found[0] not in RESULTS}
    assert {room for module, room in used if module in RESULTS} == {"render", "pages", "scanning", "exploring"}


def test_a_class_has_a_name_of_its_own() -> None:
    names = Counter(name for tree in trees().values() for name in _classes(tree))
    assert not {name for name, count in names.items() if count > 1 and not name.startswith("_")}
