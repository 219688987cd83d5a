"""The threads of budgets: room for as many calls as Python allows, none where none is needed, none left behind."""

from __future__ import annotations

import _thread
import inspect
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from processes import HANGS, run_python

import diffexplore as dx
from diffexplore.formula import budget, threads
from diffexplore.formula.budget import Budget, Ending, TimeIsUp, run_within, spend
from diffexplore.formula.parse import parse, parse_condition
from diffexplore.functions.tables import builders

AMPLE = Budget(10**15, 600.0)

DEEP = """
import _thread, sys
from diffexplore.formula.budget import Budget, run_within
{before}

def key(level):
    return sorted([level + 1], key=key)

try:
    run_within(Budget(10, 600.0), lambda: key(0))
except RecursionError:
    print("as deep as allowed", _thread.stack_size())
"""


@pytest.mark.parametrize(
    ("before", "usual"),
    [
        ("sys.setrecursionlimit(6000)", 0),  # of 8 MiB, which are usual, 3,300 calls of sorted take all
        ("_thread.stack_size(2**18)", 2**18),
        ("sys.setrecursionlimit(3000); _thread.stack_size(2**20)", 2**20),
    ],
)
def test_a_stack_has_room_for_all_calls_that_python_allows(before: str, usual: int) -> None:
    """In a process of its own, which ends without a word where the stack ends before."""
    ended = run_python("-c", DEEP.format(before=before))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"as deep as allowed {usual}\n"  # what others start has the stack that it had


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is run in threads of budgets."""
    runs: list[Callable[[], None]] = []

    def start(run: Callable[[], None]) -> bool:
        runs.append(run)
        return threads.start_with_room(run)

    monkeypatch.setattr(budget, "start_with_room", start)
    return runs


@pytest.mark.parametrize("text", ["a", "(a*x - y + b)**2 / (2*(a**2 + 1))", " + ".join(f"w*x**{k}" for k in range(40))])
def test_every_formula_is_read_in_a_thread(text: str, started: list[Any]) -> None:
    assert parse(text).free_symbols
    assert len(started) == 1


@pytest.mark.parametrize("text", ["sinc(x)", "sinc(x) > 1", "where(sinc(x) > 1, x, 2)"])
def test_the_net_of_seconds_is_under_small_formulas_too(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SymPy may hang in any of them, against all counts."""

    def hang(x: sympy.Expr) -> sympy.Expr:
        while True:
            x = x.func(*x.args) if x.args else x

    changed = {**builders(), "sinc": hang}
    monkeypatch.setattr("diffexplore.formula.parse.builders", lambda: changed)
    monkeypatch.setattr("diffexplore.formula.made.NET", Budget(operations=1000, seconds=0.05))
    with pytest.raises(dx.UsageError, match="out of time"):
        (parse_condition if text.endswith("1") else parse)(text)


def test_below_a_deep_caller_a_formula_is_read_in_a_thread() -> None:
    """With each number of calls that are left it is read, or refused for its caller's depth."""
    text = "exp(a*x)**2"
    expected, used = parse(text), len(inspect.stack(0))
    read = []

    def call(depth: int) -> Any:
        return call(depth - 1) if depth else parse(text)

    for left in range(20, 200):
        try:
            assert call(sys.getrecursionlimit() - used - left) == expected
            read.append(left)
        except dx.UsageError as error:
            assert str(error).startswith("the formula is nested too deeply")
    assert read == list(range(read[0], 200)), "the more calls are left, the more is read"


def test_where_no_thread_can_be_had_operations_limit_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert run_within(AMPLE, lambda: spend(10)) is Ending.DONE
    assert run_within(Budget(9, 600.0), lambda: spend(10)) is Ending.TOO_LARGE
    with pytest.raises(ZeroDivisionError):
        run_within(AMPLE, lambda: 1 / 0)
    spend(10**15)  # the budget does not outlast its work


@pytest.mark.parametrize("seconds", [600.0, 0.0], ids=["while it waits for it", "while it stops it"])
def test_a_worker_that_is_stopped_stops_its_own_worker_before(seconds: float) -> None:
    """Also where that loses the first exceptions, as one does in a destructor."""
    running = []

    def stubborn() -> None:
        lost = 0
        running.append(True)
        try:
            while lost < 5:
                try:
                    spend()
                except TimeIsUp:
                    lost += 1
        finally:
            running.pop()

    for _ in range(4):
        ending = run_within(Budget(10**15, 0.0), lambda: run_within(Budget(10**15, seconds), stubborn))
        assert running == []
        # a worker that stops its own at once may be done before its caller sees that its time is up
        assert ending is Ending.OUT_OF_TIME or (seconds == 0.0 and ending is Ending.DONE)


def test_a_worker_that_is_stopped_while_it_starts_another_ends() -> None:
    """The exception must not reach the thread that is starting, which could not tell its end."""

    def workers() -> None:
        while True:
            run_within(AMPLE, lambda: None)

    endings: list[Ending] = []

    def storm() -> None:
        for _ in range(150):
            endings.append(run_within(Budget(10**15, 0.0), workers))

    thread = threading.Thread(target=storm, daemon=True)
    thread.start()
    thread.join(timeout=HANGS)
    assert endings == [Ending.OUT_OF_TIME] * 150
