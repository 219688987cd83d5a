"""Budgets count operations: the same input ends in the same place, whatever ran before and however busy the machine is."""

from __future__ import annotations

import threading

import pytest
import sympy
from processes import HANGS

from diffexplore.formula.budget import Allowance, Budget, Ending, run_within, spend
from diffexplore.formula.parse import parse
from diffexplore.formula.remembered import remembered
from diffexplore.formula.size import CAP, Derivative, OverOneDenominator, nodes

AMPLE = Budget(10**15, 600.0)


def _forever() -> None:
    while True:
        spend()


def test_how_work_ends() -> None:
    assert run_within(AMPLE, lambda: None) is Ending.DONE
    assert run_within(Budget(10, 600.0), lambda: spend(10)) is Ending.DONE
    assert run_within(Budget(10, 600.0), lambda: spend(11)) is Ending.TOO_LARGE
    assert run_within(Budget(10**4, 600.0), _forever) is Ending.TOO_LARGE
    with pytest.raises(ZeroDivisionError):
        run_within(AMPLE, lambda: 1 / 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a shot that lands in a callback
def test_the_net_holds_inside_one_long_call() -> None:
    """SymPy's own simplify does not count, and takes most of a minute for this."""
    expr = parse("tanh(a*tanh(a*tanh(a*x + b) + b) + b)").diff(parse("a"))
    assert run_within(Budget(10**15, 0.3), lambda: sympy.simplify(expr)) is Ending.OUT_OF_TIME


def test_work_without_a_budget_is_not_limited() -> None:
    spend(10**15)


def test_a_budget_within_another_is_its_own() -> None:
    def outer() -> None:
        assert run_within(AMPLE, lambda: spend(1000)) is Ending.DONE
        assert run_within(Budget(10, 600.0), _forever) is Ending.TOO_LARGE
        spend(10)

    assert run_within(Budget(10, 600.0), outer) is Ending.DONE


@pytest.mark.parametrize("within", [False, True])
def test_what_seconds_ended_is_not_remembered(within: bool) -> None:
    """It depends on the load of the machine; neither is what was made of it, also under a budget of its own."""
    works = [_forever, lambda: None]

    @remembered(8)
    def inner(size: int) -> Ending:
        return run_within(Budget(10**15, 0.01), works.pop(0))

    @remembered(8)
    def outer(size: int) -> Ending:
        found: list[Ending] = []
        if within:
            assert run_within(AMPLE, lambda: found.append(inner(size))) is Ending.DONE
        return found[0] if within else inner(size)

    assert [outer(1), outer(1), outer(1), inner(1)] == [Ending.OUT_OF_TIME, Ending.DONE, Ending.DONE, Ending.DONE]
    assert not works


def test_what_is_remembered_costs_what_it_cost_first() -> None:
    calls = []

    @remembered(8)
    def work(size: int) -> int:
        calls.append(size)
        spend(size)
        return 2 * size

    for left, ending in ((5, Ending.DONE), (5, Ending.DONE), (4, Ending.TOO_LARGE)):
        assert run_within(Budget(left, 600.0), lambda: work(5)) is ending
    assert calls == [5]
    assert run_within(Budget(6, 600.0), lambda: work(7)) is Ending.TOO_LARGE
    assert work(7) == 14  # what was stopped is not remembered


def test_threads_and_nested_budgets_leak_nothing() -> None:
    failures: list[BaseException] = []

    def storm() -> None:
        try:
            for turn in range(40):
                net = 0.0002 * (turn % 7)
                ending = run_within(Budget(10**15, net), lambda net=net: run_within(Budget(2000, net * 0.8), _forever))
                assert ending is not Ending.TOO_LARGE
        except BaseException as error:  # a leaked exception must fail the test, whatever it is
            failures.append(error)

    threads = [threading.Thread(target=storm, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=HANGS)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


@pytest.mark.parametrize("text", ["a*x + b", "sin(a*x)**2*exp(-a)/(1 + a**2)", "where(a > 1, max(a, x, b)*a, a**x)",
                                  "tanh(a*tanh(a*tanh(a*x + b) + b) + b)", "atan2(a, x)*digamma(a)*erf(a*x)/sqrt(a)",
                                  "sin(sin(sin(sin(a))))", "a**a**a", "polygamma(2, a)*sec(a)*acosh(a)*erfinv(a)"])  # fmt: skip
def test_the_size_of_a_derivative_is_told_before(text: str) -> None:
    expr, a = parse(text), parse("a")
    for _ in range(3):
        told, expr = Derivative(a).nodes(expr), sympy.diff(expr, a)
        assert nodes(expr) <= max(told, 1)


@pytest.mark.parametrize("text", ["(a + b)*(a + c)*(b - c)", "(a*x + b*y + 1)**5", "1/(a + x) + 1/(a + y) + b/(a + x)**2",
                                  "(a/(b + 1/c) + x)**3", "a**7 - 2"])  # fmt: skip
def test_the_terms_over_one_denominator_are_told_before(text: str) -> None:
    expr = parse(text)
    above, below = sympy.fraction(sympy.together(expr))
    terms = sum(len(sympy.Add.make_args(sympy.expand(part))) for part in (above, below))
    assert terms <= OverOneDenominator(expr).terms <= 6 * terms


def test_counts_end_at_a_cap() -> None:
    tower = parse("a + b + c")
    for _ in range(60):
        tower = sympy.Mul(tower, tower + 1, evaluate=False)
    assert nodes(tower) == CAP
    assert OverOneDenominator(tower).to_factor == CAP
    assert Derivative(parse("a")).nodes(tower) == CAP


def test_pieces_of_work_share_an_allowance() -> None:
    """Each takes half of what is left at most, and what it took is gone, also where it did not end."""

    def fail() -> None:
        spend(50)
        raise ZeroDivisionError

    shared = Allowance(Budget(1000, 600.0))
    assert shared.run(lambda: spend(100)) is Ending.DONE
    assert shared.left == 900
    assert shared.run(_forever) is Ending.TOO_LARGE
    assert shared.left == 450
    with pytest.raises(ZeroDivisionError):
        shared.run(fail)
    assert shared.left == 400
    assert shared.run(lambda: spend(201)) is Ending.TOO_LARGE
    assert shared.run(lambda: spend(100)) is Ending.DONE
