"""Damaged and crafted files: one line, exit code 2, no memory for what a header only claims."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import diffexplore as dx
from benchmarks import hostile_files
from benchmarks._hostile import tried
from diffexplore.checking.batch import Batch
from diffexplore.cli.main import main
from diffexplore.inputs.table import column_names, read_table
from diffexplore.verifying.replay import Replay
from diffexplore.verifying.replay_file import read_replay


def archive(path: Path, header: str, data: bytes = b"\0" * 16, version: bytes = b"\x01\x00", method: int = 0) -> Path:
    text = header.encode()
    member = b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("x.npy", member)
    return path


def claim(shape: str, kind: str = "'<f8'") -> str:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n"


CLAIMS = {
    "terabytes": claim("(99999999999999,)"),
    "beyond all machines": claim("(10000000000000000000000000000000,)"),
    "a Boolean": claim("(True,)"),
    "less than nothing": claim("(-1,)"),
    "more than there is": claim("(3,)"),
    "less than there is": claim("(1,)"),
    "not a tuple": claim("2"),
    "a text": claim("('2',)"),
    "no end": "{'descr': '<f8', 'shape': (2,",
    "brackets": claim("(" * 3000 + "2" + ")" * 3000),
    "no type": claim("(2,)", "3"),
    "a huge type": claim("(2,)", "'(1000000000,)<f8'"),
    "an empty type": claim("(99999999999999,)", "'<U0'"),
    "code": claim("__import__('os').system('false')"),
}


@pytest.mark.parametrize("header", CLAIMS.values(), ids=CLAIMS)
def test_what_a_header_claims_is_held_against_the_file(tmp_path: Path, header: str) -> None:
    with pytest.raises(dx.UsageError, match=r"column 'x' (is damaged and cannot be read|has)") as caught:
        read_table(archive(tmp_path / "x.npz", header), ["x"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x09\x09"])
def test_unknown_versions(tmp_path: Path, version: bytes) -> None:
    with pytest.raises(dx.UsageError, match="damaged"):
        read_table(archive(tmp_path / "x.npz", claim("(2,)"), version=version), ["x"])


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members(tmp_path: Path, method: int) -> None:
    data = np.linspace(0, 1, 500)
    path = archive(tmp_path / "x.npz", claim("(500,)"), data.tobytes(), method=method)
    assert (read_table(path)["x"] == data).all()
    content = path.read_bytes()
    for place in range(30, 120):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            read_table(path, ["x"])
        except dx.UsageError as error:
            assert "\n" not in str(error)


def test_what_is_no_one_dimensional_array_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for values, part in ((np.ones((2, 2)), "2 dimensions"), (np.ones(2, complex), "complex"),
                         (np.array([None]), "Python objects"), (np.array(["a"]), "not a real number"),
                         (np.array([("a", 1)], "U1,i4"), "not a real number")):  # fmt: skip
        into = io.BytesIO()
        np.savez(into, x=values)
        path.write_bytes(into.getvalue())
        with pytest.raises(dx.UsageError, match=part):
            read_table(path)


def test_thousands_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = [f"c{i}" for i in range(50_000)]
    path.write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n", encoding="utf-8")
    assert len(column_names(path)) == 50_000
    assert read_table(path, ["c49999"])["c49999"].tolist() == [1.0]
    path.write_text(",".join([*names, "c7"]) + "\n", encoding="utf-8")
    with pytest.raises(dx.UsageError, match="the column 'c7' twice"):
        read_table(path, ["c1"])


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 100_000, b'{"format":' * 50_000, b"null", b"[]", b"3", b'"text"', b"\xff\xfe", b'{"format": 1}'],
)
def test_files_that_hold_no_verification(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "again.json"
    path.write_bytes(content)
    assert main(["verify", "--replay", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "holds no verification" in printed.err


FIELDS = "candidate kind loss points data upstream wrt dtype device seed accept modes pack".split()

#: What these fields may hold as well.
USABLE = {"candidate": ["nosuch"], "accept": ["nosuch"], "seed": [3, 10**400]}

CHANGES = [
    (field, value)
    for field in FIELDS
    for value in (3, True, [3], {"q": 3}, "nosuch", [["a"]], -1, 10**400, 0.5)
    if not any(value is usable or (value == usable and value is not True) for usable in USABLE.get(field, []))
]


@pytest.mark.parametrize(("field", "value"), CHANGES)
def test_replays_with_a_field_of_another_kind(tmp_path: Path, field: str, value: object) -> None:
    columns = {"x": np.array([0.5, 2.0]), "y": np.array([1.0, 0.0])}
    loss = dx.Loss("(a*x - y)**2", parameters="a", data="x, y")
    document = json.loads(Replay("nosuch.py:f", loss, Batch(columns, 2, "data"), [{"a": 1.5}]).to_json())
    path = tmp_path / "again.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_replay(path).points == [{"a": 1.5}]
    path.write_text(json.dumps({**document, field: value}), encoding="utf-8")
    with pytest.raises(dx.UsageError, match="holds no verification"):
        read_replay(path)


def test_formulas_nested_deep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "formulas.json"
    for content in ("[" * 100_000, '{"a": ' * 10_000, json.dumps({"a": "cbrt(" * 30 + "x" + ")" * 30})):
        path.write_text(content, encoding="utf-8")
        assert main(["verify", str(path), "--loss", "a*x", "--at", "a=1", "--points", "2"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_mutated_files(tmp_path: Path) -> None:
    for name, content, use in hostile_files.files(21, 0, 120):
        path = tmp_path / name
        path.write_bytes(content)
        ending, _ = tried(str(path), use)
        assert ending.partition(" ")[0] in ("read", "refused", "SLOW"), (name, content[:300])


@pytest.mark.slow
def test_the_published_sweep_of_files() -> None:
    counts, troubles, _ = hostile_files.work((3, 0, 3000))
    assert not troubles
    assert counts["read"] > 50
