"""Benches: what is measured is stated, errors are those of the truth, and input that cannot be used is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mpmath
import pytest
import torch
from documents import check_document
from planted import registered, values_times
from representatives import one_in, slow

from diffexplore import Loss, losses
from diffexplore import methods as registry
from diffexplore.benching import measuring
from diffexplore.benching.bench import pairs_in, run_bench
from diffexplore.benching.records import Bench, Measurement
from diffexplore.benching.settings import TimedLoss, methods_of
from diffexplore.checking.batch import make_batch
from diffexplore.checking.listener import Silence
from diffexplore.checking.tallies import Skipped
from diffexplore.cli.main import main
from diffexplore.figures.terminal import draw
from diffexplore.methods import reverse
from diffexplore.methods.base import Values
from diffexplore.methods.prepared import Prepared
from diffexplore.methods.problem import Problem
from diffexplore.render.benches import outline
from diffexplore.render.displays import to_text
from diffexplore.render.markdown import document

METHODS = ["symbolic", "reverse", "forward", "vmap", "numpy", "central_difference", "complex_step"]

Output = pytest.CaptureFixture[str]


def bench_of(
    loss: Loss, at: dict[str, float], sizes: tuple[int, ...] = (8, 16), methods: list[str] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Bench:  # fmt: skip
    request = TimedLoss(loss.name or "formula", loss, at)
    return run_bench([request], sizes, methods_of(methods or METHODS), dtype, torch.device("cpu"), 0)


@pytest.fixture(scope="module")
def squares() -> Bench:
    return bench_of(losses.get("squared_error"), {"a": 1.5, "b": -0.5})


def test_every_method_is_measured_at_every_size(squares: Bench) -> None:
    assert [(one.method, one.n) for one in squares.measurements] == [(name, n) for n in (8, 16) for name in METHODS]
    for one in squares.measurements:
        assert one.first > 0
        assert 0 < one.low <= one.median <= one.high
        assert one.repeats >= 3
        assert one.memory is None or one.memory >= 0
        assert set(one.errors) == {"a", "b"}
    assert squares.subjects[0].skipped == ()


def test_errors_are_those_of_the_gradient(squares: Bench) -> None:
    """Against 50 digits of mpmath, at the floats of the same batch; the symbolic gradient is evaluated again here."""
    loss = losses.get("squared_error")
    at = {"a": 1.5, "b": -0.5}
    columns = make_batch(loss, None, n_points=8, seed=0, points=(at,)).columns
    x, y = (torch.as_tensor(columns[name]) for name in "xy")
    with mpmath.workdps(50):
        residuals = [
            mpmath.mpf(1.5) * mpmath.mpf(u) - mpmath.mpf(0.5) - mpmath.mpf(v)
            for u, v in zip(x.tolist(), y.tolist(), strict=True)
        ]
        exact = 2 * mpmath.fsum(r * mpmath.mpf(u) for r, u in zip(residuals, x.tolist(), strict=True)) / 8
        a = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
        ((a * x - 0.5 - y) ** 2).mean().backward()
        assert a.grad is not None
        ulp = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(abs(exact), 2)) - 52)
        expected = float(abs(mpmath.mpf(float(a.grad)) - exact) / ulp)
    errors = {one.method: one.errors["a"] for one in squares.of("squared_error", 8)}
    assert errors["reverse"] is not None
    assert abs(errors["reverse"] - expected) <= 4  # another order of the same operations


def test_a_method_that_cannot_be_timed_is_skipped_by_name() -> None:
    with registered({"reverse": values_times(2)}):  # a planted method has no way to be timed
        bench = bench_of(losses.get("squared_error"), {"a": 1.5, "b": -0.5}, (4,), ["reverse", "symbolic"])
    assert [skip.to_dict() for skip in bench.subjects[0].skipped] == [
        {"method": "reverse", "reason": "it cannot be timed without its bound"}
    ]
    assert {one.method for one in bench.measurements} == {"symbolic"}


def test_a_wrong_gradient_shows_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is twice the gradient is off by all of it: from 2⁵² to 2⁵³ ulps."""
    honest = reverse.METHOD.prepared

    def doubled(problem: Problem, values: Values, n: int) -> Prepared:
        prepared = honest(problem, values, n)
        return Prepared(lambda: [2 * output for output in prepared.call()], prepared.numbers)

    monkeypatch.setattr(reverse.METHOD, "prepared", doubled)
    bench = bench_of(losses.get("squared_error"), {"a": 1.5, "b": -0.5}, (4,), ["reverse"])
    (one,) = bench.measurements
    assert one.error_rel == pytest.approx(1)
    assert one.error_ulp is not None
    assert 2.0**52 <= one.error_ulp <= 2.0**53


@pytest.mark.parametrize("name", one_in(8, losses.names()))
def test_every_loss_of_the_catalogue(name: str) -> None:
    loss = losses.get(name)
    at = dict(loss.default_points[0]) if loss.default_points else {}
    bench = bench_of(loss, at, sizes=(6,))
    timed = {one.method for one in bench.measurements}
    skipped = {skip.method for skip in bench.subjects[0].skipped}
    assert timed | skipped == set(METHODS)
    assert skipped <= {"complex_step"}
    for one in bench.measurements:
        assert one.error_ulp is not None
        if one.method != "central_difference":
            assert one.error_rel is not None
            assert one.error_rel < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_dtypes(dtype: torch.dtype) -> None:
    bench = bench_of(losses.get("squared_error"), {"a": 1.5, "b": -0.5}, sizes=(6,), dtype=dtype)
    skipped = {skip.method for skip in bench.subjects[0].skipped}
    assert skipped == ({"numpy", "complex_step"} if dtype == torch.bfloat16 else set())


def test_calls_take_turns_and_are_counted() -> None:
    order: list[str] = []

    def prepared(name: str) -> Prepared:
        return Prepared(lambda: order.append(name) or (), lambda outputs: ())

    found = measuring.later_calls({name: prepared(name) for name in "abc"})
    assert {name: len(seconds) for name, seconds in found.items()} == {name: order.count(name) for name in "abc"}
    assert all(len(seconds) >= 3 for seconds in found.values())
    assert order[:3] == ["a", "b", "c"]
    assert all(set(order[i : i + 3]) == set("abc") for i in range(0, 9, 3))


def test_of_many_combinations_each_has_fewer_calls() -> None:
    """So that a bench of the whole catalogue ends in minutes."""
    assert measuring.share_of(16 * 3) == 0.06
    assert measuring.share_of(13 * 16 * 3) * 13 * 16 * 3 == pytest.approx(20)
    prepared = Prepared(lambda: (), lambda outputs: ())
    assert len(measuring.later_calls({"a": prepared}, 0.0)["a"]) == 3


def test_progress_counts_to_the_end() -> None:
    """Two parts for each method on each batch, those of a method that is skipped included."""
    told: list[tuple[str, int, int]] = []

    class Listening(Silence):
        def progress(self, stage: str, done: int, total: int) -> None:
            told.append((stage, done, total))

    requests = [
        TimedLoss(name, losses.get(name), dict(losses.get(name).default_points[0])) for name in ("huber", "logistic")
    ]
    run_bench(
        requests, (4, 8), methods_of(["reverse", "complex_step"]), torch.float64, torch.device("cpu"), 0, Listening()
    )  # fmt: skip
    counts = [done for stage, done, _ in told if stage == "measuring"]
    assert counts == sorted(counts)
    assert {total for stage, _, total in told if stage == "measuring"} == {2 * 2 * 2 * 2}
    assert counts[-1] == 16


def test_a_compiled_method_is_paired_with_the_eager_one() -> None:
    eager = Measurement("l", "jax_grad", 10, 1.0, 0.010, 0.009, 0.011, 5, None, {}, 1.0, 1e-16)
    compiled = replace(eager, method="jax_jit", first=1.5, median=0.002)
    (pair,) = pairs_in([eager, compiled, replace(eager, method="reverse")])
    assert (pair.library, pair.eager, pair.compiled) == ("JAX", "jax_grad", "jax_jit")
    assert pair.ratio == pytest.approx(5)
    assert pair.repaid == 63  # (1.5 − 1.0) / (0.010 − 0.002), rounded up
    (slower,) = pairs_in([eager, replace(compiled, median=0.020)])
    assert slower.repaid is None


# --------------------------------------------------------------------------------------------------- what is shown
def test_the_diagram_has_a_mark_for_each_method(squares: Bench) -> None:
    precision, by_size = squares.figures()
    assert [layer.name for layer in precision.layers] == METHODS  # type: ignore[union-attr]
    assert all(len(layer.x) == 1 for layer in precision.layers)  # type: ignore[union-attr]
    assert (precision.x.scale, precision.y.scale, precision.y.unit) == ("log", "log", "ulp")
    assert all(layer.x == (8.0, 16.0) for layer in by_size.layers)  # type: ignore[union-attr]
    for ascii in (False, True):
        lines = draw(precision, 80, ascii=ascii)
        assert max(map(len, lines)) <= 80
        for name in METHODS:
            assert sum(line.endswith(f" {name}") for line in lines) == 1
        if ascii:
            assert "".join(lines).isascii()


def test_one_loss_fits_one_screen(squares: Bench) -> None:
    text = to_text(squares, width=80)
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("BENCH  squared_error, N = 16: ")
    assert to_text(squares, width=80, ascii=True).isascii()


def with_all_methods(bench: Bench, losses: tuple[str, ...]) -> Bench:
    """``bench`` as if every method that there is had been measured on each of the losses, but one that was skipped."""
    (subject,) = bench.subjects
    skipped = Skipped("complex_step", "the loss is not analytic: abs, le, where")
    names = tuple(entry.name for entry in methods_of(None)) + tuple(entry.name for entry in registry.named_only())
    names = tuple(name for name in dict.fromkeys(names) if name != "complex_step")
    template = bench.of(subject.name, 16)[0]
    sizes = (1_000, 10_000, 100_000)
    measurements = [
        replace(template, loss=loss, method=name, n=n, median=1e-5 * n, low=0.9e-5 * n, high=1.1e-5 * n)
        for loss in losses for n in sizes for name in names
    ]  # fmt: skip
    subjects = tuple(replace(subject, name=loss, sizes=sizes, skipped=(skipped,)) for loss in losses)
    return replace(bench, subjects=subjects, measurements=tuple(measurements), pairs=pairs_in(measurements))


@pytest.mark.parametrize("names", [losses.names()[:1], ("line_distance_squared",), losses.names()], ids=len)
def test_all_methods_fit_one_screen(names: tuple[str, ...], squares: Bench) -> None:
    lines = to_text(with_all_methods(squares, names), width=80).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    for entry in registry.named_only():
        assert sum(line.startswith(f"  {entry.name} ") for line in lines) >= 1


def test_several_losses_share_a_table(squares: Bench) -> None:
    """Medians over the losses, the worst error; the Markdown document has the table of each loss."""
    (first, second, third) = (
        replace(one, loss=name) for one, name in zip(squares.of("squared_error", 8)[:1] * 3, "abc", strict=True)
    )
    measurements = (
        replace(first, median=0.001, error_ulp=2.0), replace(second, median=0.004, error_ulp=None),
        replace(third, median=0.009, error_ulp=31.0),
    )  # fmt: skip
    subjects = tuple(replace(squares.subjects[0], name=name, sizes=(8,)) for name in "abc")
    bench = replace(squares, subjects=subjects, measurements=measurements, pairs=())
    lines = to_text(bench, width=80).splitlines()
    (row,) = [line.split() for line in lines if line.startswith("  symbolic ")]
    assert row[2:] == ["4", "31", "3"]
    assert "· symbolic is fastest on 3 losses: a, b, c" in lines
    assert document("", outline(bench)).count("| symbolic |") == 3


def test_the_document_is_as_its_schema_says(squares: Bench) -> None:
    document = check_document("bench", squares.to_json())
    assert [one["method"] for one in document["measurements"][:2]] == ["symbolic", "reverse"]
    assert document["dtype"] == "float64"


def test_the_command(capsys: Output) -> None:
    arguments = ["bench", "squared_error", "huber", "--sizes", "4,2", "--methods", "reverse,numpy"]
    assert main([*arguments, "--json", "-"]) == 0
    document = check_document("bench", capsys.readouterr().out)
    assert [(one["loss"], one["method"], one["n"]) for one in document["measurements"]] == [
        (loss, method, n) for loss in ("squared_error", "huber") for n in (2, 4) for method in ("reverse", "numpy")
    ]
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("BENCH  2 losses, 2 methods: ")
    assert main([*arguments, "--markdown", "-"]) == 0
    assert capsys.readouterr().out.startswith("# Bench of 2 losses\n")


def test_a_formula_with_a_point(capsys: Output) -> None:
    assert main(["bench", "(a*x - y)**2", "--at", "a=2", "--sizes", "5", "--methods", "reverse", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["subjects"][0]["point"] == {"a": 2.0}
    assert [one["n"] for one in document["measurements"]] == [5]


def test_a_loss_without_data_has_one_size() -> None:
    bench = bench_of(Loss("a**2 + b", parameters="a, b"), {"a": 1.0, "b": 2.0})
    assert bench.subjects[0].sizes == (1,)
    assert {one.n for one in bench.measurements} == {1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "unknown loss 'nosuch'"),
        (["--sizes", "0"], "--sizes takes numbers of samples from 1 to 100,000,000"),
        (["--sizes", "1e12"], "not '1e12'"),
        (["--sizes", "many"], "not 'many'"),
        (["--sizes", "10,"], "not ''"),
        (["--methods", "reverze"], "did you mean 'reverse'?"),
        (["--dtype", "float8"], "unknown dtype 'float8'"),
        (["huber", "perpendicular", "--at", "a=1,b=1"], "--at is the one point of one loss"),
        (["--at", "a=1"], "b"),
        (["missing.py:loss", "--at", "a=1"], "missing.py"),
        (["--json", "-", "--markdown", "-"], "both take standard output"),
        (["a*x"], "a"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(arguments: list[str], words: str, capsys: Output) -> None:
    assert main(["bench", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_what_does_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("diffexplore.benching.settings.available", lambda: 10**6)
    assert main(["bench", "--sizes", "1e3,1e6"]) == 2
    assert "1,000,000 samples need about" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- a user's function
_FUNCTIONS = """
import torch

calls = []


def loss(a, b, x, y):
    calls.append(type(a).__name__)
    return ((a * x + b - y) ** 2).mean()


def fitted(w, X, y):
    return ((X @ w - y) ** 2).mean()


def refuses_gradients(a, x):
    if a.requires_grad and len(x) > 2:
        raise KeyError("no gradients here")
    return (a * x).sum()
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(_FUNCTIONS)
    return file


@pytest.mark.parametrize(
    ("name", "more", "names"),
    [
        ("loss", ["--at", "a=1,b=2"], {"a", "b"}),
        slow("fitted", ["--at", "w1=1,w2=-2", "--shapes", "w[2],X[2]"], {"w1", "w2"}),
    ],
)
def test_the_function_of_a_file_is_timed_itself(
    name: str, more: list[str], names: set[str], functions: Path, capsys: Output
) -> None:
    methods = "reverse,forward,vmap,numpy"
    arguments = ["bench", f"{functions}:{name}", *more, "--sizes", "5", "--methods", methods]
    assert main([*arguments, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    measured = {one["method"]: one for one in document["measurements"]}
    assert set(measured) == set(methods.split(","))
    for one in measured.values():
        assert set(one["errors"]) == names
        assert all(error < 50 for error in one["errors"].values()), "all of them have the right gradient"
    assert main(arguments) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert f"read from {name}, which itself was run by reverse mode, forward mode and torch.func" in words


def test_reverse_mode_of_a_bench_calls_the_users_function(functions: Path) -> None:
    """And not the formula that was read from it."""
    seen = []

    def loss(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        seen.append(a.requires_grad)
        return (a * x).sin().mean()

    read = Loss.from_torch(loss, parameters=["a"], data=["x"])
    for method in ("reverse", "forward"):
        seen.clear()
        bench_of(read, {"a": 1.0}, methods=[method])
        assert len(seen) >= 3, method


def test_what_a_function_raises_skips_the_method(functions: Path, capsys: Output) -> None:
    arguments = ["bench", f"{functions}:refuses_gradients", "--at", "a=1", "--sizes", "3", "--json", "-"]
    assert main([*arguments, "--methods", "reverse,numpy"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["method"] for one in document["measurements"]] == ["numpy"]
    (skipped,) = document["subjects"][0]["skipped"]
    assert skipped["method"] == "reverse"
    assert "KeyError" in skipped["reason"]
