"""Gradients by other libraries, on the same floats and against the same truth; they skip where a library is missing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from backends import OPAQUE, QUICK, crossed, needs, params
from matrix import DTYPES, LOSSES, Recorder, few_samples
from planted import Change, one_sample, registered, values_times
from sample_calls import OF_ONE_VARIABLE, call_of

import diffexplore as dx
from diffexplore import Loss, losses
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.checking.batch import make_batch
from diffexplore.checking.records import Report, Row
from diffexplore.checking.run import run_check
from diffexplore.functions import TABLE
from diffexplore.inputs.points import make_points
from diffexplore.methods.numdifftools import LARGEST

WIDE = ("float64", "float32")

#: Where the language has a function, a value of its argument at which the function is smooth.
AT = {"acosh": 1.7, "coth": 0.6, "erfinv": 0.3, "atanh": 0.3}

#: Functions of another number of arguments, written out.
WRITTEN = {
    "atan2": "atan2(a*x, 2)", "pow": "pow(a*x, 2.5)", "hypot": "hypot(a*x, 2)", "min": "min(a*x, 2)",
    "max": "max(a*x, 2)", "where": "where(x < 1, a*x, a)", "Piecewise": "where(x < 1, a**2*x, a)",
    **{name: f"{name}({text.format(x='a*x')})" for name, text in OF_ONE_VARIABLE.items()},
}  # fmt: skip

BY_ORDER = ("dgammainc", "dzeta", "dbetainc")

#: Operations that the libraries do not have.
LACKING = {
    "JAX": {"erfcx", "besseli", "k0", "k1", "besselj", "j0", "j1", "y0", "y1", *BY_ORDER},
    "TensorFlow": {"erfcx", "log_ndtr", "gamma", "besseli", "besselj", *BY_ORDER},
}


def checked(loss: Loss, method: str, dtype: str, data: dict[str, list[float]]) -> tuple[Report, list[Row]]:
    recorder = Recorder()
    points = make_points(loss)[-1:] if loss.default_points else [{"a": 1.0}]
    report = run_check(loss, make_batch(loss, data), points, methods=method, dtype=dtype, listener=recorder)
    return report, recorder.rows


def assert_within_bounds(rows: list[Row]) -> None:
    """In exact fractions, from what the rows state: without the judge."""
    compared = [row for row in rows if row.value is not None and row.bound is not None and row.truth is not None]
    assert compared
    for row in compared:
        assert row.truth is not None
        assert row.value is not None
        assert row.bound is not None
        error = abs(Fraction(row.value) - Fraction(row.truth.mid)) - Fraction(row.truth.rad)
        assert error <= Fraction(row.bound), row


# -------------------------------------------------------------------------------------------------- right gradients
@pytest.mark.parametrize(("method", "name", "dtype"), crossed(QUICK, LOSSES, DTYPES))
def test_a_right_gradient_never_fails(method: str, name: str, dtype: str) -> None:
    report, rows = checked(losses.get(name), method, dtype, few_samples(name))
    assert report.skipped == ()
    assert report.summary.failed == 0
    assert {row.sample for row in rows if row.sample is not None} == set(range(report.n))
    if losses.get(name).parameters:
        assert any(row.sample is None for row in rows)
    assert_within_bounds(rows)
    if dtype in WIDE:
        assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("method", "name", "dtype"), crossed(("torch_compile",), ("perpendicular", "graph_sum", "logistic"), WIDE)
)
def test_a_compiled_gradient_never_fails(method: str, name: str, dtype: str) -> None:
    report, rows = checked(losses.get(name), method, dtype, few_samples(name))
    assert report.skipped == ()
    assert report.verdict == "pass"
    assert_within_bounds(rows)


@pytest.mark.parametrize(("method", "name"), crossed(("numdifftools",), LOSSES))
def test_extrapolated_differences_never_fail(method: str, name: str) -> None:
    """They decide nothing, but are compared wherever the loss is smooth over their steps."""
    report, rows = checked(losses.get(name), method, "float64", few_samples(name))
    assert report.verdict == "inconclusive"
    assert report.summary.failed == 0
    assert report.summary.passed > 0
    assert set(report.summary.causes) <= {"no_bound", "step"}
    assert_within_bounds(rows)


#: Summands that are not smooth where a·x is 1, in more and less obvious ways, and two that are smooth but hard.
ROUGH = {
    "kink": "where(a*x < 1, (a*x)**2, a*x)",
    "jump of the second derivative": "where(a*x < 1, (a*x)**2, 2*a*x - 1)",
    "jump of the third derivative": "max(0, a*x - 1)**3 + exp(a*x)",
    "pole": "1/(a*x - 1)",
    "root": "sqrt(abs(a*x - 1))",
    "waves": "sin(40*a*x)",
    "smooth": "exp(sin(3*a*x))",
}


@pytest.mark.parametrize(("method", "kind"), crossed(("numdifftools",), tuple(ROUGH)))
def test_differences_near_a_rough_place_never_fail(method: str, kind: str) -> None:
    """From a distance of 1e-4 to the length of its longest step: beyond its reach they are compared, within it not."""
    away = [10 ** (-4 + 4.3 * i / 39) for i in range(40)]
    loss = Loss(ROUGH[kind], parameters="a", data="x")
    report, rows = checked(loss, method, "float64", {"x": [1 + d for d in away] + [1 - d for d in away if d < 1]})
    assert report.summary.failed == 0
    assert_within_bounds(rows)
    compared = [row for row in rows if row.sample is not None and row.verdict == "pass"]
    assert len(compared) > report.n / 2


@pytest.mark.parametrize("method", params(("numdifftools",)))
@pytest.mark.parametrize("at", [0.3, -1.0, 5.0, 1e4])
@pytest.mark.parametrize("name", ["exp", "sin", "arctan"])
def test_what_numdifftools_keeps_is_made_of_five_steps(method: str, at: float, name: str) -> None:
    """A function is changed at one step alone: the result changes for five neighbours, of which it names the third.

    Or it keeps another one, if that is as good: then the step that it names is another one.
    """
    import numdifftools
    import numpy as np

    function = getattr(np, name) if at < 100 else lambda t: getattr(np, name)(t / at)
    steps: list[float] = []

    def changed(by: float, step: float) -> tuple[float, float]:
        def seen(t: float) -> float:
            away = abs(float(t) - at)
            steps.append(away)
            hit = away > 0 and abs(away / step - 1) < 1e-3
            return float(function(t)) * (1 + by * hit * np.sign(t - at))

        told = numdifftools.Derivative(seen, full_output=True)(at)
        return float(told.estimate), float(told.final_step)

    kept = changed(0.0, 1.0)
    named = kept[1]
    halves = [max(steps) / 2**i for i in range(15)]
    assert all(min(abs(away / half - 1) for half in halves) < 1e-3 for away in steps if away > 0)
    used = [half for half in halves if changed(1e-7, half) != kept]
    assert [half / named for half in used] == pytest.approx([4, 2, 1, 0.5, 0.25], rel=1e-3)
    assert LARGEST == 4


@pytest.mark.parametrize("method", params(("numdifftools",)))
def test_narrow_dtypes_are_skipped_with_the_reason(method: str) -> None:
    report = dx.check("perpendicular", few_samples("perpendicular"), methods=method, dtype="float32")
    assert [skip.reason for skip in report.skipped] == ["numdifftools chooses its steps for float64"]


@pytest.mark.parametrize(("method", "name"), crossed(("jax_jit", "tensorflow_tape"), tuple(f.name for f in TABLE)))
def test_every_function_of_the_language(method: str, name: str) -> None:
    """With numbers between 0.3 and 0.6, or where else the function is real."""
    at = AT.get(name, 0.45)
    formula = WRITTEN.get(name, call_of(name, "a*x", "2 + a"))
    loss = Loss(formula, parameters="a", data="x")
    report, rows = checked(loss, method, "float64", {"x": [at, at * 1.1, at * 1.2]})
    if report.skipped:
        (skip,) = report.skipped
        library, _, missing = skip.reason.partition(" has no ")
        assert set(missing.split(", ")) <= LACKING[library]
        return
    assert report.verdict == "pass", report.summary
    assert_within_bounds(rows)


@pytest.mark.parametrize("method", params(("jax_grad", "tensorflow_tape")))
def test_the_operations_of_the_language_are_there(method: str) -> None:
    if method == "jax_grad":
        from diffexplore.arithmetic.jax_real import operations as of_jax

        assert set(TORCH.operations) - set(of_jax()) == LACKING["JAX"]
    else:
        from diffexplore.arithmetic.tensorflow_real import operations as of_tensorflow

        assert set(TORCH.operations) - set(of_tensorflow("float64")) == LACKING["TensorFlow"]


# -------------------------------------------------------------------------------------------------- planted errors
PLANTED: dict[str, Change] = {
    "doubled": values_times(2),
    "negated": values_times(-1),
    "zero": values_times(0),
    "off by a part in 10,000": values_times(1 + 1e-4),
    "one sample doubled": one_sample(3, lambda value: value * 2),
}


@pytest.mark.parametrize(("method", "kind", "dtype"), crossed(QUICK, tuple(PLANTED), WIDE))
def test_a_planted_error_fails(method: str, kind: str, dtype: str) -> None:
    """In float32 too: the second run, in float64, has the same error."""
    at = {"a": 0.5, "b": 2.0}
    with registered({method: PLANTED[kind]}):
        report = dx.check("perpendicular", few_samples("perpendicular"), at, methods=method, dtype=dtype)
    assert report.verdict == "fail"
    failed = [row for row in report.rows if row.verdict == "fail"]
    assert all(row.cause is not None and row.cause.key == "exceeds_bound" for row in failed)
    if kind.startswith("one sample"):
        assert {row.sample for row in failed} == {3}
    else:
        assert {row.sample is None for row in failed} == {True, False}


@pytest.mark.parametrize(("method", "kind"), crossed(("numdifftools", "torch_compile"), tuple(PLANTED)[:3]))
def test_a_planted_error_of_the_slow_ones_fails(method: str, kind: str) -> None:
    with registered({method: PLANTED[kind]}):
        report = dx.check("squared_error", few_samples("squared_error"), {"a": 0.5, "b": 2.0}, methods=method)
    assert report.verdict == "fail"


# ---------------------------------------------------------------------------------------------------- good manners
@pytest.mark.backends
@pytest.mark.parametrize("method", [pytest.param(name, marks=needs(name)) for name in ("jax_grad", "jax_jit")])
def test_the_64_bit_mode_of_jax_ends_with_the_check(method: str) -> None:
    import jax
    import jax.numpy as jnp

    assert not jax.config.jax_enable_x64
    dx.check("squared_error", few_samples("squared_error"), {"a": 0.5, "b": 2.0}, methods=method)
    assert not jax.config.jax_enable_x64
    assert jnp.asarray([1.0]).dtype == jnp.float32


@pytest.mark.parametrize("method", params(("tensorflow_function",)))
def test_tensorflow_says_nothing(method: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither its greetings nor its advice about retracing, while batches change their size."""
    for count in range(2, 9):
        dx.check("squared_error", few_samples("squared_error", count), {"a": 0.5, "b": 2.0}, methods=method)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("method", params(OPAQUE))
def test_a_bench_times_it(method: str) -> None:
    from diffexplore.benching.bench import run_bench
    from diffexplore.benching.settings import TimedLoss, methods_of

    import torch  # isort: skip

    loss = losses.get("squared_error")
    request = TimedLoss("squared_error", loss, {"a": 0.5, "b": 2.0})
    bench = run_bench([request], (20, 40), methods_of([method]), torch.float64, torch.device("cpu"), 0)
    assert [one.n for one in bench.measurements] == [20, 40]
    for one in bench.measurements:
        assert one.method == method
        assert one.error_ulp is not None
        assert one.error_ulp < 50


@pytest.mark.parametrize("method", params(("torch_compile",)))
def test_every_loss_is_compiled(method: str) -> None:
    """However many there were before: torch stops to compile the same code again after some times, and says so here."""
    import torch._dynamo  # isort: skip
    from diffexplore.benching.bench import run_bench
    from diffexplore.benching.settings import TimedLoss, methods_of

    requests = [
        TimedLoss(formula, Loss(formula, parameters="a", data="x"), {"a": 0.5}) for formula in ("a*x**2", "exp(a*x)")
    ]
    with torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
        bench = run_bench(requests, (20,), methods_of([method]), torch.float64, torch.device("cpu"), 0)
    assert [subject.skipped for subject in bench.subjects] == [(), ()]
    assert [one.loss for one in bench.measurements] == ["a*x**2", "exp(a*x)"]
