"""The tests with the lowest versions that pyproject.toml allows, or with the newest ones that the package index gives.

    python -m benchmarks.versions lowest
    python -m benchmarks.versions newest [--python python3.13] [--pin torch==2.14.1]
    python -m benchmarks.versions newest --beside opt_einsum --beside jax
    python -m benchmarks.versions newest --environment FOLDER --group everything

Makes a new virtual environment in a temporary folder, installs this folder with its test dependencies into it, runs
the tests of the command line, of the contract, of tracing, of proofs and of the audit there, prints a row of
docs/figures.md and deletes the environment. With CUDA, torch takes several gigabytes for that time. An environment in a
folder of its own is kept, and used as it is by the next run. The group ``everything`` is the whole suite, the
documentation with it. The exit code is 0 where all pass.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as xml
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GROUPS: Mapping[str, Sequence[str]] = {
    "command line": ("cli",),
    "contract": ("judge", "check_matrix", "causes", "not_finite", "truth", "bounds", "canary", "verify"),
    "tracing": ("tracing",),
    "proofs": ("prove",),
    "audit": ("audit",),
}
"""What is tested, to the first words of the names of its files of tests."""

EVERYTHING = "everything"

SHOWN = ("torch", "sympy", "numpy", "scipy", "python-flint", "matplotlib", "plotext", "rich", "typer")

_BOUND = re.compile(r"([A-Za-z0-9][\w.-]*)>=(\d+(?:\.\d+)*)(?:,<\d+)?")


def requirements(extra: str = "test") -> list[str]:
    """What a build, the package and its ``extra`` require, as pyproject.toml has it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        document = tomllib.load(file)
    project = document["project"]
    return [*document["build-system"]["requires"], *project["dependencies"], *project["optional-dependencies"][extra]]


def lowest(required: Iterable[str]) -> list[str]:
    """The lowest version of each requirement, as in ``numpy==2.0`` for ``numpy>=2.0`` or ``numpy>=2.0,<3``.

    Raises:
        ValueError: where a requirement is not a name with one lower bound and at most a major version that ends it.
    """
    pins = []
    for requirement in required:
        bound = _BOUND.fullmatch(requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} is not a name with one lower bound")
        pins.append(f"{bound[1]}=={bound[2]}")
    return pins


def files_of(group: str) -> list[str]:
    """The files of tests of one group; none, which pytest takes for all, where it is everything."""
    if group == EVERYTHING:
        return []
    return [str(path) for word in GROUPS[group] for path in sorted((ROOT / "tests").glob(f"test_{word}*.py"))]


def interpreter(folder: Path) -> str:
    """The path of the interpreter of an environment."""
    return str(folder.absolute() / "bin" / "python")


def install(python: str, folder: Path, packages: Sequence[str]) -> None:
    """A new environment with these packages and this folder in it."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [interpreter(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([*pip, *packages], check=True)
        subprocess.run([*pip, "--no-build-isolation", "--no-deps", str(ROOT)], check=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder)  # the next run would take it for whole
        raise SystemExit(f"these versions cannot be installed together: pip ends with {error.returncode}") from error


def run_tests(python: str, group: str, report: Path) -> dict[str, int]:
    """How many tests of a group passed, failed and were skipped; what failed is printed."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [python, "-m", "pytest", "--junit-xml", str(report), *files_of(group)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{done.stdout}{done.stderr}")
    suite = xml.parse(report).getroot()[0]
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    if done.returncode:
        print(done.stdout)
    failed = counts["failures"] + counts["errors"]
    return {"passed": counts["tests"] - failed - counts["skipped"], "failed": failed, "skipped": counts["skipped"]}


def versions(python: str, names: Sequence[str]) -> list[str]:
    """The installed versions of these packages, as ``torch 2.13.0``."""
    program = "import sys\nfrom importlib.metadata import version\nfor name in sys.argv[1:]: print(name, version(name))"
    done = subprocess.run([python, "-c", program, *names], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("lowest", "newest"))
    parser.add_argument("--python", default=sys.executable, help="the interpreter (default: this one)")
    parser.add_argument("--pin", action="append", default=[], help="a requirement to install as well, such as torch==…")
    parser.add_argument("--beside", action="append", default=[], metavar="PACKAGE", help="a package installed beside")
    parser.add_argument(
        "--group", action="append", choices=[*GROUPS, EVERYTHING], help="what to test (default: all but everything)"
    )
    parser.add_argument("--environment", type=Path, metavar="FOLDER", help="keep the environment in FOLDER")
    options = parser.parse_args()
    packages = lowest(requirements()) if options.which == "lowest" else requirements()
    with tempfile.TemporaryDirectory() as folder:
        home = options.environment or Path(folder, "environment")
        python = interpreter(home)
        if not Path(python).exists():
            install(options.python, home, [*packages, *options.pin, *options.beside])
        shown = ", ".join(versions(python, [*SHOWN, *options.beside]))
        number = subprocess.run([python, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
        counts = {group: run_tests(python, group, Path(folder, "report.xml")) for group in options.group or GROUPS}
    cells = "; ".join(
        f"{group}: " + ", ".join(f"{count} {kind}" for kind, count in found.items() if count or kind == "passed")
        for group, found in counts.items()
    )
    print(f"| Python {number}, {shown} | {cells} |")
    return 1 if any(found["failed"] for found in counts.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
