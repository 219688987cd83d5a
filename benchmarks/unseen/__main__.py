"""Whether ``dx.gradcheck`` names mistakes in backward passes that its diagnosis was not made with.

    python -m benchmarks.unseen [first|second] [NAME …] [--verbose]

Each mistake is an edit of one line. Its cause is named rightly where the key is one of those that were written down
before, and the message has the words that were. Right passes have to pass.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import time
import warnings

import diffexplore as dx


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", choices=("first", "second"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--verbose", action="store_true", help="tell each mistake, not only those that are missed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    module = importlib.import_module(f"benchmarks.unseen.{options.collection}")
    chosen = [one for one in module.PLANTED if not options.names or one.function in options.names]
    broken = 0
    for name in dict.fromkeys(one.function for one in chosen):
        report = dx.gradcheck(getattr(module, name).apply, module.sample_inputs()[name], raise_exception=False)
        if report.verdict != "pass":
            broken += 1
            print(f"RIGHT, NOT PASSED  {name}: {report.verdict}\n{report}")
    right = caught = 0
    slowest: list[tuple[float, str]] = []
    for one in chosen:
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
