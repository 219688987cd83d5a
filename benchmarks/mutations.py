"""Figure: wrong facts in the tables do not survive the tests.

    python -m benchmarks.mutations [--only WORD] [--first 0] [--every 1] [--seconds 900]

Copies this folder, changes one fact of it (a domain, a sign, a claim, a constant, a number of terms), and runs the file
of tests that is named beside it, of the ordinary suite: first those tests of it that name the function. A mutation is
killed where they fail; one that survives is printed, and the exit code is 1. That the tests pass without a mutation is
tried first. Each run is a fork of this process, which has loaded the libraries but nothing of diffexplore.
``--first 1 --every 4`` takes a quarter of them, so that four processes share the work.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

VALUES, MATHEMATICS, CANARY = "test_registry_values.py", "test_registry_mathematics.py", "test_canary.py"
OPERATORS, DOUBLE = "test_torch_ops.py", "test_double_double.py"
SUMS, JUDGE, FORMATS, LEAVING = "test_bounds_sums.py", "test_judge.py", "test_bounds.py", "test_verify_leaving_torch.py"
COMPLEX, EXPORT, SCRIPT = "test_complex_step.py", "test_export.py", "test_javascript.py"


@dataclass(frozen=True)
class Mutation:
    """One wrong fact.

    Attributes:
        path: the file, below the package.
        after: the text behind which the fact is sought; empty for the beginning of the file.
        old, new: the fact, at its first place there, and the wrong one.
        tests: the file of tests that is to notice.
    """

    path: str
    after: str
    old: str
    new: str
    tests: str

    @property
    def name(self) -> str:
        """What is said of it: the file, the record, and the change."""
        where = self.after.strip("\"', ") or Path(self.path).stem
        return f"{self.path}: {where}: {self.old} → {self.new}"

    @property
    def function(self) -> str | None:
        """The function whose record is changed, if it is one of a function."""
        found = re.fullmatch(r'name="(\w+)"', self.after)
        return found[1] if found else None

    def applied(self, text: str) -> str:
        """The text of the file with the wrong fact. Raises ValueError where the fact is not in it."""
        place = text.index(self.old, text.index(self.after))
        return text[:place] + self.new + text[place + len(self.old) :]


def _of(family: str, function: str, *changes: tuple[str, str], tests: str = MATHEMATICS) -> Iterator[Mutation]:
    """Mutations of the record of a function."""
    for old, new in changes:
        yield Mutation(f"functions/{family}.py", f'name="{function}"', old, new, tests)


MUTATIONS: tuple[Mutation, ...] = (
    # where a function is defined
    *_of("error_functions", "erfinv", ("where(Within(strict=True))", "EVERYWHERE")),
    *_of("exponentials", "log", ("where(Above(0))", "where(Above(-1))")),
    *_of("exponentials", "log1p", ("where(Above(-1))", "where(Above(-2))")),
    *_of("hyperbolic", "acosh", ("where(AtLeast(1))", "where(AtLeast(0))"), ("where(AtLeast(1))", "where(AtLeast(2))")),
    *_of("hyperbolic", "atanh", ("where(Within(strict=True))", "where(Within(strict=False))")),
    *_of("circular", "tan", ('Nonzero("cos")', 'Nonzero("sin")')),
    *_of("circular", "asin", ("where(Within(strict=False))", "EVERYWHERE")),
    # signs and ranges
    *_of("circular", "acos", ("sign=UNKNOWN_SIGN", "sign=Increasing(0)")),
    *_of("hyperbolic", "sinh", ("sign=Increasing(0)", "sign=ALWAYS_POSITIVE")),
    *_of("exponentials", "log", ("sign=Increasing(1)", "sign=Increasing(0)")),
    *_of("error_functions", "erf", ("values=(-1, 1)", "values=(0, 1)")),
    *_of("error_functions", "erfc", ("values=(0, 2)", "values=(0, 1)")),
    *_of("hyperbolic", "tanh", ("values=(-1, 1)", "values=(0, 1)")),
    *_of("hyperbolic", "sigmoid", ("values=(0, 1)", "values=(-1, 0)")),
    # smoothness
    *_of("powers", "abs", ("smooth=CORNER", "smooth=ANALYTIC")),
    # how errors spread
    *_of("circular", "atan", ("spread=spread.atan", "spread=spread.erf"), tests=VALUES),
    *_of("exponentials", "exp", ("spread=spread.exp", "spread=spread.sin"), tests=VALUES),
    *_of("hyperbolic", "cosh", ("spread=spread.cosh", "spread=spread.sin"), tests=VALUES),
    *_of("hyperbolic", "sigmoid", ("spread=spread.sigmoid", "spread=spread.tanh"), tests=VALUES),
    # what is claimed of kernels
    *_of("circular", "sin", ("claim=Claim(4)", "claim=Claim(0.25)"), tests=CANARY),
    *_of("error_functions", "erfc", ("claim=Claim(16)", "claim=Claim(0.5)"), tests=CANARY),
    *_of("gamma_functions", "digamma", ("absolute=32.0", "absolute=0.0"), tests=CANARY),
    # roots
    *_of("gamma_functions", "lgamma", ("zeros=(1.0, 2.0)", "zeros=(1.0, 3.0)"), tests=VALUES),
    *_of("circular", "acos", ("zeros=(1.0,)", "zeros=(0.0,)"), tests=VALUES),
    # what computes it
    *_of("exponentials", "log", ("arb=arb.log", "arb=arb.log1p"), tests=VALUES),
    *_of("circular", "sin", ("double=double.sin", "double=double.cos"), tests=VALUES),
    *_of("circular", "sin", ("germ=germ.sin", "germ=germ.cos"), tests=VALUES),
    Mutation(
        "arithmetic/germ_incomplete.py",
        "def _beta_at_0",
        "_shifted(a, k)",
        "_shifted(a, k + 1)",
        "test_added_functions.py",
    ),
    *_of("circular", "sin", ("complex=complex_balls.sin", "complex=complex_balls.cos"), tests=VALUES),
    *_of("circular", "asin", ("numpy=np.arcsin", "numpy=np.arccos"), tests=VALUES),
    *_of("circular", "sin", ('javascript="Math.sin"', 'javascript="Math.cos"'), tests=SCRIPT),
    *_of("circular", "sin", ('python="math.sin"', 'python="math.cos"'), tests=EXPORT),
    *_of("circular", "sin", ('torch="torch.sin"', 'torch="torch.cos"'), tests=EXPORT),
    # normal forms
    *_of("hyperbolic", "sinh", ("normal_form=normal.sinh", "normal_form=normal.cosh")),
    *_of("hyperbolic", "acosh", ("normal_form=normal.acosh", "normal_form=normal.asinh")),
    *_of("error_functions", "ndtr", ("(1 + sympy.erf(", "(1 - sympy.erf(")),
    *_of("exponentials", "log1p", ("naive=lambda x: sympy.log(1 + x)", "naive=lambda x: sympy.log(1 - x)")),
    # constants of the arithmetics
    Mutation("arithmetic/double_series.py", "", "_TERMS = 11", "_TERMS = 8", DOUBLE),
    Mutation("arithmetic/double_series.py", "", "_REMAINDER = 2.0**-112", "_REMAINDER = 2.0**-150", VALUES),
    Mutation("arithmetic/double_double.py", "def two_prod", "part = a_high * b_low", "part = 0 * b_low", DOUBLE),
    # bounds
    Mutation("bounds/claims.py", "def summation_depth", "levels + 35", "levels + 3", SUMS),
    Mutation("bounds/ball.py", "def mul", "y.mid.abs() + y.rad, x.rad", "y.mid.abs(), x.rad", FORMATS),
    Mutation("bounds/complex_balls.py", "def _log_crossing", "return 1.0, 0.0", "return 0.0, 0.0", COMPLEX),
    # formats
    Mutation("floating_point.py", "", '"bfloat16", 8, -126', '"bfloat16", 9, -126', FORMATS),
    Mutation("floating_point.py", "", '"float16", 11, -14', '"float16", 11, -24', FORMATS),
    # operators of torch
    Mutation("formula/signs.py", "def _power", "Signs(one**2 for one in sign)", "POSITIVE", OPERATORS),
    Mutation("torch_code/escapes.py", "", "asarray new_tensor", "asarray", LEAVING),
    # the judge
    Mutation("checking/judge.py", "def judge", "detectable < 1", "detectable < 4", JUDGE),
    # the sum that stands for many second derivatives
    Mutation("verifying/modes.py", "", "unequal(len(first), seed)", "[1.5] * len(first)", "test_verify_modes.py"),
)


#: What tests load, and forks need not load again.
LIBRARIES = (
    "torch", "torch._dynamo", "torch.fx.experimental.proxy_tensor", "sympy", "flint", "scipy", "pytest", "hypothesis",
    "jsonschema", "sybil", "typer", "rich.progress",
)  # fmt: skip

_FAILED, _BROKEN, _NONE_FOUND = 1, 2, 5  # exit codes of pytest: of tests, of their collection, without any test


def _exit_code(folder: Path, tests: str, only: str | None, seconds: int) -> int:
    """How pytest ends in a fork, of at most so many seconds of processor time; −SIGXCPU where that is up."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1), os.dup2(silence, 2)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        sys.dont_write_bytecode = True
        chosen = ["-k", only] if only else []
        pytest = importlib.import_module("pytest")
        os._exit(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", f"tests/{tests}", *chosen]))
    finally:
        os._exit(70)


def fails(folder: Path, tests: str, seconds: int, only: str | None = None) -> bool:
    """Whether a file of tests fails in a copy, or hangs; ``only`` is a word that is in the names of its tests."""
    code = _exit_code(folder, tests, only, seconds)
    if code not in (0, _FAILED, _BROKEN, _NONE_FOUND, -signal.SIGXCPU):
        raise RuntimeError(f"pytest ends with {code} in {tests}")
    return code not in (0, _NONE_FOUND)


def noticed(folder: Path, one: Mutation, seconds: int) -> bool:
    """Whether the tests of a mutation fail: those that name its function, or any."""
    return (one.function is not None and fails(folder, one.tests, seconds, one.function)) or fails(
        folder, one.tests, seconds
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="those with this word in their names")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--every", type=int, default=1, help="only every so many (default 1: all)")
    parser.add_argument("--seconds", type=int, default=900, help="of processor time for a file of tests (default 900)")
    options = parser.parse_args()
    numbers = [number for number, one in enumerate(MUTATIONS) if options.only in one.name]
    chosen = [(number, MUTATIONS[number]) for number in numbers[options.first :: options.every]]
    survived = []
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".venv", ".*_cache"))
        broken = [tests for tests in sorted({one.tests for _, one in chosen}) if fails(copy, tests, options.seconds)]
        if broken:
            print(f"these tests fail without a mutation: {', '.join(broken)}")
            return 2
        for number, one in chosen:
            file = copy / "diffexplore" / one.path
            text = file.read_text(encoding="utf-8")
            file.write_text(one.applied(text), encoding="utf-8")
            killed = noticed(copy, one, options.seconds)
            file.write_text(text, encoding="utf-8")
            print(f"{number:3} {'killed  ' if killed else 'SURVIVED'} {one.name} ({one.tests})", flush=True)
            survived += [] if killed else [one]
    print(f"{len(chosen)} mutations, {len(survived)} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
