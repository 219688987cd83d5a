"""Numbers that leave torch within a forward that autograd does not see: no wrong gradient is certified by what is left."""

from __future__ import annotations

import copy
import ctypes
import io
import json
import math
import pickle
import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from autograd_functions import function_of
from representatives import one_in

import diffexplore as dx
from diffexplore.torch_private.watching import DisableTorchFunction, disable_current_modes

Tensor = torch.Tensor


def checked(function: Any, x: Tensor, **options: Any) -> dx.TensorReport:
    return dx.gradcheck(function, x, raise_exception=False, battery="none", **options)


def numbers(count: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(0.3, 1.1, count, dtype=dtype).requires_grad_()


def scaled(leave: Callable[[Tensor], Any], *, right: bool = False) -> Any:
    """x · Σx, whose sum leaves torch; the gradient takes it for a constant unless it is ``right``."""

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.factor = leave(x.sum())
            ctx.save_for_backward(x)
            return x * ctx.factor

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * ctx.factor + ((g * x).sum() if right else 0)

    return Scaled


@torch.jit.script
def jit_float(x: Tensor):
    return float(x)


def in_full_precision(text: Callable[[Tensor], str]) -> Callable[[Tensor], float]:
    def leave(x: Tensor) -> float:
        torch.set_printoptions(precision=17)
        try:
            return float(text(x).removeprefix("tensor(").split(",")[0].split(")")[0])
        finally:
            torch.set_printoptions(profile="default")

    return leave


def printed(x: Tensor) -> str:
    found = io.StringIO()
    print(x, file=found)
    return found.getvalue()


def saved(x: Tensor) -> Any:
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    return torch.load(file)


def in_numpy_memory(write: Callable[[Tensor, Tensor], Any]) -> Callable[[Tensor], float]:
    def leave(x: Tensor) -> float:
        array = np.zeros(3)
        write(torch.from_numpy(array), x.detach())
        return float(array[1])

    return leave


def in_a_thread(read: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def leave(x: Tensor) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(read(x.detach())))
        thread.start()
        thread.join()
        return found[0]

    return leave


def without_torch_functions(read: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def leave(x: Tensor) -> Any:
        with DisableTorchFunction():
            return read(x.detach())

    return leave


def without_modes(x: Tensor) -> float:
    with disable_current_modes():
        return float(x.detach())


def at_address(x: Tensor) -> float:
    return ctypes.c_double.from_address(x.data_ptr()).value


def of_bytes(values: Any) -> float:
    return float(struct.unpack("d", bytes(values))[0])


WAYS_OUT: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x.item(),
    "float": float,
    "complex": lambda x: complex(x).real,
    "math": lambda x: math.exp(x) / 9,
    "struct": lambda x: of_bytes(struct.pack("d", x)),
    "ctypes": lambda x: ctypes.c_double(x).value,
    "tolist": lambda x: json.loads(json.dumps(x.tolist())),
    "format": lambda x: float(f"{x:.17g}"),
    "format method": lambda x: float("{:.17g}".format(x)),  # noqa: UP032  # another way in Python
    "percent": lambda x: float("%.17g" % x),  # noqa: UP031  # another way in Python
    "repr": in_full_precision(repr),
    "str": in_full_precision(str),
    "print": in_full_precision(printed),
    "numpy": lambda x: float(x.numpy()),
    "numpy(force)": lambda x: float(x.numpy(force=True)),
    "asarray": lambda x: float(np.asarray(x)),
    "NumPy scalar": lambda x: float(np.float64(x)),
    "from_numpy": lambda x: torch.from_numpy(x.numpy()) * 1.0,
    "array interface": lambda x: float(np.asarray(x.__array__())),
    "memoryview": lambda x: memoryview(x.numpy().reshape(1))[0],
    "dlpack to NumPy": lambda x: float(np.from_dlpack(x)),
    "dlpack": torch.from_dlpack,
    "capsule": lambda x: torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x)),
    "data_ptr": at_address,
    "storage's data_ptr": lambda x: ctypes.c_double.from_address(x.untyped_storage().data_ptr()).value,
    "untyped_storage": lambda x: of_bytes(x.untyped_storage().tolist()),
    "storage": lambda x: x.storage()[0],
    "set_": lambda x: torch.empty(0, dtype=x.dtype).set_(x.untyped_storage(), 0, (1,), (1,))[0],
    "save": lambda x: saved(x) * 1.0,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)) * 1.0,
    "deepcopy": lambda x: copy.deepcopy(x) * 1.0,
    "bits": lambda x: struct.unpack("d", struct.pack("q", x.view(torch.int64).item()))[0],
    "tensor of a list": lambda x: torch.tensor([x, x])[0],
    "full": lambda x: torch.full((), x, dtype=x.dtype),
    "scalar_tensor": lambda x: torch.scalar_tensor(x, dtype=x.dtype),
    "copy into NumPy": in_numpy_memory(lambda memory, x: memory[1].copy_(x)),
    "assigned in NumPy": in_numpy_memory(lambda memory, x: memory.__setitem__(1, x)),
    "out= in NumPy": in_numpy_memory(lambda memory, x: torch.mul(x, 1, out=memory[1])),
    "a thread's number": in_a_thread(float),
    "a thread's tensor": in_a_thread(lambda x: x * 1.0),
    "TorchScript": jit_float,
    "without torch functions": without_torch_functions(lambda x: x.item()),
    "data_ptr without torch functions": without_torch_functions(at_address),
    "without modes": without_modes,
}


@pytest.mark.parametrize("way", one_in(6, WAYS_OUT))
def test_no_number_leaves_and_comes_back_unseen(way: str) -> None:
    wrong = checked(scaled(WAYS_OUT[way]), numbers(2))
    assert (wrong.verdict, wrong.truth) == ("fail", "estimated")
    (note,) = wrong.notes
    assert "test_gradcheck_leaving_torch.py, line " in note or "copy.py" in note


@pytest.mark.parametrize("way", ["item", "format", "capsule", "a thread's tensor"])
def test_the_right_gradient_of_such_code_passes(way: str) -> None:
    assert checked(scaled(WAYS_OUT[way], right=True), numbers(2)).verdict == "pass"


def test_text_that_does_not_come_back_leaves_the_certificate() -> None:
    class Chatty(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.text = f"{x.sum()} {x!r}"
            return 3.5 * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return 3.5 * g

    report = checked(Chatty, numbers())
    assert (report.verdict, report.truth) == ("pass", "certified")


CHOICES: dict[str, Callable[[Tensor], float]] = {
    "bool": lambda x: 2.0 if x > 0 else 3.0,
    "equal": lambda x: 2.0 if torch.equal(x, x) else 3.0,
    "argmax": lambda x: float(torch.stack([x, x * 0]).argmax()) + 0.5,
    "count": lambda x: float((torch.arange(9.0) < x).nonzero().shape[0]) + 0.5,
}


@pytest.mark.parametrize("choice", CHOICES)
def test_what_is_only_chosen_by_numbers_is_constant_nearby(choice: str) -> None:
    report = checked(scaled(CHOICES[choice]), numbers())
    assert (report.verdict, report.truth) == ("pass", "certified")


def by_item(ctx: Any, x: Tensor) -> Tensor:
    ctx.factor = x.sum().item()
    return x * ctx.factor


class ItemModule(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sum().item()


def of_module(ctx: Any, x: Tensor) -> Tensor:
    ctx.factor = x.sum()
    return ItemModule()(x)


def installed() -> Any:
    """The same forward from a file among installed packages."""
    names: dict[str, Any] = {}
    code = "def forward(ctx, x):\n    ctx.factor = x.sum().item()\n    return x * ctx.factor\n"
    exec(compile(code, "/usr/lib/python3/site-packages/kernels/ops.py", "exec"), names)
    return names["forward"]


@pytest.mark.parametrize("forward", [by_item, of_module, installed()])
def test_a_forward_is_hidden_whatever_its_code_is_called_and_wherever_it_lies(forward: Any) -> None:
    backward = staticmethod(lambda ctx, g: g * ctx.factor)
    function = type("Scaled", (torch.autograd.Function,), {"forward": staticmethod(forward), "backward": backward})
    report = checked(function, numbers(2))
    assert (report.verdict, report.truth) == ("fail", "estimated")


@pytest.mark.parametrize("way", ["item", "format", "capsule", "a thread's number", "full", "TorchScript"])
def test_rounding_out_of_sight_in_a_backward_is_no_false_alarm(way: str) -> None:
    """The sum is taken about a million, where it rounds by more than all that the watch sees of it afterwards."""

    def about_a_million(x: Tensor) -> Tensor:
        return (1e6 + x).sum() - 1e6 * len(x)

    summed = function_of(
        lambda x: x * about_a_million(x), lambda g, x: g * WAYS_OUT[way](about_a_million(x)) + (g * x).sum()
    )

    report = checked(summed, numbers(100))
    assert (report.verdict, report.truth) == ("pass", "certified")
