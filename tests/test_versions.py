"""Versions: the lowest ones are those of pyproject.toml, and a torch that does not fit is refused by name."""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest
from processes import in_a_fork
from representatives import slow

from benchmarks import versions
from diffexplore.errors import UsageError
from diffexplore.torch_private import supported, tracing, watching


def private_names() -> list[tuple[ModuleType, str, str]]:
    """(module here, module of torch, name) of everything that is imported of torch's private names."""
    found = []
    for module in (watching, tracing):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        (block,) = (node for node in tree.body if isinstance(node, ast.With))
        for statement in block.body:
            assert isinstance(statement, ast.ImportFrom)
            found += [(module, str(statement.module), alias.name) for alias in statement.names]
    return found


@pytest.mark.parametrize(
    ("module", "home", "name"), private_names(), ids=lambda part: str(part).rpartition(".")[2][:30]
)
def test_a_name_that_torch_lacks_is_named(
    module: ModuleType, home: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(importlib.import_module(home), name)
    with pytest.raises(UsageError, match=rf"^torch \S+ lacks a name .*'{name}' from '{home}'\): install a torch from "):
        importlib.reload(module)


def test_nothing_else_imports_private_names() -> None:
    private = re.compile(r"\btorch\._[a-zA-Z]|from torch\.\S+ import .*\b_[a-z]|torch\.fx\.experimental\.\w+ import")
    package = Path(supported.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.parent.name != "torch_private"
        for line in path.read_text(encoding="utf-8").splitlines()
        if private.search(line) and "getLogger" not in line
    ]
    assert found == []


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        pytest.param(
            "import torch; torch.__version__ = '2.8.0+cpu'",
            ["report"],
            "torch 2.8.0+cpu is too old for diffexplore: install torch 2.",
            id="old",
        ),
        slow(
            "import torch.fx.traceback as t; del t.set_stack_trace",
            ["prove"],
            "cannot import name 'set_stack_trace'",
            id="incomplete",
        ),
    ],
)
def test_a_torch_that_does_not_fit_is_one_line(change: str, arguments: list[str], said: str, tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text("def loss(a, x):\n    return (a * x).mean()\n", encoding="utf-8")
    options = [f"{source}:loss", "--wrt", "a"] if arguments == ["prove"] else []
    code, out, error = in_a_fork(_loaded_anew, change, [*arguments, *options])
    assert code == 2, error
    assert out == ""
    assert error.startswith("error: torch 2.")
    assert said in error
    assert error.count("\n") == 1


def _loaded_anew(change: str, arguments: list[str]) -> tuple[int, str, str]:
    """The exit code, output and errors of a command, where torch is changed before anything of diffexplore is loaded."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "diffexplore"]:
        del sys.modules[name]
    exec(change)
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        code = importlib.import_module("diffexplore.cli.main").main(arguments)
    return code, out.getvalue(), error.getvalue()


@pytest.mark.parametrize("version", ["2.11.0", "2.13.0+cpu", "3.0.0", "2.100.1", "2.15.0a0+git1234567"])
def test_versions_that_are_not_too_old(version: str) -> None:
    supported.check_age(version)


@pytest.mark.parametrize("version", ["1.13.1", "2.6.0", "2.9.1+cu128", "2.10.0"])
def test_versions_that_are_too_old(version: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"torch {version} is too old")):
        supported.check_age(version)


def test_the_oldest_torch_is_that_of_the_requirements() -> None:
    oldest = ".".join(map(str, supported.OLDEST))
    assert f"torch>={oldest}" in versions.requirements()


def test_the_readme_names_the_versions_that_are_supported() -> None:
    readme = " ".join((versions.ROOT / "README.md").read_text(encoding="utf-8").split())
    oldest, newest = (".".join(map(str, version)) for version in (supported.OLDEST, supported.NEWEST))
    assert f"torch {oldest} to {newest} and Python 3.11 to 3.14 are supported" in readme
    classifiers = tomllib.loads((versions.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "classifiers"
    ]
    named = [text.rpartition(" ")[2] for text in classifiers if text.startswith("Programming Language :: Python :: 3.")]
    assert named == ["3.11", "3.12", "3.13", "3.14"]


def test_every_requirement_has_a_lower_bound_that_can_be_installed() -> None:
    for extra in ("test", "docs"):
        pins = versions.lowest(versions.requirements(extra))
        assert all(re.fullmatch(r"[\w.-]+==[\d.]+", pin) for pin in pins)
    assert versions.lowest(["numpy>=2.0", "plotext>=5.3.2,<6"]) == ["numpy==2.0", "plotext==5.3.2"]


@pytest.mark.parametrize("requirement", ["numpy", "numpy<3", "numpy>=2,!=2.1", "numpy>=2,<=3", "numpy==2.0"])
def test_a_requirement_of_another_form_is_refused(requirement: str) -> None:
    with pytest.raises(ValueError, match="one lower bound"):
        versions.lowest([requirement])


@pytest.mark.parametrize("group", versions.GROUPS)
def test_every_group_has_its_files(group: str) -> None:
    words = versions.GROUPS[group]
    names = [Path(path).name for path in versions.files_of(group)]
    assert all(any(name.startswith(f"test_{word}") for name in names) for word in words)
