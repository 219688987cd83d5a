"""Whether ``dx.gradcheck`` names mistakes in backward passes that its diagnosis was not made with.

    python -m benchmarks.unseen [first|second|third] [NAME …] [--verbose]

Each mistake is an edit of one line. Its cause is named rightly where the key is one of those that were written down
before, and the message has the words that were. Right passes have to pass.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import sys
import time
import warnings
from types import ModuleType
from typing import Any

import torch

import diffexplore as dx


def modules_of(collection: str) -> list[ModuleType]:
    """The module of a collection, or those of its package."""
    found = importlib.import_module(f"benchmarks.unseen.{collection}")
    names = [one.name for one in pkgutil.iter_modules(getattr(found, "__path__", []))]
    return [importlib.import_module(f"{found.__name__}.{name}") for name in names] or [found]


def in_dtype(inputs: tuple[Any, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    """Arguments with their tensors of floats in a dtype."""
    return tuple(
        one.detach().to(dtype).requires_grad_(one.requires_grad)
        if isinstance(one, torch.Tensor) and one.is_floating_point()
        else one
        for one in inputs
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", choices=("first", "second", "third"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--verbose", action="store_true", help="tell each mistake, not only those that are missed")
    parser.add_argument("--right-only", action="store_true", help="check the right passes, and no mistake")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [
        (module, one)
        for module in modules_of(options.collection)
        for one in module.PLANTED
        if not options.names or one.function in options.names
    ]
    broken = 0
    for module, name in dict.fromkeys((module, one.function) for module, one in chosen):
        for dtype in (torch.float64, torch.float32):
            inputs = in_dtype(module.sample_inputs()[name], dtype)
            report = dx.gradcheck(getattr(module, name).apply, inputs, raise_exception=False)
            if report.verdict != "pass":
                broken += 1
                print(f"RIGHT, NOT PASSED  {name} in {dtype}: {report.verdict}\n{report}")
    if options.right_only:
        return 1 if broken else 0
    right = caught = 0
    slowest: list[tuple[float, str]] = []
    for module, one in chosen:
        function, inputs, start = one.in_place(module), module.sample_inputs()[one.function], time.process_time()
        report = dx.gradcheck(function, inputs, raise_exception=False)
        seconds = time.process_time() - start
        causes = [(row.input, row.cause) for row in report.rows if row.verdict == "fail" and row.cause is not None]
        named = any(cause.key in one.keys and re.search(one.words, cause.message) for _, cause in causes)
        caught += report.verdict == "fail"
        right += named
        slowest.append((seconds, f"{one.function}: {one.wrong!r}"))
        if options.verbose or not named:
            print(f"{'named ' if named else 'MISSED'} {one.function}, {seconds:.1f} s: {one.right!r} is {one.wrong!r}")
            for source, cause in causes or [("", None)]:
                print(f"       {source}: {cause.key}: {cause.message}" if cause else f"       {report.verdict}")
    print(f"{len(chosen)} mistakes, {caught} caught, {right} named rightly ({right / max(1, len(chosen)):.0%})")
    slow = sorted(slowest, reverse=True)[:5]
    print("slowest: " + "; ".join(f"{seconds:.1f} s {name}" for seconds, name in slow))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
