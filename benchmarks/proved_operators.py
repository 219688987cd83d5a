"""Which operators of torch are proved to have the right backward pass: torch's own database of operators, in float64.

    python -m benchmarks.proved_operators [--only PART] [--jobs 1] [--json FILE]

Of each operator that autograd differentiates the smallest sample is taken: a function of the tensors in it that need
a gradient, each entry of which is a symbol; all else are constants. An operator counts where that sample has entries,
at most as many as can be read. Torch's derivatives are right, or so its own tests say: what is refuted is looked into.
Torch's database needs ``expecttest``, which its wheel does not bring.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch

from benchmarks._jobs import finish, outcomes
from benchmarks.tensor_coverage import entries
from diffexplore import prove
from diffexplore.errors import UsageError
from diffexplore.torch_private.watching import tree_leaves, tree_map
from diffexplore.tracing.declarations import MOST_ENTRIES

Tensor = torch.Tensor


@dataclass(frozen=True)
class Outcome:
    """What was found of one entry; ``status`` is empty where its samples are none that can be proved."""

    entry: str
    status: str
    reason: str
    conditions: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Program:
    """An entry at one sample, as a function of the tensors that require a gradient."""

    function: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]


def program_of(entry: Any) -> Program | None:
    """The smallest sample of an entry that has a gradient; None where it is too large, or there is none."""
    torch.manual_seed(0)
    given = {"requires_grad": True, "small_inputs_only": True}  # as torch checks its own gradients
    samples = list(entry.sample_inputs(torch.device("cpu"), torch.float64, **given))
    for sample in sorted(samples, key=_size):
        sources = _sources(sample)
        shapes = {letter: tuple(source.shape) for letter, source in zip(ascii_lowercase, sources, strict=False)}
        if not sources or any(0 in shape for shape in shapes.values()) or len(sources) > len(ascii_lowercase):
            continue
        if any(source.numel() > MOST_ENTRIES or source.is_complex() for source in sources):
            return None
        function = partial(_call, entry, sample, [id(source) for source in sources])
        if _has_gradient(function, sources):
            return Program(function, shapes)
    return None


def _sources(sample: Any) -> list[Tensor]:
    leaves = tree_leaves((sample.input, sample.args, sample.kwargs))
    found = {id(leaf): leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad}
    return list(found.values())


def _size(sample: Any) -> int:
    leaves = tree_leaves((sample.input, sample.args, sample.kwargs))
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, Tensor))


def _call(entry: Any, sample: Any, places: list[int], **given: Tensor) -> Any:
    """The operator at other tensors in the places of those that require a gradient."""
    found = dict(zip(places, (given[letter] for letter in ascii_lowercase if letter in given), strict=True))
    args, kwargs = tree_map(lambda leaf: found.get(id(leaf), leaf), ((sample.input, *sample.args), sample.kwargs))
    return sample.output_process_fn_grad(entry.gradcheck_wrapper(entry.get_op(), *args, **kwargs))


def _has_gradient(function: Callable[..., Any], sources: list[Tensor]) -> bool:
    torch.manual_seed(0)
    out = tree_leaves(function(**dict(zip(ascii_lowercase, sources, strict=False))))
    real = [leaf for leaf in out if isinstance(leaf, Tensor) and leaf.requires_grad and leaf.numel()]
    return bool(real)


def outcome(name: str) -> Outcome:
    """One entry at its smallest sample."""
    program = program_of(entries()[name])
    started = time.monotonic()
    if program is None:
        return Outcome(name, "", "no sample that can be proved", (), 0.0)

    def candidate(**tensors: Tensor) -> Any:
        return program.function(**tensors)

    try:
        found = prove(candidate, parameters=program.shapes, data=[])
    except UsageError as error:
        return Outcome(name, "not read", str(error), (), time.monotonic() - started)
    except Exception as error:  # a defect of ours: it is counted, and the sweep goes on
        return Outcome(name, "error", f"{type(error).__name__}: {error}"[:160], (), time.monotonic() - started)
    open_ = [statement for statement in found.statements if statement.status == found.status]
    reason = "" if found.status == "proved" else "; ".join((*open_[0].decision.tried, str(found)))[:300]
    return Outcome(name, found.status, reason, found.conditions, time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="entries with this in their name; several with commas")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--each", action="store_true", help="a line for each entry, as it comes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started = time.monotonic()
    names = [name for name in entries() if any(part in name for part in options.only.split(","))]
    reasons: dict[str, list[str]] = defaultdict(list)
    figures: Counter[str] = Counter()
    slowest: list[tuple[float, str]] = []
    for found in outcomes(outcome, names, options.jobs):
        figures[found.status or "not counted"] += 1
        figures["entries"] += bool(found.status)
        slowest.append((found.seconds, found.entry))
        if options.each:
            print(f"{found.entry}\t{found.status}\t{found.seconds:.1f}\t{found.reason}\t{found.conditions}", flush=True)
        if found.status not in ("proved", ""):
            reasons[f"{found.status}: {found.reason}"].append(found.entry)
    for reason, those in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(those):4} {reason}: {', '.join(those)}")
    print("slowest:", ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(slowest, reverse=True)[:8]))
    finish("proofs of torch's operators", dict(figures), started, options.json)


if __name__ == "__main__":
    main()
