"""Several processes that share samples find what one finds, to the last bit; what ends one of them ends all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ranks_at_work
from flint import arb, ctx
from processes import in_a_fork, run_python
from ranks_at_work import OF_THREE, OF_TWO

from diffexplore.documents import to_json
from diffexplore.ranks.packing import packed, unpacked
from diffexplore.ranks.records import Ranks

N = 400


def write(path: Path, rows: int = N, **changed: Any) -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(size=rows)
    columns = {"x": x, "y": np.abs(0.8 * x + generator.normal(size=rows)) + 3, **changed}
    pq.write_table(pa.table(columns), path, row_group_size=130)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    write(folder / "data.parquet", 290)
    write(folder / "null.parquet", y=[*range(320), None, *range(79)])
    write(folder / "nan.parquet", y=[*range(N - 1), float("nan")])
    for rank in range(3):
        here = folder / f"seen by {rank}"
        here.mkdir()
        write(here / "data.parquet", N + (rank == 2))
        if rank < 2:
            write(here / "further.parquet")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """What the processes found."""
    found = in_a_fork(ranks_at_work.found_by_all, folder)
    assert found["ended"] == [9, 0]
    return found


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    return json.loads(to_json(ranks_at_work.found_with(folder / "data.parquet", shared=False)))


@pytest.mark.parametrize(("count", "kind"), [*(("3", kind) for kind in OF_THREE), *(("2", kind) for kind in OF_TWO)])
def test_they_find_the_same_bits_as_one(found: dict[str, Any], alone: dict[str, Any], count: str, kind: str) -> None:
    of_ranks, of_one = ({**one[kind], "environment": None} for one in (found[count], alone))  # it names the threads
    assert of_ranks == of_one


def test_one_finds_what_there_is_to_find(alone: dict[str, Any]) -> None:
    assert alone["fit by sums"]["terrain"]["optimum"] is not None
    assert {run["method"] for run in alone["fit by blocks"]["runs"]} == {"symbolic", "reverse"}
    assert (alone["report"]["verdict"], alone["verify"]["verdict"]) == ("pass", "fail")
    failed = {row["parameter"] for row in alone["verify"]["rows"] if row["verdict"] == "fail"}
    assert failed == {"b"}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("null", "rank 2: {}/null.parquet: row 321 (row group 2, row 61 of it), column 'y': the value is null"),
        ("nan", "rank 2: {}/nan.parquet: row 400 (row group 3, row 10 of it), column 'y': nan is not finite"),
        (
            "other data",
            "rank 2 sees other data than rank 0: data.parquet has 401 rows; there, data.parquet has 400 rows",
        ),
        ("no data", "rank 2: cannot read further.parquet: No such file or directory"),
        ("lost", "rank 1 ended before the work was done: nothing is written"),
    ],
)
def test_what_ends_one_ends_all(found: dict[str, Any], folder: Path, kind: str, message: str) -> None:
    assert found[kind] == message.format(folder)


@pytest.mark.slow
def test_torchrun_starts_them(folder: Path, tmp_path: Path) -> None:
    """Its processes load everything anew; docs/data.md runs the command in forks."""
    fit = ["fit", ranks_at_work.LINE, "--at", "a=0.7,b=0.2", "--steps", "3", "--data", str(folder / "data.parquet")]
    start = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "diffexplore")
    done = run_python(*start, *fit, "--json", str(tmp_path / "two.json"), "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FIT ") == 1
    assert json.loads((tmp_path / "two.json").read_text())["n"] == 290


@pytest.mark.parametrize("parts", [0, 1, 2, 3, 7, 12])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_neighbours_and_all_there_is(parts: int, count: int) -> None:
    shares = [Ranks(rank, count).share(parts) for rank in range(count)]
    assert [part for share in shares for part in share] == list(range(parts))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_balls_cross_as_they_are() -> None:
    generator = np.random.default_rng(1)
    for bits in (53, 128, 256, 2048):
        ctx.prec = bits
        for exponent in (-1200, -300, -20, 40):
            ball = arb(float(generator.normal())) / 3 + arb(0, float(generator.uniform())) * arb(2) ** exponent
            other = unpacked(packed({"ball": [ball]}))["ball"][0]
            assert other.mid().man_exp() == ball.mid().man_exp()
            assert other.rad().man_exp() == ball.rad().man_exp()
    ctx.prec = 53
    assert unpacked(packed(arb.nan())).mid().is_nan()
    assert not unpacked(packed(arb(0, float("inf")))).is_finite()
