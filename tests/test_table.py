"""Data files: what is read, and the one clear line for each file that cannot be."""

from __future__ import annotations

import os
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffexplore.errors import UsageError
from diffexplore.inputs import csv_columns
from diffexplore.inputs.table import column_names, read_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def refusal(path: Path, columns: Any = None) -> str:
    """The message of the refusal, without the path that it names."""
    with pytest.raises(UsageError) as caught:
        read_table(path, columns)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < len(str(path)) + 160
    return message.replace(f"{path}: ", "", 1)


def lists(table: dict[str, np.ndarray]) -> dict[str, list[float]]:
    return {name: column.tolist() for name, column in table.items()}


# ----------------------------------------------------------------------------------------------------------- CSV
@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n1,2\n3.5,-4e-3\n",
        b"x,y\r\n1,2\r\n3.5,-4e-3",
        b"\xef\xbb\xbfx,y\n1,2\n3.5,-4e-3\n",
        b'"x", "y"\n"1", 2\n 3.5 ,"-4e-3"\n',
        b"\nx , y\n\n1,2\n\n3.5,-4e-3\n\n",
        b",x,y\n0,1,2\n1,3.5,-4e-3\n",
        b"x;y\r\n1;2\r\n3.5; -4e-3\r\n",
        b"\xef\xbb\xbfx\ty\n1\t2\n3.5\t-4e-3\n",
        b'"x"; "y"\n"1";2\n3.5;-4e-3\n',
    ],
    ids=[
        "plain",
        "windows",
        "byte order mark",
        "quoted",
        "blank lines",
        "column without a name",
        "semicolons",
        "tabs",
        "quoted between semicolons",
    ],
)
def test_csv_is_read_as_people_write_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert lists(read_table(path)) == {"x": [1.0, 3.5], "y": [2.0, -4e-3]}


def test_only_the_columns_asked_for_are_read(path: Path) -> None:
    path.write_text("name,y,x\nfirst,1,2\nsecond,nan,4\n")
    assert lists(read_table(path, ["x"])) == {"x": [2.0, 4.0]}


def test_numbers_are_read_to_the_last_bit(path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-150, 150, 0.3)
    path.write_text("x\n" + "\n".join(map(repr, numbers.tolist())))
    assert np.array_equal(read_table(path)["x"], numbers)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty: its first row should name the columns, such as x,y"),
        ("\n\n", "the file is empty: its first row should name the columns, such as x,y"),
        ("x,y\n", "no rows below the header"),
        ("1,2\n3,4\n", "no header: the first row should name the columns, such as x,y"),
        (
            "x;y\n1,5;2\n",
            "row 1 (line 2), column 'x': '1,5' has a decimal comma: write numbers with a point, as in 1.5",
        ),
        ("x\ty\n1\t-2,5e3\n", "row 1 (line 2), column 'y': '-2,5e3' has a decimal comma"),
        ("x;y\n1,2\n", "row 1 (line 2) has 1 cell, but the header names 2 columns"),
        ("x,y,x\n1,2,3\n", "the header has the column 'x' twice"),
        ("x,y\n1,2\n\n3\n", "row 2 (line 4) has 1 cell, but the header names 2 columns"),
        ("x,y\n1,5,2\n", "row 1 (line 2) has 3 cells, but the header names 2 columns"),
        ("x,y\n1,2\n3,abc\n", "row 2 (line 3), column 'y': 'abc' is not a number"),
        ("x,y\n1,2\n3,\n", "row 2 (line 3), column 'y': the cell is empty"),
        ("x,y\n1,2\n3,  \n", "row 2 (line 3), column 'y': the cell is empty"),
        ("x,y\n1,2\n3,4\nNaN,5\n", "row 3 (line 4), column 'x': NaN is not finite"),
        ("x,y\n1,-inf\n", "row 1 (line 2), column 'y': -inf is not finite"),
        ("x,y\n1,1e999\n", "row 1 (line 2), column 'y': 1e999 is not finite"),
        ("x,y\n1,2024_01\n", "row 1 (line 2), column 'y': '2024_01' is not a number"),
        ('x,y\n1,"2\n3"\n', "row 1 (line 3), column 'y': '2\\n3' is not a number"),
        (
            "x,y\n1," + "9a" * 500 + "\n",
            "row 1 (line 2), column 'y': '9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a… is not a",
        ),
        ('x,y\n1,"2\n', "not a CSV file: unexpected end of data"),
        ("x,y\n1," + "9" * 200_000 + "\n", "not a CSV file: field larger than field limit (131072)"),
    ],
    ids=lambda text: text[:16],
)
def test_an_unusable_csv_is_refused(path: Path, content: str, message: str) -> None:
    path.write_text(content, encoding="utf-8")
    assert refusal(path).startswith(message)


def test_the_cell_to_blame_is_found_in_a_later_chunk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_columns, "CHUNK_ROWS", 4)
    rows = [f"{row},{row}" for row in range(1, 12)]
    path.write_text("x,y\n" + "\n".join(rows))
    assert read_table(path)["y"].tolist() == list(range(1, 12))
    path.write_text("x,y\n\n" + "\n".join([*rows[:9], "10,inf", "11,11"]))
    assert refusal(path) == "row 10 (line 12), column 'y': inf is not finite"
    path.write_text("x,y\n\n" + "\n".join([*rows[:5], "6", "7,7"]))
    assert refusal(path) == "row 6 (line 8) has 1 cell, but the header names 2 columns"


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert refusal(path) == "not a CSV file: it is not UTF-8 text"


def test_a_missing_column_is_named_with_the_nearest_one(path: Path) -> None:
    path.write_text("width,height\n1,2\n")
    assert refusal(path, ["widht"]) == "no column 'widht': did you mean 'width'?"
    assert refusal(path, ["x"]) == "no column 'x': its columns are width, height"


def test_reading_takes_little_more_memory_than_the_numbers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_columns, "CHUNK_ROWS", 1000)
    rows = 20_000
    path.write_text("x,y\n" + "".join(f"{row}.25,{row}.75\n" for row in range(rows)))
    tracemalloc.start()
    table = read_table(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table["y"].sum() == sum(range(rows)) + 0.75 * rows
    assert peak < 1.5 * 2 * 8 * rows + 1e6  # the rows as Python strings would be over 4 MB


# ---------------------------------------------------------------------------------------------- files and archives
def test_a_file_that_cannot_be_opened_is_refused(path: Path) -> None:
    assert refusal(path) == f"cannot read {path}: No such file or directory".replace(f"{path}: ", "", 1)
    path.mkdir()
    assert refusal(path).startswith("the folder has no file of data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission_is_refused(path: Path) -> None:
    path.write_text("x\n1\n")
    path.chmod(0)
    assert refusal(path).endswith("Permission denied")


def test_another_kind_of_file_is_refused(path: Path) -> None:
    assert refusal(path.with_suffix(".xlsx")) == (
        "data is read from .csv, .tsv, .npz, .npy, .parquet or .pq files, and folders of them"
    )


def test_npz_columns_become_float64(path: Path) -> None:
    path = path.with_suffix(".npz")
    np.savez_compressed(path, x=np.array([1, 2], np.int8), y=np.array([0.5, 1.5], np.float16), image=np.ones((2, 2)))
    table = read_table(path, ["x", "y"])
    assert lists(table) == {"x": [1.0, 2.0], "y": [0.5, 1.5]}
    assert {column.dtype for column in table.values()} == {np.dtype(np.float64)}
    assert refusal(path) == (
        "column 'image' has 2 dimensions, shape (2, 2): it needs one number for each sample, shape (n,)"
    )


class Planted:
    """An object whose unpickling would leave a trace."""

    def __reduce__(self) -> Any:
        return sys.setrecursionlimit, (12345,)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the archive is empty"),
        ({"x": np.array([])}, "column 'x' is empty: at least one row is needed"),
        ({"x": np.array([1.0, np.nan])}, "row 2 (index 1), column 'x': nan is not finite"),
        ({"x": np.array([1j])}, "column 'x' is complex: data is real"),
        ({"x": np.array(["a"])}, "row 1 (index 0), column 'x': np.str_('a') is not a real number"),
        ({"x": np.array(1.0)}, "column 'x' has 0 dimensions, shape (): it needs one number"),
        ({"x": np.ones(2), "y": np.ones(3)}, "column 'x' has 2 rows but column 'y' has 3: every column needs"),
        ({"x": np.array([Planted()])}, "column 'x' holds Python objects, not numbers"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_an_unusable_archive_is_refused(path: Path, arrays: dict[str, Any], message: str) -> None:
    path = path.with_suffix(".npz")
    np.savez(path, **arrays)
    assert refusal(path).startswith(message)
    assert sys.getrecursionlimit() != 12345


def test_what_is_no_archive_is_refused(path: Path) -> None:
    path = path.with_suffix(".npz")
    path.write_bytes(b"x,y\n1,2\n")
    assert refusal(path) == "not an .npz archive (numpy.savez writes one)"
    path.write_bytes(b"")
    assert refusal(path) == "not an .npz archive (numpy.savez writes one)"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    assert refusal(path) == "a single array without a name: numpy.savez(path, x=x, y=y) names the columns"
    np.savez(path, width=np.ones(3))
    assert refusal(path, ["widht"]) == "no column 'widht': did you mean 'width'?"


def test_a_damaged_archive_is_refused(path: Path) -> None:
    path = path.with_suffix(".npz")
    np.savez(path, x=np.arange(100.0))
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(content)
    assert refusal(path) == "column 'x' is damaged and cannot be read"
    path.write_bytes(content[:500])
    assert refusal(path) == "not an .npz archive (numpy.savez writes one)"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"")
    assert refusal(path).startswith("column 'x'")


@pytest.mark.parametrize(
    ("header", "separator", "names"),
    [
        ("height, weight", ",", ("height", "weight")),
        ("body height;weight", ";", ("body_height", "weight")),
        ('"height, cm";weight', ";", ("height,_cm", "weight")),
        ('"height; cm",weight', ",", ("height;_cm", "weight")),
        ("height, cm\tweight; kg", "\t", ("height,_cm", "weight;_kg")),
        ("x", ",", ("x",)),
    ],
)
def test_the_header_decides_what_separates_columns(
    path: Path, header: str, separator: str, names: tuple[str, ...]
) -> None:
    path.write_text(header + "\n" + separator.join("123"[: len(names)]) + "\n")
    assert column_names(path) == names
    assert lists(read_table(path, names)) == {name: [float(i)] for i, name in enumerate(names, start=1)}


def test_columns_may_have_other_names_in_the_file(path: Path) -> None:
    path.write_text("body height,weight\n1,2\n3,4\n")
    table = read_table(path, ["x", "weight"], {"x": "body height"})
    assert lists(table) == {"x": [1.0, 3.0], "weight": [2.0, 4.0]}
