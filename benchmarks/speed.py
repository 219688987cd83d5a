"""Speed, as ratios measured side by side in one run.

    python -m benchmarks.speed [--runs 5] [--points 1000000]

Each command against importing the libraries that it stands on; the report and the fit without their steps, too: the
time that the same command takes when a process runs it again (with SymPy's cache emptied). What the canary keeps is in
a cache of the benchmark's own, empty at first; ``--no-cache`` says what a report takes without. What torch.func and
forward AD make torch load in a bare program of torch, and a report does not, stands beside it. What a page takes beyond
the report that it shows, and its size. ``--help`` and ``list`` against an empty Typer application; and one report on
many points against one on a tenth of them, with its peak memory.

Times are processor seconds, user and system, of a whole process: other work on the machine does not count in them; with
``--wall`` seconds, which on an idle machine are those that a user waits. All
modules are compiled, as an installed package is. 0 points leave out the last measurement.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

_EMPTY_APPLICATION = (
    "import typer\napp = typer.Typer()\n@app.command()\ndef a(): pass\n@app.command()\ndef b(): pass\napp()"
)
_COMMAND = "import sys; from diffexplore.cli.main import main; sys.exit(main())"
_AGAIN = """
import contextlib, io, sys, time
from diffexplore.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main()
    from sympy.core.cache import clear_cache
    clear_cache()
    before = time.process_time()
    main()
print(time.process_time() - before)
"""
_IMPORTS = "import torch, sympy, flint"
_BARE_FUNC = (
    _IMPORTS
    + """
import torch.autograd.forward_ad as forward
x = torch.ones(3)
torch.func.vmap(torch.func.grad(lambda a: (a * a).sum()))(x)
with forward.dual_level():
    forward.make_dual(x, x) * x
"""
)

_CANDIDATE = """
def loss(a, b, x, y):
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()
"""

#: The default loss, and those of most parameters and of the longest derivatives.
_PAGES = ("perpendicular", "hyperplane", "cauchy")

_MANY = """
import sys
import numpy as np
from diffexplore import losses
from diffexplore.checking.batch import make_batch
from diffexplore.checking.run import run_check
n = int(sys.argv[1])
generator = np.random.default_rng(0)
x = generator.uniform(0, 100, n)
columns = {"x": x, "y": 2.5 * x + 1 + 2 * generator.normal(size=n)}
loss = losses.get("perpendicular")
report = run_check(loss, make_batch(loss, columns), [{"a": 2.5, "b": 1.0}], device="cpu")
assert report.verdict == "pass" and report.summary.passed == 20 * n + 20, report.summary
"""


#: What Python is started with: it may keep the modules that it compiles.
_ENVIRONMENT = {
    key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "DIFFEXPLORE_NO_CACHE")
}

_wall = False


def _run(program: str, arguments: Sequence[str] = ()) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of one fresh interpreter."""
    begin = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.DEVNULL, env=_ENVIRONMENT,
    )  # fmt: skip
    _, status, usage = _wait(process)
    if status:
        raise SystemExit(f"a timed run ended with status {status}: {' '.join(arguments)}")
    seconds = perf_counter() - begin if _wall else usage.ru_utime + usage.ru_stime
    return seconds, usage.ru_maxrss / 2**20


def _steps(command: str, runs: int) -> float:
    """Median processor seconds of a command that its process has run before."""
    arguments = [sys.executable, "-c", _AGAIN, command]
    outputs = (subprocess.check_output(arguments, env=_ENVIRONMENT) for _ in range(runs))
    return median(map(float, outputs))


def _start(command: str, runs: int) -> None:
    """How long a command takes until its steps begin, over its libraries."""
    steps = _steps(command, runs)
    pairs = [(_run(_COMMAND, [command])[0], _run(_IMPORTS)[0]) for _ in range(runs)]
    ratios = [(whole - steps) / imports for whole, imports in pairs]
    print(
        f"{f'{command} without its steps / imports':<34} {median(ratios):5.2f} (at most 1.5)   "
        f"steps {steps:.2f} s, ratios {min(ratios):.2f} … {max(ratios):.2f}"
    )


def _page(loss: str, runs: int) -> None:
    """What the page of a report takes beyond the report, and its size."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        report = ["report", loss]
        _run(_COMMAND, report)
        beyond = [_run(_COMMAND, [*report, "--html", str(page)])[0] - _run(_COMMAND, report)[0] for _ in range(runs)]
        megabytes = page.stat().st_size / 1e6
    print(
        f"{f'page of {loss}':<34} {median(beyond):5.2f} s beyond the report (at most 2)   "
        f"{min(beyond):.2f} … {max(beyond):.2f}, {megabytes:.1f} MB (at most 6)"
    )


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, int, resource.struct_rusage]:
    return os.wait4(process.pid, 0)


def _ratio(label: str, limit: float, runs: int, ours: tuple[str, list[str]], theirs: tuple[str, list[str]]) -> None:
    """Runs both in turn and prints the median of the ratios, pair by pair."""
    _run(*ours), _run(*theirs)
    pairs = [(_run(*ours)[0], _run(*theirs)[0]) for _ in range(runs)]
    ratios = [a / b for a, b in pairs]
    seconds = median(a for a, _ in pairs), median(b for _, b in pairs)
    print(
        f"{label:<34} {median(ratios):5.2f} (at most {limit:g})   "
        f"{seconds[0]:.2f} s against {seconds[1]:.2f} s, ratios {min(ratios):.2f} … {max(ratios):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--wall", action="store_true", help="seconds instead of those of the processor")
    options = parser.parse_args()
    global _wall
    _wall = options.wall
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where no other file stands for a module
        _ENVIRONMENT["XDG_CACHE_HOME"] = folder
        Path("mine.py").write_text(_CANDIDATE)
        _measure(options, "mine.py:loss")


def _measure(options: argparse.Namespace, candidate: str) -> None:
    empty = (_EMPTY_APPLICATION, ["--help"])
    imports = (_IMPORTS, [])
    for limit, *command in (
        (1.3, "report"), (1.4, "report", "--no-cache"), (2, "fit"),
        (1.3, "verify", candidate, "--loss", "perpendicular"),
        (1, "graph", "perpendicular"), (1, "derive", "perpendicular"),
    ):  # fmt: skip
        label = " ".join(word for word in command if word != candidate)
        _ratio(f"{label} / imports", limit, options.runs, (_COMMAND, command), imports)
    if not options.wall:
        _start("report", options.runs)
        _start("fit", options.runs)
    _ratio("torch.func, forward AD / imports", 3, options.runs, (_BARE_FUNC, []), imports)
    _ratio("--help / an empty application", 1.5, options.runs, (_COMMAND, ["--help"]), empty)
    _ratio("list / an empty application", 2, options.runs, (_COMMAND, ["list"]), empty)
    for loss in _PAGES:
        _page(loss, options.runs)
    if not options.points:
        return
    few, _ = _run(_MANY, [str(options.points // 10)])
    many, memory = _run(_MANY, [str(options.points)])
    print(f"{options.points:,} points: {many:.1f} s, {memory:.2f} GiB; {many / few:.1f} times a tenth of them")


if __name__ == "__main__":
    main()
