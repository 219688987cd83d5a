"""A device that is not there: its tensors are computed on the CPU, and refuse to meet tensors of the CPU.

    python -m benchmarks.simulated_device [--only PART] [--json FILE]

checks torch's own operators on it, and prints each whose verdict is another than on the CPU. What runs on it runs on a
GPU as far as devices go: two devices in one operation raise, as they do there. Its numbers, and the kernels that torch
chooses, are those of the CPU. It changes torch for the whole process: use one of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

Tensor = torch.Tensor

NAME = "simulated"

_LIBRARY = torch.library.Library("aten", "IMPL")

#: What makes a tensor of numbers.
_MAKING = ("empty.memory_format", "empty_strided", "copy_", "_to_copy")

#: What reads or writes tensors of two devices on a GPU, too.
_CROSSING = frozenset({"aten::_to_copy", "aten::to", "aten::copy_"})

#: Takes indices that lie on the CPU, on a GPU too.
_INDEXING = frozenset({"aten::index", "aten::_unsafe_index", "aten::index_put", "aten::index_put_"})


class SimulatedTensor(torch.Tensor):
    """A tensor of the device; ``inner`` is that of the CPU which holds its numbers."""

    inner: Tensor
    #: How often a number was read off, for which a GPU has to finish first.
    read_off: ClassVar[int] = 0
    __torch_function__ = torch._C._disabled_torch_function_impl
    _memory: ClassVar[dict[int, tuple[Any, Any]]] = {}

    @staticmethod
    def __new__(cls, inner: Tensor) -> SimulatedTensor:
        found = torch.Tensor._make_subclass(
            cls, _without_numbers(inner), False, dispatch_device=True, device_for_backend_keys=torch.device(NAME, 0)
        )
        found.inner = inner
        return found

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(NAME, 0)

    def tolist(self) -> Any:
        SimulatedTensor.read_off += 1
        return self.detach().inner.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy")
        return self.detach().inner.numpy(force=True)

    def __repr__(self, **_: Any) -> str:
        return f"simulated {self.inner!r}"


def _without_numbers(inner: Tensor) -> Tensor:
    """A tensor of the same layout over memory that shares as the inner one's does."""
    memory = inner.untyped_storage()
    known = SimulatedTensor._memory.get(memory._cdata)
    if known is None or known[1].nbytes() != memory.nbytes():
        known = memory, torch.UntypedStorage(memory.nbytes(), device="meta")
        SimulatedTensor._memory[memory._cdata] = known
    return torch.empty(0, dtype=inner.dtype, device="meta").set_(
        known[1], inner.storage_offset(), inner.shape, inner.stride()
    )


def _inner(leaf: Any) -> Any:
    return leaf.inner if isinstance(leaf, SimulatedTensor) else leaf


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if func is torch.ops.prim.device.default:
        return torch.device(NAME, 0)
    name = func._schema.name
    SimulatedTensor.read_off += name == "aten::_local_scalar_dense"
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    own = [leaf for leaf in tensors if isinstance(leaf, SimulatedTensor)]
    others = [leaf for leaf in tensors if not isinstance(leaf, SimulatedTensor) and leaf.dim()]
    if name in _INDEXING:
        others = [leaf for leaf in others if leaf.dtype not in (torch.int64, torch.bool)]
    if own and others and name not in _CROSSING:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found {NAME}:0 and cpu")
    device = kwargs.get("device", next((arg for arg in args if isinstance(arg, torch.device)), None))
    there = bool(own) if device is None else torch.device(device).type == NAME
    if name == "aten::copy_":
        there = isinstance(args[0], SimulatedTensor)
    args = tuple(torch.device("cpu") if isinstance(arg, torch.device) else arg for arg in args)
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if name in ("aten::_to_copy", "aten::to") and device is not None and torch.device(device).type != _kind(args[0]):
        args = (_inner(args[0]).clone(), *args[1:])
    plain, options = tree_map(_inner, (args, kwargs))
    out = func(*plain, **options)
    if not there:
        return out
    known = {id(leaf.inner): leaf for leaf in own}
    return tree_map(lambda leaf: _given(leaf, known) if isinstance(leaf, Tensor) else leaf, out)


def _by_kernel(function: Any, *args: Any, **kwargs: Any) -> Any:
    return _run(function, args, kwargs)


def _kind(tensor: Tensor) -> str:
    return NAME if isinstance(tensor, SimulatedTensor) else "cpu"


def _given(inner: Tensor, known: dict[int, SimulatedTensor]) -> SimulatedTensor:
    """What an operator returns: one of its operands, where it is that."""
    found = known.get(id(inner))
    if isinstance(inner, SimulatedTensor):
        return inner
    return SimulatedTensor(inner.resolve_conj().resolve_neg()) if found is None else found


class _OnSimulatedDevice(TorchDispatchMode):
    """Operations that make tensors of the device from none."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be told to skip it, torch's compiler would have to be loaded

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def simulated_device() -> TorchDispatchMode:
    """Makes the device; within the mode that is returned, tensors can be made on it."""
    of_cpu: dict[str, Callable[..., Any]] = {
        "get_rng_state": lambda _=None: torch.get_rng_state(),
        "set_rng_state": lambda state, _=None: torch.set_rng_state(state),
        "get_amp_supported_dtype": lambda: [torch.bfloat16, torch.float16],
        "manual_seed_all": lambda _: None,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "_is_in_bad_fork": lambda: False,
    }
    _setup_privateuseone_for_python_backend(NAME, SimpleNamespace(**of_cpu))
    for name in _MAKING:  # torch.tensor leaves modes out
        packet, _, overload = name.partition(".")
        function = getattr(getattr(torch.ops.aten, packet), overload or "default")
        _LIBRARY.impl(name, partial(_by_kernel, function), "PrivateUse1")
    return _OnSimulatedDevice()


def _on_both(entries: Sequence[str], found: Any) -> None:
    """The outcomes of entries on the CPU and on the device, sent one after another."""
    from benchmarks.gradcheck_operators import Task, outcome

    with simulated_device(), torch.autograd.set_multithreading_enabled(False):
        for entry in entries:
            found.send([outcome(Task(entry, "float64", device, False, "none", False)) for device in ("cpu", NAME)])


def main() -> None:
    from benchmarks._jobs import finish
    from benchmarks.gradcheck_operators import entries

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="entries with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started = time.monotonic()
    figures = _compared([name for name in entries(torch.float64) if options.only in name])
    finish("gradcheck on a device that is not there", figures, started, options.json)


def _compared(names: list[str]) -> dict[str, int]:
    """How many entries have the same outcome on both devices; the others are printed."""
    figures, context = Counter[str](), multiprocessing.get_context("fork")
    while names:
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_on_both, args=(names, sending))
        process.start()
        sending.close()
        while names:
            name, *names = names
            try:
                here, there = receiving.recv()
            except EOFError:  # an exception in a backward pass ends the process of such a device
                print(f"{name}: ended", flush=True)
                figures["ended"] += 1
                break
            same = (here.verdict, here.kind) == (there.verdict, there.kind)
            figures["the same" if same else "another"] += 1
            if not same:
                print(
                    f"{name}: {there.verdict} {there.kind}, not {here.verdict} {here.kind}: {there.reason}", flush=True
                )
        process.join()
    return dict(figures)


if __name__ == "__main__":
    main()
