"""The examples of README.md and docs/*.md are tests, run as they are written; all tests begin with the same numbers."""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import sys
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

sys.path.insert(0, str(Path(__file__).parent / "docs"))

import doc_examples

_SEED = 0

# Hypothesis draws the same examples in every run, of tests and of documents.
settings.register_profile(
    "diffexplore", deadline=None, derandomize=True, database=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],  # on a busy machine drawing may take long
    phases=[phase for phase in Phase if phase is not Phase.explain],  # it runs what failed many times more
)  # fmt: skip
settings.load_profile("diffexplore")

# A document shows how torch ends a process, in a fork: that is no crash of the tests, whose stack should be printed.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=faulthandler.disable)

#: Files of benches, which collect all garbage before they measure: not that of all tests before them.
_BENCHES = ("bench", "test_bench", "test_bench_scale")

# Each worker, and each process that a test starts, would compile all of diffexplore and all tests again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Neither tests nor the processes that they start read what the user's cache has, nor keep anything there.
os.environ["DIFFEXPLORE_NO_CACHE"] = "1"

# Each worker has a core: threads of all cores in each of them would wait for each other's, and keep them busy so.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is imported and collected makes so many objects, and gives up none.
gc.set_threshold(500_000, 10, 10)


def _seed(item: pytest.Item) -> None:
    if item.path.suffix == ".md":  # its examples are one run, of numbers that it seeds itself
        return
    random.seed(_SEED)
    torch = sys.modules.get("torch")
    if torch is not None:  # whose generator begins elsewhere in each process
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed notes the stack for devices that are not there
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(_SEED)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What fixtures draw is the same in every run, whatever ran before in this process."""
    _seed(item)
    if item.path.stem in _BENCHES:
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """So is what tests draw, also where a fixture loads torch."""
    _seed(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A worker sends what a test found, and not that it began, that nothing failed around it, and that it ended.

    That is five messages of six for the controlling process, which shares the cores with the workers.
    """
    options = item.config.option
    if not hasattr(item.config, "workerinput") or options.xmlpath or options.durations or options.verbose > 0:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or hasattr(report, "gradient_checks"):
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def _run_console(example: Example) -> str | None:
    return doc_examples.run_block(example.parsed, example.namespace["_session"])


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), CodeBlockParser("console", _run_console)],
    patterns=["README.md", "docs/*.md"],
    setup=doc_examples.set_up,
    teardown=doc_examples.tear_down,
).pytest()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is imported by now lives as long as the process: the collector need not go through it again and again.

    It has more to go through than it finds to free in what the tests compute, too, and begins later than usual. A last
    look at all of it would take a second, for a few megabytes.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
