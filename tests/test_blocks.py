"""A batch of several blocks is checked, fitted and verified as one in memory, up to what is said of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from representatives import one_in, slow

import diffexplore as dx
from diffexplore.checking.batch import Batch
from diffexplore.inputs.blocks import Blocks, whole

#: Multiples of all vector lengths, so that the kernels round alike, and enough for double-double vectors.
N, BLOCK = 480, 160
GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=N)
Y = np.abs(0.8 * X + GENERATOR.normal(size=N))
LINE = "(a*x - y + b)**2 / (2*(a**2 + 1))"
SQUARES = "(a*x - y + b)**2"
POISSON = "exp(a*x + b) - y*(a*x + b)"
AT = {"a": 0.7, "b": 0.2}
CHUNKED = " (chunked, float64 accumulate)"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blocks") / "data.parquet"
    pq.write_table(pa.table({"x": X, "y": Y}), path, row_group_size=90)
    return path


@pytest.fixture
def batch(path: Path) -> Batch:
    batch = dx.open_batch(path, block=BLOCK)
    assert (batch.n, batch.blocks.count, batch.in_memory) == (N, 3, False)
    return batch


DATA = {"x": X, "y": Y}


def mean_of(a: Any, b: Any, x: Any, y: Any) -> Any:
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()


# ------------------------------------------------------------------------------------------------------------ checks
@pytest.mark.parametrize(("loss", "dtype"), [(LINE, "float64"), (POISSON, "float32")], ids=["line", "poisson"])
def test_samples_are_compared_as_in_memory(batch: Batch, loss: Any, dtype: str) -> None:
    options: dict[str, Any] = {"methods": "symbolic,reverse", "dtype": dtype, "wrt": "a, b, x"}
    stored, held = dx.check(loss, batch, AT, **options), dx.check(loss, DATA, AT, **options)
    of_samples = [[tally for tally in report.summary.tallies if tally.kind == "samples"] for report in (stored, held)]
    assert of_samples[0] == of_samples[1]
    worst = [[row for row in report.rows if row.sample is not None] for report in (stored, held)]
    assert worst[0] == worst[1]
    assert (stored.verdict, stored.n) == (held.verdict, held.n) == ("pass", N)


def test_a_function_is_called_with_each_block(batch: Batch) -> None:
    report = dx.check(mean_of, batch, AT, methods="symbolic,reverse")
    (value,) = (row for row in report.rows if row.parameter == "(value)")
    assert (report.verdict, value.verdict) == ("pass", "pass")
    assert value.value == pytest.approx(np.mean((0.7 * X - Y + 0.2) ** 2 / (2 * 1.49)), rel=1e-13)


def test_reduced_partials_are_of_blocks_and_say_so(batch: Batch) -> None:
    stored = dx.check(LINE, batch, AT, methods="symbolic,reverse")
    held = dx.check(LINE, DATA, AT, methods="symbolic,reverse")
    rows = {(row.parameter, row.method): row for row in stored.rows if row.sample is None}
    for row in held.rows:
        if row.sample is None:
            other = rows[row.parameter, row.method + CHUNKED]
            assert row.truth is not None and other.truth is not None and other.bound is not None
            assert other.truth.mid[:30] == row.truth.mid[:30]
            assert abs(float(row.truth.mid) - float(str(other.value))) <= other.bound
            assert other.bound < 1e-12 * abs(float(row.truth.mid)) * N


def test_the_sum_is_that_of_the_blocks(batch: Batch) -> None:
    loss = dx.Loss("a*x + b*y", parameters="a, b", data="x, y", reduction="sum")
    report = dx.check(loss, batch, AT, methods="symbolic")
    found = {row.parameter: row.value for row in report.rows if row.sample is None and row.probe is None}
    assert found == pytest.approx({"a": math.fsum(X), "b": math.fsum(Y)}, rel=1e-14)


def test_a_loss_that_is_no_number_in_one_block_is_none_of_all(path: Path) -> None:
    y = Y.copy()
    y[400] = 1e200
    pq.write_table(pa.table({"x": X, "y": y}), path.with_name("huge.parquet"))
    report = dx.check(LINE, dx.open_batch(path.with_name("huge.parquet"), block=BLOCK), AT, methods="symbolic")
    (row,) = (row for row in report.rows if row.parameter == "(value)")
    assert (row.verdict, row.value) == ("inconclusive", None)
    assert row.cause is not None and row.cause.key == "overflow"


def test_a_batch_is_data_by_the_names_of_its_columns(batch: Batch) -> None:
    with pytest.raises(
        dx.UsageError, match=r"z is not a column of .*data.parquet: give at=.* \(the columns are x, y\)"
    ):
        dx.check("(a*x - z)**2", batch, {"a": 1.0})
    with pytest.raises(dx.UsageError, match=r"data.parquet: no column 'z': its columns are x, y"):
        dx.check(dx.Loss("(a*x - z)**2", parameters="a", data="x, z"), batch, {"a": 1.0})
    assert dx.check("a*x", batch, {"a": 1.0}, methods="symbolic").n == N


@pytest.mark.parametrize("block", [0, 2.5, "many"])
def test_a_block_has_rows(path: Path, block: Any) -> None:
    with pytest.raises(dx.UsageError, match="the rows of a block should be a whole number from 1 to 100,000,000"):
        dx.open_batch(path, block=block)


def test_work_is_shared_only_in_a_group(path: Path) -> None:
    with pytest.raises(dx.UsageError, match="this process is in no group: start it with torchrun"):
        dx.open_batch(path, shared=True)


# -------------------------------------------------------------------------------------------------------------- fits
def test_a_fit_goes_by_sums_that_are_read_once(batch: Batch) -> None:
    table = batch.columns["x"].table  # type: ignore[union-attr]  # a column in a file
    reads: list[int] = []
    read = table.block

    def counted(number: int) -> Any:
        reads.append(number)
        return read(number)

    table.block = counted
    fit = dx.fit(LINE, batch, AT, lr=0.1, steps=200)
    held = dx.fit(LINE, DATA, AT, lr=0.1, steps=200, methods="symbolic")
    assert [run.method for run in fit.runs] == ["symbolic"]
    assert fit.explanation[-1].sentence.startswith(
        "symbolic in float64 reads the data once, and then goes by 5 sums: mean("
    )
    assert len(reads) <= 2 * (batch.blocks.count + 2)  # two columns, and the first rows for the centre
    assert fit.run.last.point == pytest.approx(held.run.last.point, rel=1e-12)
    assert fit.optimum is not None and held.optimum is not None
    assert fit.optimum.point == pytest.approx(held.optimum.point, rel=1e-14)


@pytest.mark.parametrize("optimizer", one_in(3, ["gd", "newton", "lbfgs"], first=1))
def test_other_losses_are_fitted_block_by_block(batch: Batch, optimizer: str) -> None:
    fit, held = (dx.fit(POISSON, data, AT, lr=0.05, steps=5, optimizer=optimizer) for data in (batch, DATA))
    assert [run.method for run in fit.runs] == ["symbolic", "reverse"]
    assert fit.run.last.point == pytest.approx(held.run.last.point, rel=1e-9)


def test_a_compiled_loss_takes_its_sums_from_files(batch: Batch) -> None:
    loss = dx.Loss(LINE, parameters="a, b", data="x, y")
    stored, held = (loss.compile()(AT, data) for data in (batch, DATA))
    assert (stored.value, stored.gradient) == (held.value, held.gradient)
    with pytest.raises(dx.UsageError, match="the backend blocked takes data in memory, and the 480 samples of"):
        dx.Loss(POISSON, parameters="a, b", data="x, y").compile().bind(batch)


# ----------------------------------------------------------------------------------------------------- verifications
def late(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss, whose gradient by b is wrong in the last block alone."""
    free = b if float(x[-1]) != X[-1] else b.detach() + 1.5 * (b - b.detach())
    return ((a * x - y + free) ** 2).mean()


def late_nan(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss, whose gradient by b is NaN at the last sample."""
    nothing = torch.where(x == X[-1], (b - b).expand(x.shape), b + 10).sqrt() * 0
    return ((a * x - y + b + nothing) ** 2).mean()


def wrong_by_x(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss, with a gradient by x that is 0 where x > 2."""
    return mean_of(a, b, torch.where(x > 2, x.detach(), x), y)


def test_a_right_candidate_passes_block_by_block(batch: Batch) -> None:
    assert dx.verify(mean_of, LINE, batch, AT, wrt="a, b, x").verdict == "pass"


@pytest.mark.parametrize("wrt", ["b", slow("a, b, y")])
def test_a_candidate_that_is_wrong_in_the_last_block_fails(batch: Batch, wrt: str) -> None:
    report = dx.verify(late, SQUARES, batch, AT, wrt=wrt)
    (row,) = [row for row in report.rows if row.verdict == "fail" and row.probe is None]
    assert row.parameter == "b" and row.cause is not None
    assert (row.cause.key, row.cause.fields["sample"]) == ("one_sample", N - 1)
    assert row.cause.message.startswith(f"sample {N - 1} is wrong by itself: ")
    assert "3/2 times the gradient" in row.cause.message


def test_a_nan_in_the_last_block_has_the_number_of_its_sample(batch: Batch) -> None:
    report = dx.verify(late_nan, SQUARES, batch, AT, wrt="b")
    (row,) = [row for row in report.rows if row.verdict == "fail" and row.probe is None]
    assert row.parameter == "b" and row.cause is not None and row.cause.fields["sample"] == N - 1
    assert f"sample {N - 1}: " in row.cause.message


def test_failing_samples_are_those_of_the_batch(batch: Batch) -> None:
    stored, held = (dx.verify(wrong_by_x, LINE, data, AT, wrt="x") for data in (batch, DATA))
    failed = [[row.sample for row in report.rows if row.verdict == "fail"] for report in (stored, held)]
    assert failed[0] == failed[1] != []
    assert stored.summary.failed == held.summary.failed == np.count_nonzero(X > 2)


def test_what_takes_all_samples_at_once_says_so(batch: Batch) -> None:
    with pytest.raises(
        dx.UsageError, match=r"a graph takes all samples at once, and .*data.parquet has 480: give fewer"
    ):
        dx.graph(LINE, at=AT, data=batch)
    assert "minimum" in str(dx.explore(LINE, batch, AT, steps=3).to_dict())


# -------------------------------------------------------------------------------------------------------------- blocks
def test_blocks_are_of_fixed_length() -> None:
    blocks = Blocks(700, 150)
    assert blocks.each(lambda first, last: (first, last)) == [(0, 150), (150, 300), (300, 450), (450, 600), (600, 700)]
    assert (whole(0).count, whole(5).count, Blocks(300, 150).count) == (1, 1, 2)
