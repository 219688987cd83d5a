"""Speed, as ratios measured side by side in one run.

    python -m benchmarks.speed [--runs 5] [--points 1000000]

The default report and the default fit against importing the libraries that they stand on: whole, and without their
steps, the time that the same command takes when a process runs it again (with SymPy's cache emptied). ``vmap`` and
``forward`` make torch load its own compiler at their first use, which is a part of the report's start; what that takes
in a bare program of torch stands beside it. ``--help`` and ``list`` against an empty Typer application; and one report
on many points against one on a tenth of them, with its peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import median

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
    before = time.perf_counter()
    main()
print(time.perf_counter() - before)
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


def _run(program: str, arguments: Sequence[str] = ()) -> tuple[float, float]:
    """Wall seconds and peak memory (GiB) of one fresh interpreter."""
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()
    )
    _, status, usage = _wait(process)
    if status:
        raise SystemExit(f"a timed run ended with status {status}: {' '.join(arguments)}")
    return time.perf_counter() - before, usage.ru_maxrss / 2**20


def _steps(command: str, runs: int) -> float:
    """Median wall seconds of a command that its process has run before."""
    arguments = [sys.executable, "-c", _AGAIN, command]
    return median(float(subprocess.check_output(arguments, cwd=tempfile.gettempdir())) for _ in range(runs))


def _start(command: str, runs: int) -> None:
    """How long a command takes until its steps begin, over its libraries."""
    steps = _steps(command, runs)
    pairs = [(_run(_COMMAND, [command])[0], _run(_IMPORTS)[0]) for _ in range(runs)]
    ratios = [(whole - steps) / imports for whole, imports in pairs]
    print(
        f"{f'{command} without its steps / imports':<34} {median(ratios):5.2f} (at most 1.5)   "
        f"steps {steps:.2f} s, ratios {min(ratios):.2f} … {max(ratios):.2f}"
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
    options = parser.parse_args()
    empty = (_EMPTY_APPLICATION, ["--help"])
    imports = (_IMPORTS, [])
    _ratio("report / importing its libraries", 3, options.runs, (_COMMAND, ["report"]), imports)
    _ratio("fit / importing its libraries", 3, options.runs, (_COMMAND, ["fit"]), imports)
    _start("report", options.runs)
    _start("fit", options.runs)
    _ratio("torch.func, forward AD / imports", 3, options.runs, (_BARE_FUNC, []), imports)
    _ratio("--help / an empty application", 2, options.runs, (_COMMAND, ["--help"]), empty)
    _ratio("list / an empty application", 2, options.runs, (_COMMAND, ["list"]), empty)
    few, _ = _run(_MANY, [str(options.points // 10)])
    many, memory = _run(_MANY, [str(options.points)])
    print(f"{options.points:,} points: {many:.1f} s, {memory:.2f} GiB; {many / few:.1f} times a tenth of them")


if __name__ == "__main__":
    main()
