"""The same answer on a busy machine: documents of ten reports, verifications and proofs, byte for byte.

    python -m benchmarks.same_answer [--only 10] [--busy 4] [--json FILE]

All thirty are made in each of five processes of their own: on an idle machine; again; with another order of hashes
(PYTHONHASHSEED) and in reverse order, so that what ran before is something else; and twice with four processes beside
them that keep the processors busy. What is printed is how many documents of each process are those of the first, with
the seconds taken out of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffexplore as dx
from benchmarks.torch_programs import CATALOGUE, PROGRAMS
from diffexplore import losses

_TIMES = ("seconds",)

#: Beside five losses of the catalogue: formulas with branches, with derivatives of a higher order that are too large
#: for their bounds, and with partials that are too large to be factored.
REPORTS: Sequence[str] = (
    "perpendicular", "line_distance", "cauchy", "logistic", "huber",
    "tanh(a*tanh(a*tanh(a*x + b) + b) + b)*x",
    "sqrt((a - x)**2 + (b - y)**2)*log(1 + (a*x - b*y)**2)",
    "where(x > a, (x - a)**2, where(x < b, abs(x - b), 0)) + a*b",
    "sigmoid(a*sigmoid(b*sigmoid(a*sigmoid(b*sigmoid(a*x + b) + a) + b) + a) + b)",
    " + ".join(f"1/(a*x{k} + b + {k})" for k in range(1, 11)),
)  # fmt: skip

VERIFIED = ("perpendicular", "line_distance", "line_distance_squared", "logistic", "squared_error",
            "absolute_error", "huber", "log_cosh", "cauchy", "poisson")  # fmt: skip

PROVED = ("perpendicular", "cauchy", "softsign", "gelu_tanh", "sinc", "cosine_similarity", "layer_norm",
          "greatest_feature", "vector_norm_3", "autograd_function_wrong")  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """How a process makes the documents."""

    name: str
    hash_seed: int
    busy: bool = False
    reverse: bool = False


SCENES = (
    Scene("idle", 0),
    Scene("idle, again", 0),
    Scene("other hashes, reverse order", 1, reverse=True),
    Scene("busy", 0, busy=True),
    Scene("busy, other hashes, reverse order", 2, busy=True, reverse=True),
)


def _report(text: str) -> dict[str, Any]:
    if text in losses.names():
        return dx.check(text, at=None).to_dict()
    names = sorted(symbol.name for symbol in dx.Loss(text, parameters="a, b", data=_data(text)).expression.free_symbols)
    loss = dx.Loss(text, parameters="a, b", data=[name for name in names if name not in "ab"])
    columns = {name: [0.3 + 0.7 * k, 1.1, -0.4] for k, name in enumerate(loss.data)}
    return dx.check(loss, columns, {"a": 0.7, "b": -0.3}).to_dict()


def _data(text: str) -> list[str]:
    from diffexplore.formula.parse import names_in

    return [name for name in names_in(text) if name not in ("a", "b")]


def _verification(name: str) -> dict[str, Any]:
    return dx.verify(CATALOGUE[name].function, name).to_dict()


def _proof(name: str) -> dict[str, Any]:
    program = PROGRAMS[name]
    return dx.prove(program.function, parameters=program.parameters, data=program.data, domain=program.domain).to_dict()


KINDS: dict[str, tuple[Sequence[str], Callable[[str], dict[str, Any]]]] = {
    "reports": (REPORTS, _report),
    "verifications": (VERIFIED, _verification),
    "proofs": (PROVED, _proof),
}


def documents(most: int, reverse: bool) -> dict[str, str]:
    """Every document as text without its times, by kind and name."""
    tasks = [(kind, name) for kind, (names, _) in KINDS.items() for name in names[:most]]
    made = {}
    for kind, name in reversed(tasks) if reverse else tasks:
        document = _without_times(json.loads(json.dumps(KINDS[kind][1](name), default=str)))
        made[f"{kind} {name}"] = json.dumps(document, ensure_ascii=False)
    return made


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key not in _TIMES}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute, ended with the block."""
    work = f"import os\nwhile os.getppid() == {os.getpid()}: pass"  # nor do they outlive this process
    running = [subprocess.Popen([sys.executable, "-c", work]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _made(scene: Scene, most: int, busy: int) -> dict[str, str]:
    command = [sys.executable, "-m", "benchmarks.same_answer", "--only", str(most), "--documents"]
    command += ["--reverse"] if scene.reverse else []
    environment = {**os.environ, "PYTHONHASHSEED": str(scene.hash_seed)}
    with busy_processes(busy if scene.busy else 0):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, default=10, metavar="K", help="the first K documents of each kind")
    parser.add_argument("--busy", type=int, default=4, help="busy processes (default 4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the documents that differ to FILE")
    parser.add_argument("--documents", action="store_true", help="print the documents of one process")
    parser.add_argument("--reverse", action="store_true", help="make them in reverse order")
    options = parser.parse_args()
    if options.documents:
        print(json.dumps(documents(options.only, options.reverse)))
        return 0
    first: dict[str, str] = {}
    differ: dict[str, dict[str, list[str]]] = {}
    for scene in SCENES:
        started = time.monotonic()
        found = _made(scene, options.only, options.busy)
        first = first or found
        differ[scene.name] = {key: [first[key], text] for key, text in found.items() if text != first[key]}
        equal = len(found) - len(differ[scene.name])
        took = time.monotonic() - started
        print(f"{scene.name:36} {equal} of {len(found)} documents are those of the first process, {took:.0f} s")
        for key in differ[scene.name]:
            print(f"    differs: {key}")
    if options.json is not None:
        options.json.write_text(json.dumps(differ, ensure_ascii=False, indent=1), encoding="utf-8")
    return 1 if any(differ.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
