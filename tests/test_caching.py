"""What is kept between runs: used where it is of this machine, ignored where it is anything else, never needed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from representatives import one_in, slow

import diffexplore
from diffexplore import caching
from diffexplore.bounds import canary, earlier
from diffexplore.bounds.canary import broken_claims
from diffexplore.cli.main import main

CPU = torch.device("cpu")
REMEMBERED: list[Any] = [
    canary._broken_basics, canary._broken_function, canary._broken_kernel, canary._broken_sums, earlier.trials_on,
]  # fmt: skip


def forget() -> None:
    """As if a new process began."""
    for remembered in REMEMBERED:
        remembered.cache_clear()


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the canary keeps what held, in a cache that is switched on."""
    monkeypatch.delenv("DIFFEXPLORE_NO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    yield tmp_path / "diffexplore" / "canary.json"
    forget()


def new_process(*operations: str) -> tuple[str, ...]:
    forget()
    return broken_claims(torch.float32, CPU, operations)


def is_tried() -> bool:
    """Whether a new process tries the sine, of which it finds then that it is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(canary.TORCH, "sin", lambda x: x)
        return new_process("sin") != ()


def test_what_held_is_not_tried_again(kept: Path) -> None:
    assert is_tried()
    assert new_process("sin") == ()
    assert not is_tried()
    assert kept.is_file()


def test_other_functions_dtypes_and_libraries_are_tried(kept: Path) -> None:
    new_process("sin", "pow")
    ((_, before),) = json.loads(kept.read_text()).items()
    for dtype, operations, library in (
        (torch.float32, ["exp"], "torch"), (torch.float64, ["sin"], "torch"), (torch.float32, ["sin"], "numpy"),
    ):  # fmt: skip
        forget()
        broken_claims(dtype, CPU, operations, library=library)
        ((_, after),) = json.loads(kept.read_text()).items()
        assert set(before) < set(after)
        before = after


def test_what_does_not_hold_is_not_kept(kept: Path) -> None:
    assert is_tried()
    assert is_tried()
    assert " sin " not in kept.read_text()  # the cosine, its derivative, is there


def test_nothing_is_kept_of_a_process_that_flushes_to_zero(kept: Path) -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers to zero")
    try:
        broken = new_process("sin")
    finally:
        torch.set_flush_denormal(False)
    assert "subnormal numbers are flushed to zero" in broken
    assert not kept.exists()


def test_arithmetic_and_sums_are_tried_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    new_process("sin")
    monkeypatch.setattr(canary, "summation_depth", lambda n: 1)
    (line,) = new_process("sin")
    assert line.startswith("a sum of ")


@pytest.mark.parametrize(
    "content",
    one_in(2, [b"", b"[]", b"{", b"\xff\xfe", b'"sin"', b"[" * 100_000, b'{"%s": 1}', b'{"%s": {"a": 1}}',
               b'{"%s": [1, null, []]}', b'{"another machine": ["%s"]}', b"NaN", b" " * 2**21], first=1),
)  # fmt: skip
def test_a_file_that_holds_something_else_is_ignored_and_written_anew(content: bytes, kept: Path) -> None:
    new_process("sin")
    good = json.loads(kept.read_text())
    (key,) = good
    kept.write_bytes(content.replace(b"%s", key.encode()))
    assert is_tried()
    assert new_process("sin") == ()
    assert good.items() <= json.loads(kept.read_text()).items()
    assert not is_tried()


def test_a_file_that_ends_too_early_is_ignored(kept: Path) -> None:
    new_process("sin")
    kept.write_bytes(kept.read_bytes()[:-5])
    assert is_tried()


def test_what_is_no_file_is_left_alone(kept: Path) -> None:
    kept.parent.mkdir()
    kept.mkdir()
    assert new_process("sin") == ()
    kept.rmdir()
    os.mkfifo(kept)  # reading it would wait for ever
    assert is_tried()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner here")
def test_a_file_of_another_user_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    new_process("sin")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert is_tried()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/dev/null"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        assert new_process("sin") == ()
        assert is_tried()


def test_a_disk_that_is_full_leaves_nothing_behind(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert new_process("sin") == ()
    assert list(kept.parent.iterdir()) == []


def test_others_may_not_read_or_write_it(kept: Path) -> None:
    new_process("sin")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_the_folder_is_where_the_platform_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert caching.folder() == tmp_path / "diffexplore"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.platform", "linux")
    assert caching.folder() == tmp_path / "home" / ".cache" / "diffexplore"
    monkeypatch.setattr("sys.platform", "darwin")
    assert caching.folder() == tmp_path / "home" / "Library" / "Caches" / "diffexplore"

    monkeypatch.setenv("HOME", "relative")
    assert caching.folder() is None

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert caching.folder() is None
    assert new_process("sin") == ()
    assert is_tried()


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("torch.__version__", "3.0.0"),
        ("torch.version.git_version", "0" * 40),
        ("torch.__config__.show", lambda: "PyTorch built with: something else"),
        ("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT"),
        ("numpy.__version__", "9.0"),
        ("flint.__version__", "9.0"),
        ("platform.platform", lambda: "Linux with another libm"),
        ("diffexplore.__version__", "9.0"),
        ("diffexplore.bounds.earlier._processor", lambda: "another processor"),
    ],
)
def test_another_machine_or_build_tries_for_itself(what: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    new_process("sin")
    with monkeypatch.context() as patch:
        patch.setattr(what, value)
        assert is_tried()
        assert new_process("sin") == ()
        assert not is_tried()
    assert not is_tried()


@pytest.mark.parametrize(
    "name", ["ATEN_CPU_CAPABILITY", "MKL_CBWR", "LD_PRELOAD", "GLIBC_TUNABLES", "NPY_DISABLE_CPU_FEATURES"]
)
def test_what_chooses_kernels_is_part_of_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new_process("sin")
    monkeypatch.setenv(name, "other")
    assert is_tried()


def test_changed_source_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package").mkdir()
    source = tmp_path / "package" / "__init__.py"
    source.write_text("a = 1\n")
    monkeypatch.setattr(diffexplore, "__file__", str(source))
    new_process("sin")
    assert not is_tried()
    source.with_name("claims.py").write_text("sin = 4\n")
    assert is_tried()


def test_the_default_dtype_is_part_of_the_key() -> None:
    new_process("sin")
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        assert is_tried()
    finally:
        torch.set_default_dtype(before)


def test_a_gpu_whose_driver_is_not_known_is_tried_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = lambda device: "a GPU"  # noqa: E731  # as the function that it stands for
    monkeypatch.setattr("torch.cuda.get_device_properties", properties)
    known = Path("/proc/driver/nvidia/version").exists()
    assert (earlier.machine(torch.device("cuda")) is not None) == known
    assert (earlier.machine(torch.device("cuda")) != earlier.machine(CPU)) or not known


def test_old_machines_go_and_new_ones_stay(kept: Path) -> None:
    kept.parent.mkdir(mode=0o700)
    kept.write_text(json.dumps({f"machine {i}": [] for i in range(40)}))
    new_process("sin")
    keys = list(json.loads(kept.read_text()))
    assert keys[:-1] == [f"machine {i}" for i in range(25, 40)]
    assert not is_tried()


def test_what_another_process_kept_meanwhile_stays(kept: Path) -> None:
    new_process("sin")
    forget()
    earlier.trials_on(CPU)
    ((key, names),) = json.loads(kept.read_text()).items()
    kept.write_text(json.dumps({key: [*names, "of another process"]}))
    broken_claims(torch.float32, CPU, ["exp"])
    assert {"of another process", *names} < set(json.loads(kept.read_text())[key])


@pytest.mark.parametrize("command", [
    ["report", "sin(a*x)", "--at", "a=0.75", "--samples", "3"], slow(["report", "logistic", "--dtype", "float32"]),
])  # fmt: skip
def test_the_answers_are_the_same(command: list[str], kept: Path, tmp_path: Path) -> None:
    documents = []
    for place, options in enumerate(([], [], ["--no-cache"])):
        forget()
        assert main([*command, *options, "--quiet", "--json", str(tmp_path / f"{place}.json")]) == 0
        assert kept.exists()
        documents.append((tmp_path / f"{place}.json").read_text())
    assert documents[0] == documents[1] == documents[2]


@pytest.mark.parametrize("switch", ["--no-cache", "DIFFEXPLORE_NO_CACHE"])
def test_nothing_is_read_or_kept_where_it_is_switched_off(
    switch: str, kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["report", "sin(a*x)", "--at", "a=0.75", "--samples", "3", "--methods", "reverse", "--quiet"]
    option = [switch] if switch.startswith("-") else []
    if not option:
        monkeypatch.setenv(switch, "1")
    assert main([*command, *option]) == 0
    assert not kept.exists()

    monkeypatch.delenv("DIFFEXPLORE_NO_CACHE", raising=False)
    forget()
    assert main(command) == 0
    assert kept.exists()
    if not option:
        monkeypatch.setenv(switch, "1")
    monkeypatch.setitem(canary.TORCH, "sin", lambda x: x)
    forget()
    assert main([*command, *option]) == 3
    capsys.readouterr()
    monkeypatch.delenv("DIFFEXPLORE_NO_CACHE", raising=False)


def test_verify_has_the_option_and_what_tries_nothing_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--help"]) == 0
    assert "--no-cache" in capsys.readouterr().out
    assert main(["derive", "perpendicular", "--no-cache"]) == 2


def test_numpy_is_tried_where_numpy_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    assert broken_claims(torch.float32, CPU, ["cos"], library="numpy") == ()
    monkeypatch.setitem(canary.NUMPY, "cos", lambda x: x + np.float32(1))
    forget()
    assert broken_claims(torch.float32, CPU, ["cos"], library="numpy") == ()  # it is remembered
    forget()
    with caching.switched_off():
        assert broken_claims(torch.float32, CPU, ["cos"], library="numpy") != ()
