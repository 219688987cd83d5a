"""What a check loads of torch: not its compiler, which works afterwards as if there had been no check."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from processes import run_python
from representatives import slow

from diffexplore.cli import collector
from diffexplore.torch_private.unloaded import without_loading

#: Torch's compiler, and libraries that a command loads only where it is told to use them.
NAMED_ONLY = (
    "torch._dynamo", "torch._inductor", "torch._decomp.decompositions_for_jvp", "plotly", "scipy", "matplotlib", "pandas",
    "pyarrow", "jax", "tensorflow", "numdifftools",
)  # fmt: skip

ROOMS = tuple(
    f"diffexplore.{room}" for room in (
        "auditing", "benching", "decide", "exploring", "fitting.fit", "graphing", "kernels", "proving", "tensors", "tracing",
        "verifying",
    )
)  # fmt: skip

#: What each command must not load, those that load less before those that load more: they run in one process.
UNNEEDED = {
    "derive (a*x-y+b)**2": (*NAMED_ONLY, *ROOMS, "torch", "diffexplore.bounds", "diffexplore.torch_ops"),
    "report (a*x-y+b)**2 --samples 4 --at a=2,b=1 --quiet": (*NAMED_ONLY, *ROOMS, "diffexplore.scanning"),
    "verify mine.py:loss --loss (a*x-y+b)**2 --samples 4 --at a=2,b=1": (
        *NAMED_ONLY, *(f"diffexplore.{room}" for room in ("decide", "fitting.fit", "graphing", "kernels", "proving")),
    ),
    "graph (a*x-y+b)**2": (*NAMED_ONLY, *(f"diffexplore.{room}" for room in ("fitting.fit", "kernels", "proving"))),
    "fit (a*x-y+b)**2 --samples 4 --at a=2,b=1 --steps 5": (*(name for name in NAMED_ONLY if name != "scipy"), "diffexplore.proving", "diffexplore.tensors"),
    "prove mine.py:loss --wrt a": (*NAMED_ONLY[3:], "diffexplore.auditing"),
}  # fmt: skip

CANDIDATE = """
def loss(a, b, x, y):
    return ((a * x - y + b) ** 2).mean()
"""

AFTERWARDS = """
import sys
from diffexplore.cli.main import main

assert main(["report", "--quiet"]) == 0
assert "torch._dynamo" not in sys.modules

import torch
import diffexplore as dx

def loss(a, x):
    return (a * x).square().mean() / 2

def by_sample(v):
    return torch.func.vmap(torch.func.grad(lambda x: x**3))(v)

a, x = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 3.0])
torch.compile(loss, backend="eager", fullgraph=True)(a, x).backward()
assert a.grad == 10, a.grad
assert torch.compile(by_sample, backend="eager", fullgraph=True)(x).tolist() == [3, 27]

known = dx.Loss("(a*x)**2/2", parameters="a", data="x")
for candidate, verdict in ((loss, "pass"), (lambda a, x: loss(a, 2 * x), "fail")):
    compiled = torch.compile(candidate, backend="eager")
    report = dx.verify(compiled, known, {"x": [1.0, 3.0]}, {"a": 2.0})
    assert report.verdict == verdict, report
assert main(["report", "--quiet"]) == 0
"""


@pytest.mark.parametrize(
    "commands", [tuple(UNNEEDED)[:-1], slow(tuple(UNNEEDED))], ids=["all but prove, which loads torch's tracer", "all"]
)
def test_a_command_loads_what_it_uses(
    commands: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands one after another, in one process: what one of them loads is there for those that come after it."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CANDIDATE)
    program = f"""
import sys
from diffexplore.cli.main import main

for command, unneeded in { ({one: UNNEEDED[one] for one in commands})!r}.items():
    assert main(command.split()) == 0, command
    loaded = set(unneeded) & set(sys.modules)
    assert not loaded, (command, loaded)
"""
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_report_loads_no_compiler_and_code_is_compiled_after_it() -> None:
    done = run_python("-c", AFTERWARDS)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had loaded the compiler."""
    for name in [name for name in sys.modules if name == "torch._dynamo" or name.startswith("torch._dynamo.")]:
        monkeypatch.delitem(sys.modules, name)
    if "_dynamo" in vars(torch):
        monkeypatch.delattr(torch, "_dynamo")


@pytest.mark.usefixtures("unloaded")
def test_nothing_is_left_of_what_stood_in() -> None:
    """Torch notes at a function what its compiler made of it, which must not be what made nothing of it."""

    def alone() -> str:
        return "done"

    assert without_loading(torch._disable_dynamo(alone)) == "done"
    assert vars(alone) == {}
    assert "torch._dynamo" not in sys.modules


@pytest.mark.usefixtures("unloaded")
def test_reference_kernels_load_no_compiler() -> None:
    legs = [torch.tensor(length, device="meta") for length in (3.0, 4.0)]
    assert without_loading(lambda: torch._refs.hypot(*legs)).shape == ()
    assert "torch._dynamo" not in sys.modules


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("needed", ["torch._dynamo.source", "torch._decomp.decompositions_for_jvp.trace"])
def test_what_needs_more_is_run_again_with_all_of_torch(needed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a torch would that asks its compiler for something else."""
    module, _, name = needed.rpartition(".")
    monkeypatch.delitem(sys.modules, "torch._decomp.decompositions_for_jvp", raising=False)
    calls = []

    def run() -> str:
        calls.append(type(sys.modules[module]).__name__ if module in sys.modules else "absent")
        if len(calls) == 1:
            getattr(sys.modules[module], name)
        return "done"

    assert without_loading(run) == "done"
    assert calls[1:] == ["absent"]


@pytest.mark.usefixtures("unloaded")
def test_an_error_of_its_own_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        without_loading(lambda: 1 / 0)
    assert "torch._dynamo" not in sys.modules


@pytest.fixture
def frozen() -> Iterator[int]:
    """So many objects are left alone before."""
    thresholds, count = gc.get_threshold(), gc.get_freeze_count()
    yield count
    gc.unfreeze()
    if count:
        gc.freeze()
    gc.set_threshold(*thresholds)


def test_the_collector_rests_until_it_is_woken(frozen: int) -> None:
    usual = gc.get_threshold()
    collector.rest()
    assert gc.isenabled()
    assert gc.get_threshold()[0] > 300_000
    collector.wake()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > frozen


def test_a_collector_that_does_not_rest_is_left_alone(frozen: int) -> None:
    gc.set_threshold(123, 4, 5)
    collector.wake()
    assert gc.get_threshold() == (123, 4, 5)
    assert gc.get_freeze_count() == frozen
