"""The pytest plugin: a fixture that asserts gradients, and a file that collects what was found.

pytest loads it by itself where diffexplore is installed. Nothing heavy is imported before a test asks for the fixture.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from diffexplore.checking.records import Report
    from diffexplore.tensors.records import TensorReport

MARKER = "gradient_check"

#: The reports of a test's checks, as JSON, on its item; and on the report of the test, which crosses between processes.
_CHECKS = pytest.StashKey[list[str]]()
_ATTRIBUTE = "gradient_checks"


class GradientCheck:
    """What the fixture ``gradient`` is: an assertion that a gradient is right, with the defaults of the test's markers.

    With a loss it is :func:`diffexplore.assert_gradient`; with tensors, :func:`diffexplore.gradcheck`.
    """

    def __init__(self, defaults: dict[str, Any]) -> None:
        self._defaults = defaults

    def __call__(
        self, candidate: Any, loss: Any = None, data: Any = None, at: Any = None, *, inputs: Any = None, **options: Any
    ) -> Report | TensorReport:
        """Verify ``candidate``; arguments, result and errors are those of :func:`diffexplore.assert_gradient`.

        In the place of a loss it takes the ``inputs`` of :func:`diffexplore.gradcheck`: a tensor, or a tuple or list
        that holds one.
        """
        __tracebackhide__ = True
        if inputs is None and data is None and at is None and _holds_tensors(loss):
            inputs = loss
        if inputs is not None:
            from diffexplore.tensors.gradcheck import gradcheck

            return gradcheck(candidate, inputs, **{**self._defaults, **options})
        from diffexplore.verifying.assertion import assert_gradient

        return assert_gradient(candidate, loss, data, at, **{**self._defaults, **options})


def _holds_tensors(given: Any) -> bool:
    """Whether these are inputs of a function of tensors; torch is loaded where there are such."""
    torch = sys.modules.get("torch")
    several = given if isinstance(given, (tuple, list)) else [given]
    return torch is not None and any(isinstance(one, torch.Tensor) for one in several)


@pytest.fixture
def gradient(request: pytest.FixtureRequest) -> GradientCheck:
    """Asserts that somebody's gradient is right: ``gradient(candidate, loss, data, at, **options)``.

    ``gradient(fn, inputs)`` asserts that those of a function of tensors are, as :func:`diffexplore.gradcheck` does.

    Defaults of the options come from ``@pytest.mark.gradient_check(...)``, the nearest marker first.
    """
    defaults: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        defaults = {**marker.kwargs, **defaults}
    return GradientCheck(defaults)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("diffexplore").addoption(
        "--gradient-report",
        metavar="FILE",
        type=Path,
        help="write every check and verification that the tests make to FILE, as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(**options): defaults for the fixture 'gradient', such as dtype or allow_inconclusive"
    )
    path = config.getoption("--gradient-report")
    is_worker = hasattr(config, "workerinput")
    if path is not None and not is_worker:
        config.pluginmanager.register(_Collector(_writable(config.invocation_params.dir / path)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Collects what a test checks, by the fixture or by the functions of the package."""
    if item.config.getoption("--gradient-report") is None:
        return (yield)
    from diffexplore.checking.listener import notifying

    kept = item.stash.setdefault(_CHECKS, [])
    with notifying(lambda report: kept.append(report.to_json(indent=None))):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The checks travel with the report of the test's phase, which pytest-xdist sends to the controlling process."""
    report = yield
    checks = item.stash.get(_CHECKS, [])
    if checks:
        setattr(report, _ATTRIBUTE, checks)
        item.stash[_CHECKS] = []
    return report


class _Collector:
    """Gathers the checks of a run, and writes them when it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checks: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for text in getattr(report, _ATTRIBUTE, ()):
            document = json.loads(text)
            self._checks.append({"test": report.nodeid, "verdict": document["verdict"], "report": document})

    def pytest_sessionfinish(self) -> None:
        checks = sorted(self._checks, key=lambda check: str(check["test"]))  # processes finish in any order
        verdicts = [check["verdict"] for check in checks]
        summary = {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "inconclusive")}
        from diffexplore.cli.output import write
        from diffexplore.documents import SCHEMA_VERSION, to_json

        document = {"schema_version": SCHEMA_VERSION, "summary": summary, "checks": checks}
        write(self._path, to_json(document, indent=1) + "\n")


def _writable(path: Path) -> Path:
    """``path``, if a file can be written there: known before the tests run, not after."""
    from diffexplore.cli.output import check_writable
    from diffexplore.errors import UsageError

    try:
        check_writable(path)
    except UsageError as error:
        raise pytest.UsageError(f"--gradient-report: {error}") from None
    return path
