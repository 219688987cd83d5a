"""Data in files of every kind: the same numbers however they are read, and one line for what cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.inputs import room
from diffexplore.inputs.table import column_names, open_table, read_table

N = 1_000
GENERATOR = np.random.default_rng(7)
COLUMNS = {"x": GENERATOR.normal(size=N), "y": GENERATOR.normal(size=N) * 1e8}

Columns = Mapping[str, Any]


def parquet(path: Path, columns: Columns = COLUMNS, rows: int = 170) -> Path:
    pq.write_table(pa.table(dict(columns)), path, row_group_size=rows)
    return path


def csv(path: Path, columns: Columns = COLUMNS) -> Path:
    lines = [",".join(columns), *(",".join(map(repr, map(float, row))) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines))
    return path


def npz(path: Path, columns: Columns = COLUMNS) -> Path:
    np.savez_compressed(path, **columns)
    return path


def npy(path: Path, columns: Columns = COLUMNS) -> Path:
    array = np.empty(len(columns["x"]), [(name, float) for name in columns])
    for name, column in columns.items():
        array[name] = column
    np.save(path, array)
    return path


def folder_of(suffix: str, write: Callable[..., Path]) -> Callable[..., Path]:
    def written(path: Path, columns: Columns = COLUMNS) -> Path:
        folder = path.with_suffix("")
        folder.mkdir()
        (folder / "_SUCCESS").touch()
        for i, (first, last) in enumerate([(0, 1), (1, 450), (450, 1_000)]):
            write(folder / f"part-{i}{suffix}", {name: column[first:last] for name, column in columns.items()})
        return folder

    return written


def columns_in_files(path: Path, columns: Columns = COLUMNS) -> Path:
    folder = path.with_suffix("")
    folder.mkdir()
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
    return folder


WRITERS = {".parquet": parquet, ".csv": csv, ".npz": npz, ".npy": npy}
KINDS = {
    **WRITERS, **{f"folder of {suffix}": folder_of(suffix, write) for suffix, write in WRITERS.items()},
    "a file for each column": columns_in_files,
}  # fmt: skip


def written(kind: str, folder: Path, columns: Columns = COLUMNS) -> Path:
    return KINDS[kind](folder / f"data{kind if kind in WRITERS else ''}", columns)


# ------------------------------------------------------------------------------------------------------- the numbers
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [64, 170, 10_000])
def test_blocks_hold_the_rows_in_their_order(tmp_path: Path, kind: str, block: int) -> None:
    batch = dx.open_batch(written(kind, tmp_path), ["y", "x"], block=block)
    blocks = list(batch)
    assert [len(rows["x"]) for rows in blocks] == [min(block, N - first) for first in range(0, N, block)]
    assert all(rows["x"].dtype == np.float64 for rows in blocks)
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(np.concatenate([rows[name] for rows in blocks]), column)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_found_wherever_they_are(tmp_path: Path, kind: str) -> None:
    column = dx.open_batch(written(kind, tmp_path), block=64).columns["x"]
    for first, last in ((900, 960), (3, 60), (512, 512), (999, 1000), (60, 124)):
        np.testing.assert_array_equal(column[first:last], COLUMNS["x"][first:last])
    places = np.array([[999, 0], [448, 64]])
    np.testing.assert_array_equal(column[places], COLUMNS["x"][places])
    assert column[449] == COLUMNS["x"][449]


@pytest.mark.parametrize("kind", [".csv", ".npz"])
def test_what_is_longer_than_a_block_goes_to_a_file(tmp_path: Path, kind: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(room, "BLOCK", 100)
    part = open_table(written(kind, tmp_path)).parts[0]
    assert all(isinstance(column, np.memmap) for column in part.columns.values())  # type: ignore[attr-defined]
    np.testing.assert_array_equal(read_table(part.source)["y"], COLUMNS["y"])


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_known_before_the_numbers(tmp_path: Path, kind: str) -> None:
    assert sorted(column_names(written(kind, tmp_path))) == ["x", "y"]


TYPES = {
    "float32": pa.array([0.5, 2.0], pa.float32()), "int64": pa.array([1, 2]), "bool": pa.array([True, False]),
    "decimal": pa.array([1, 2], pa.decimal128(9, 2)), "dictionary": pa.array([0.5, 2.5]).dictionary_encode(),
    "half": pa.array(np.array([0.5, 2.0], np.float16)), "uint8": pa.array([1, 255], pa.uint8()),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_numbers_of_every_type_become_doubles(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"x": TYPES[kind]}), path)
    np.testing.assert_array_equal(read_table(path)["x"], np.array([float(value) for value in TYPES[kind].to_pylist()]))


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = parquet(tmp_path / "data.parquet", {"body height": COLUMNS["x"], "note": ["a"] * N, "y": COLUMNS["y"]})
    batch = dx.open_batch(path, {"x": "body height"}, block=100)
    np.testing.assert_array_equal(batch.columns["x"][200:300], COLUMNS["x"][200:300])
    assert column_names(path) == ("body_height", "note", "y")


# ----------------------------------------------------------------------------------------------------- what is wrong
def refusal(path: Path, columns: Any = ("x", "y")) -> str:
    with pytest.raises(dx.UsageError) as caught:
        list(dx.open_batch(path, columns, block=100))
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300 and str(path) in message
    return message.replace(str(path), "PATH")


def with_entry(row: int, value: Any) -> Columns:
    y: list[Any] = COLUMNS["y"].tolist()
    y[row] = value
    return {"x": COLUMNS["x"], "y": y}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda path: parquet(path, {"x": COLUMNS["x"], "z": COLUMNS["y"]}),
            "PATH: no column 'y': its columns are x, z",
        ),
        (lambda path: parquet(path, {"x": COLUMNS["x"], "y": ["1"] * N}), "PATH: column 'y' holds string, not numbers"),
        (
            lambda path: parquet(path, with_entry(700, None)),
            "PATH: row 701 (row group 4, row 21 of it), column 'y': the value is null",
        ),
        (
            lambda path: parquet(path, with_entry(0, float("nan"))),
            "PATH: row 1 (row group 0, row 1 of it), column 'y': nan is not finite",
        ),
        (
            lambda path: parquet(path, with_entry(999, float("-inf"))),
            "PATH: row 1000 (row group 5, row 150 of it), column 'y': -inf is not finite",
        ),
        (lambda path: parquet(path, {"x": [], "y": []}), "PATH: column 'x' holds null, not numbers"),
        (
            lambda path: parquet(path, {"x": pa.array([], "double"), "y": pa.array([], "double")}),
            "PATH: there are no rows",
        ),
        (lambda path: path.write_bytes(b"PAR1" + bytes(50)), "PATH: not a Parquet file, or a damaged one"),
        (lambda path: None, "cannot read PATH: No such file or directory"),
    ],
    ids=["missing", "text", "null", "nan", "infinite", "no type", "no rows", "damaged", "absent"],
)
def test_parquet_that_cannot_be_used(tmp_path: Path, write: Callable[[Path], Any], message: str) -> None:
    path = tmp_path / "data.parquet"
    write(path)
    assert refusal(path) == message


def test_a_damaged_row_group_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table(COLUMNS), path, row_group_size=170, compression="gzip", use_dictionary=False)
    group = pq.read_metadata(path).row_group(3).column(1)
    content = bytearray(path.read_bytes())
    start = group.data_page_offset
    content[start : start + group.total_compressed_size] = bytes(group.total_compressed_size)
    path.write_bytes(content)
    assert refusal(path) == "PATH: row group 3 is damaged and cannot be read"


@pytest.mark.parametrize("kind", [".npy", ".npz", "folder of .npz", "a file for each column"])
def test_rows_of_arrays_are_named(tmp_path: Path, kind: str) -> None:
    y = COLUMNS["y"].copy()
    y[650] = np.nan
    with pytest.raises(dx.UsageError, match=r": row (651|201) \(index (650|200)\), column 'y': nan is not finite$"):
        list(dx.open_batch(written(kind, tmp_path, {"x": COLUMNS["x"], "y": y}), block=100))


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "_hidden.csv").write_text("x,y\n1,2\n")
    assert refusal(folder).startswith("PATH: the folder has no file of data: .csv, .npy, ")
    parquet(folder / "a.parquet")
    parquet(folder / "b.parquet", {"x": COLUMNS["x"]})
    assert refusal(folder) == "PATH/b.parquet: no column 'y', which a.parquet has: the files of a folder are alike"
    parquet(folder / "b.parquet", {"x": COLUMNS["x"], "y": ["1"] * N})
    assert refusal(folder) == "PATH/b.parquet: column 'y' holds string, not numbers"
    (folder / "c.csv").write_text("x,y\n1,2\n")
    assert refusal(folder) == "PATH: the folder has files of several kinds, .csv and .parquet: keep one of them"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((3, 2)),
            "PATH: an array of shape (3, 2): each column needs a name, as in a folder with x.npy and y.npy",
        ),
        (np.array([None, 1]), "PATH: not an array that can be read: it holds Python objects, not numbers"),
        (
            np.zeros(2, [("x", float), ("y", "U3")]),
            "PATH: row 1 (index 0), column 'y': np.str_('') is not a real number",
        ),
        (np.zeros(3, [("x", float)]), "PATH: no column 'y': its columns are x"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, array: np.ndarray, message: str) -> None:
    path = tmp_path / "data.npy"
    np.save(path, array)
    assert refusal(path) == message


def test_nothing_is_written_where_data_cannot_be_used(tmp_path: Path, capsys: Any) -> None:
    path = parquet(tmp_path / "data.parquet", with_entry(700, None))
    made = tmp_path / "made.json"
    assert main(["fit", "(a*x - y)**2", "--at", "a=1", "--data", str(path), "--json", str(made)]) == 2
    out, err = capsys.readouterr()
    assert (out, made.exists()) == ("", False)
    assert err == f"error: {path}: row 701 (row group 4, row 21 of it), column 'y': the value is null\n"


def test_pyarrow_is_missed_by_name(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1")
    assert refusal(path) == "PATH: reading Parquet needs pyarrow: pip install 'diffexplore[parquet]'"
