"""Figure: no file of data, of formulas or of a verification is executed, takes long, or ends in anything but one line.

    python -m benchmarks.hostile_files [--cases 100000] [--first 0] [--seed 0] [--jobs 2] [--json FILE] [--show 20]

A file is a right CSV, NPZ, replay or formula file after one to five changes: bytes flipped, deleted, doubled, cut off,
or replaced by others that mean something there (quotes, NUL, other encodings, enormous numbers, headers of arrays with
other shapes and types, brackets nested a hundred thousand times, values of JSON of another kind). It is read as the
command line reads it; candidates that a replay names are not run. *Slow* and *executed* are as in
``benchmarks.hostile_texts``; a process has 8 GiB of memory, and a header that claims more must be refused before.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._hostile import Ends, ends_of, listen, sweep
from benchmarks.hostile_texts import warm_up
from diffexplore.checking.batch import Batch
from diffexplore.inputs.table import column_names, read_table
from diffexplore.loss import Loss
from diffexplore.verifying.candidates.formulas import Formulas
from diffexplore.verifying.loading import load_candidate
from diffexplore.verifying.replay import Replay
from diffexplore.verifying.replay_file import read_replay


@cache
def _loss() -> Loss:
    return Loss("where(y != 1, (a*x - y)**2, 0)", parameters="a", data="x, y", domain="x > -9")


def _csv(rng: random.Random) -> bytes:
    rows = rng.choice((1, 3, 50))
    lines = ["x,y,z", *(f"{rng.uniform(-2, 2)},{rng.randint(0, 3)},{rng.random():.3e}" for _ in range(rows))]
    return rng.choice(("\n", "\r\n")).join(lines).encode()


def _npz(rng: random.Random) -> bytes:
    n = rng.choice((1, 3, 50))
    columns: dict[str, Any] = {"x": np.linspace(-2, 2, n), "y": np.arange(n), "z": np.ones(n, "float32")}
    into = io.BytesIO()
    rng.choice((np.savez, np.savez_compressed))(into, **columns)
    return into.getvalue()


def _crafted_npz(rng: random.Random) -> bytes:
    """An archive whose member has a header of its own."""
    shape = rng.choice(
        ("(2,)", "(True,)", "(10**30,)", "(99999999999,)", "(-1,)", "()", "(2", "(2.0,)", "('2',)", "2", "(2,)*9",
         "(" * 3000 + "2" + ")" * 3000, "(9223372036854775807,)", "(4, 1000000000000)", "None", "[2]")
    )  # fmt: skip
    kind = rng.choice(
        ("'<f8'", "'|O'", "'<U0'", "'(1000000000,)<f8'", "[('a', '<f8')]", "'<M8[s]'", "'V9999999999'", "'<f16'", "3",
         "'float'", "'<c16'", "'|b1'", "'i4,i4'", "__import__('os')", "'<f8'" * 9)
    )  # fmt: skip
    order = rng.choice(("False", "True", "3", "None"))
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header = rng.choice((header, header[:-1], header + b" " * rng.choice((1, 70000)) + b"\n"))
    version = rng.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"))
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little") if len(header) < 65536 else b"\xff\xff"
    into = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(into, "w", method) as archive:
        for name in ("x.npy", "y.npy"):
            data = np.arange(2.0).tobytes() * rng.choice((1, 1, 2, 5_000))
            archive.writestr(name, b"\x93NUMPY" + version + length + header + data)
    return into.getvalue()


def _replay(rng: random.Random) -> bytes:
    columns = {"x": np.array([0.5, 2.0]), "y": np.array([1.0, 0.0])}
    upstream = rng.choice((None, np.array(2.0), np.array([1.0, 2.0])))
    replay = Replay("nosuch.py:gradient", _loss(), Batch(columns, 2, "data"), [{"a": 1.5}], upstream, wrt=("a",))
    document = json.loads(replay.to_json())
    for _ in range(rng.choice((0, 1, 2))):
        _altered(document, rng)
    return json.dumps(document).encode()


def _formulas(rng: random.Random) -> bytes:
    document: dict[str, Any] = {"a": "where(y != 1, 2*x*(a*x - y), 0)"}
    if rng.random() < 0.5:
        document[rng.choice(("a", "x", "q", ""))] = rng.choice(_VALUES)
    return json.dumps(document).encode()


_VALUES: tuple[Any, ...] = (
    None, True, 3, -1, 10**300, 1e308, "", "x", "0x1p99999", "nan", "a" * 5000, [], [[]], {}, {"a": 1}, ["0x1p0", 2],
    "__import__('os').system('true')", "reverse", ["reverse"], "cbrt(" * 150 + "x" + ")" * 150, ["a", "a"], -0.0,
)  # fmt: skip


def _altered(document: Any, rng: random.Random) -> None:
    """One value of an object, or of one within it, exchanged or taken away."""
    while True:
        key = rng.choice(list(document) or ["a"])
        inner = document.get(key)
        if isinstance(inner, dict) and inner and rng.random() < 0.7:
            document = inner
            continue
        break
    if rng.random() < 0.2:
        document.pop(key, None)
    else:
        document[rng.choice((key, key, "more"))] = rng.choice(_VALUES)


_PARTS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b",", b",,,", b";", b"\t", b"\n", b"\r", b"1e400",
    b"9" * 5000, b"nan",
    b"inf", b"1_0", "½٣".encode(), "x".encode("utf-16"), b"x" * 200_000, b"," * 20_000, b"[" * 100_000,
    b'{"a":' * 10_000,
    b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"\x0e\x00", b"\x63\x00", b"=cmd()", b"0x10", b"1e", b"-",
    b'"""', b"\\",
)  # fmt: skip


def changed(content: bytes, rng: random.Random) -> bytes:
    """The content after one change."""
    start, end = sorted(rng.choices(range(len(content) + 1), k=2))
    kind = rng.randrange(6)
    if kind == 0 and content:
        place = min(start, len(content) - 1)
        return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]
    if kind == 1:
        return content[:start] + content[min(end, start + 5) :]
    if kind == 2:
        return content[:end] + content[start:end] + content[end:]
    if kind == 3:
        return content[:start]
    if kind == 4:
        return content[:start] + rng.choice(_PARTS) + content[start:]
    return content[:start] + rng.choice(_PARTS) + content[end:]


def _read_data(path: str) -> None:
    column_names(path)
    read_table(path, ["x", "y"])


def _read_formulas(path: str) -> None:
    Formulas(load_candidate(path), _loss(), "candidate")


_KINDS: tuple[tuple[str, Callable[[random.Random], bytes], Callable[[str], object]], ...] = (
    ("data.csv", _csv, _read_data),
    ("data.npz", _npz, _read_data),
    ("crafted.npz", _crafted_npz, _read_data),
    ("again.json", _replay, lambda path: read_replay(Path(path))),
    ("formulas.json", _formulas, _read_formulas),
)


def files(seed: int, index: int, count: int) -> Iterator[tuple[str, bytes, Callable[[str], object]]]:
    """``count`` files: a name, the content and how it is read; they depend on the seed and the index alone."""
    rng = random.Random(f"files {seed} {index}")
    for _ in range(count):
        name, make, use = rng.choice(_KINDS)
        content = make(rng)
        for _ in range(
            rng.choice((0, 1, 1, 2, 5)) if make in (_crafted_npz, _replay, _formulas) else rng.randint(1, 5)
        ):
            content = changed(content, rng)
        yield name, content, use


def work(task: tuple[int, int, int]) -> Ends:
    """How the files of one task end."""
    warm_up()
    listen()
    with tempfile.TemporaryDirectory() as folder:
        return ends_of(_written(files(*task), Path(folder)))


def _written(
    made: Iterator[tuple[str, bytes, Callable[[str], object]]], folder: Path
) -> Iterator[tuple[str, Callable[[str], object], str]]:
    """Each file once it is written: its path, what reads it, and how it is shown."""
    for name, content, use in made:
        path = folder / name
        path.write_bytes(content)
        yield str(path), use, f"{name}, {len(content):,} bytes: {content!r:.200}"


if __name__ == "__main__":
    raise SystemExit(sweep(__doc__, "files", 100_000, work))
