"""How fast data larger than memory are gone through: ``python -m benchmarks.large_data [--rows 1e9] [--folder DIR]``.

A folder of Parquet files is written, read in several ways, and deleted; at most half of the free disk is taken. Every
number is of a process of its own, the ways take turns, and the files leave the page cache before each of them:

- pyarrow alone: ``iter_batches`` over both columns, which are thrown away;
- one pass: ``dx.fit`` with 1,000 steps of descent from the sums over the data, which are read once;
- the same on one core, with one thread, and by two processes of torchrun with a core and a thread each: what a second
  process gains is told by these two, as one process by itself takes all cores for its sums.

Beside seconds stands the time of the processors: on a busy machine that alone tells what an idle one would do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

_ROWS_OF_A_FILE = 1 << 25
_ROW_GROUP = 1 << 20
_BYTES_OF_A_ROW = 16
_STEPS = 1_000


def write(folder: Path, rows: int) -> None:
    """Files with ``rows`` rows of two columns of doubles: a line with noise, far from the origin."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as parquet

    noise = np.random.default_rng(0).random(_ROW_GROUP)
    schema = pa.schema([("x", pa.float64()), ("y", pa.float64())])
    for number, first in enumerate(range(0, rows, _ROWS_OF_A_FILE)):
        with parquet.ParquetWriter(folder / f"part-{number:05}.parquet", schema, use_dictionary=False) as writer:
            for start in range(first, min(rows, first + _ROWS_OF_A_FILE), _ROW_GROUP):
                x = noise[: min(_ROW_GROUP, rows - start)] + (100 + start / rows)
                y = 2.5 * x + noise[::-1][: len(x)]
                writer.write_table(pa.table([x, y], schema), row_group_size=_ROW_GROUP)


def read_alone(folder: Path) -> int:
    """What pyarrow takes to read both columns."""
    import pyarrow.parquet as parquet

    count = 0
    for path in sorted(folder.glob("*.parquet")):
        file = parquet.ParquetFile(path)
        for group in range(file.num_row_groups):  # over all of them at once, it keeps what it has read
            count += sum(batch.num_rows for batch in file.iter_batches(_ROW_GROUP, [group], ["x", "y"]))
    return count


def one_pass(folder: Path, *, shared: bool = False) -> dict[str, Any]:
    """The fit of a line by the sums over all rows."""
    import diffexplore as dx

    batch = dx.open_batch(folder, ["x", "y"], shared=shared)
    at = {"a": 2.0, "b": 0.0}
    return dx.fit(dx.losses.get("perpendicular"), batch, at, lr=1e-5, steps=_STEPS, methods="symbolic").to_dict()


def shared_pass(folder: Path) -> dict[str, Any]:
    """The same by all processes of torchrun."""
    import torch.distributed as distributed

    distributed.init_process_group("gloo")
    found = one_pass(folder, shared=True)
    distributed.destroy_process_group()
    return found


WAYS: dict[str, Callable[[Path], Any]] = {"alone": read_alone, "pass": one_pass, "shared": shared_pass}

#: What is measured: its way, how many processes of torchrun there are, and whether each has one core and one thread.
_ROWS: dict[str, tuple[str, int, bool]] = {
    "pyarrow alone": ("alone", 0, False),
    "one pass": ("pass", 0, False),
    "one process, one core": ("pass", 0, True),
    "two processes, a core each": ("shared", 2, True),
}


def measured(way: str, folder: Path, one_core: bool) -> dict[str, Any]:
    """Seconds, processor seconds and peak memory of one way, without imports."""
    if one_core:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(os.environ.get("RANK", 0)) % len(cores)]})
    import pyarrow
    import torch  # what is imported is not measured
    from pyarrow import parquet  # noqa: F401

    import diffexplore.fitting.fit  # noqa: F401

    if one_core:
        torch.set_num_threads(1)
        pyarrow.set_cpu_count(1)
    seconds, processor = time.perf_counter(), time.process_time()
    result = WAYS[way](folder)
    seconds, processor = time.perf_counter() - seconds, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor": processor, "peak": peak, "result": result, "rank": os.environ.get("RANK")}


def run(way: str, folder: Path, ranks: int, one_core: bool) -> list[dict[str, Any]]:
    """What each process measured; the files come from the disk again."""
    for path in folder.glob("*.parquet"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with tempfile.TemporaryDirectory() as results:
        start = [sys.executable, "-m"]
        launcher = ["torch.distributed.run", "--nproc-per-node", str(ranks), "--master-port", "29417", "-m"]
        command = [*start, *(launcher if ranks else []), "benchmarks.large_data", "--way", way, "--results", results]
        subprocess.run([*command, "--folder", str(folder), *(["--one-core"] if one_core else [])], check=True)
        return [json.loads(path.read_text()) for path in sorted(Path(results).iterdir())]


def line(name: str, runs: list[list[dict[str, Any]]], rows: int) -> str:
    """A row of the table: medians over the runs, of the slowest process of each."""
    seconds = median(max(one["seconds"] for one in each) for each in runs)
    processor = [median(sorted(one["processor"] for one in each)[i] for each in runs) for i in range(len(runs[0]))]
    peak = max(one["peak"] for each in runs for one in each)
    each = " + ".join(f"{time:.1f}" for time in processor)
    return f"| {name} | {seconds:.1f} | {rows * _BYTES_OF_A_ROW / seconds / 1e6:,.0f} | {each} | {peak:,.0f} |"


def table(folder: Path, rows: int, repeats: int) -> None:
    runs: dict[str, list[list[dict[str, Any]]]] = {}
    for _ in range(repeats):
        for name, (way, ranks, one_core) in _ROWS.items():
            runs.setdefault(name, []).append(run(way, folder, ranks, one_core))
    print(f"{rows:,} rows, {repeats} runs each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors\n")
    print("| way | seconds | MB/s | processor seconds of each process | peak MiB |\n|---|---|---|---|---|")
    for name, measured in runs.items():
        print(line(name, measured, rows))
    fits = [one["result"] for name, each in runs.items() if name != "pyarrow alone" for run in each for one in run]
    print(f"\nthe fits are the same to the last bit: {all(fit == fits[0] for fit in fits)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e9)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--one-core", action="store_true")
    given = parser.parse_args()
    if given.way:
        found = measured(given.way, given.folder, given.one_core)
        (given.results / f"{found['rank'] or 0}.json").write_text(json.dumps(found))
        return
    rows = min(int(given.rows), shutil.disk_usage(given.folder).free // 2 // _BYTES_OF_A_ROW)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        write(Path(name), rows)
        table(Path(name), rows, given.repeats)


if __name__ == "__main__":
    main()
