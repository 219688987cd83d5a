"""Where output goes: standard output for ``-`` in every option, and whole files or none."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from diffexplore.cli.main import main
from diffexplore.cli.output import write
from diffexplore.errors import UsageError

Output = pytest.CaptureFixture[str]
REPORT = ["report", "a*x**2", "--at", "a=2", "--points", "4", "--methods", "reverse"]
GRAPH = ["graph", "a*x**2", "--at", "a=2", "--points", "4"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [(REPORT, "--json", "r.json"), (REPORT, "--markdown", "r.md"), (GRAPH, "--json", "g.json"), (GRAPH, "--svg", "g.svg"),
     (GRAPH, "--dot", "g.dot")],
)  # fmt: skip
def test_a_dash_is_standard_output_and_nothing_else_is_printed(
    command: list[str], option: str, name: str, capsys: Output, folder: Path
) -> None:
    assert main([*command, option, "-"]) == 0
    printed = capsys.readouterr().out
    assert list(folder.iterdir()) == []
    assert main([*command, option, name]) == 0
    assert capsys.readouterr().out.startswith(("PASS", "Graph"))
    written = Path(name).read_text(encoding="utf-8")
    assert printed.strip() == written.strip() or option == "--json"
    if option == "--json":
        here, there = json.loads(printed), json.loads(written)
        assert here == there


@pytest.mark.parametrize(
    ("arguments", "pair"),
    [
        ([*REPORT, "--json", "-", "--markdown", "-"], "--json - and --markdown -"),
        ([*REPORT, "--rows", "all", "--markdown", "-"], "--rows all and --markdown -"),
        ([*GRAPH, "--svg", "-", "--dot", "-"], "--svg - and --dot -"),
    ],
)
def test_standard_output_holds_one_text(arguments: list[str], pair: str, capsys: Output) -> None:
    assert main(arguments) == 2
    assert f"{pair} both take standard output" in capsys.readouterr().err


def test_a_replay_is_a_file(capsys: Output) -> None:
    assert main(["verify", "m.py:f", "--loss", "a", "--at", "a=1", "--replay", "-"]) == 2
    assert "--replay takes the name of a file" in capsys.readouterr().err


def test_an_error_is_spelled_in_ascii_where_nothing_else_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace"))
    assert main(["list", "no…such"]) == 2
    sys.stderr.flush()
    said = raw.getvalue().decode("ascii")
    assert said.startswith("error: ") and said.count("\n") == 1 and "\\u" not in said


@pytest.mark.parametrize(("option", "read"), [("--json", json.loads), ("--svg", ElementTree.fromstring)])
def test_an_ascii_terminal_gets_a_whole_document(option: str, read: object, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main([*GRAPH, option, "-"]) == 0
    assert raw.getvalue().isascii()
    assert callable(read)
    read(raw.getvalue().decode("ascii"))
    assert b"\\u2202" in raw.getvalue() or b"&#" in raw.getvalue() or b"\\u00b7" in raw.getvalue()


def test_a_file_is_replaced_as_a_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "r.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    write(path, "new ∂")
    assert path.read_text(encoding="utf-8") == "new ∂"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UsageError, match=r"cannot write .*r.json: No space left on device"):
        write(path, "newer")
    assert path.read_text(encoding="utf-8") == "new ∂"
    assert [entry.name for entry in folder.iterdir()] == ["r.json"]


def test_a_new_file_has_the_permissions_of_any_other(folder: Path) -> None:
    (folder / "other").touch()
    write(folder / "mine", "text")
    assert (folder / "mine").stat().st_mode == (folder / "other").stat().st_mode


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "real").write_text("old", encoding="utf-8")
    (folder / "link").symlink_to("real")
    write(folder / "link", "new")
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_text(encoding="utf-8") == "new"


def test_a_pipe_is_written_and_not_replaced(folder: Path) -> None:
    fifo = folder / "pipe"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(fifo, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


class _Full(io.StringIO):
    """A standard output on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def fileno(self) -> int:
        return os.dup(os.open(os.devnull, os.O_WRONLY))


@pytest.mark.parametrize(
    "arguments", [["list"], [*GRAPH, "--json", "-"], ["derive", "a*x"]], ids=lambda value: value[0]
)
def test_a_full_disk_is_one_line(arguments: list[str], capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Full())
    assert main(arguments) == 2
    assert capsys.readouterr().err == "error: cannot write standard output: No space left on device\n"


def test_closed_streams_are_no_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["list"]) == 0
    assert main(["derive", "(("]) == 2
