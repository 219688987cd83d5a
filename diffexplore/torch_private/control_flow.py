"""Torch's operators of control flow (cond, while_loop, scan, map), which torch compiles where they are called.

Where a mode looks on, their compiler fails, and in later calls without a mode as well. So there they are not compiled:
they run as the Python that they stand for, whose operations modes see, or they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from diffexplore.torch_private.supported import needed_names
from diffexplore.torch_private.watching import DispatchMode, current_dispatch_modes

with needed_names():
    from torch._higher_order_ops import utils as _utils
    from torch._higher_order_ops.cond import __name__ as _COND
    from torch._higher_order_ops.map import __name__ as _MAP
    from torch._higher_order_ops.map import map_dense
    from torch._higher_order_ops.scan import __name__ as _SCAN
    from torch._higher_order_ops.scan import generic_scan
    from torch._higher_order_ops.while_loop import __name__ as _WHILE_LOOP
    from torch._higher_order_ops.while_loop import while_loop_dense
    from torch.overrides import _get_current_function_mode_stack as current_function_modes

#: Where all of them are compiled; older torch has no such place, and its operators are left alone.
_PLACE = "_hop_compile_and_call"
_COMPILED = getattr(_utils, _PLACE, None)


def _branch(condition: Any, if_true: Callable[..., Any], if_false: Callable[..., Any], operands: Any) -> Any:
    return (if_true if condition else if_false)(*operands)


#: What each operator stands for, by the module and the name that its function calls it by.
_AS_PYTHON = (
    (_COND, "cond_op", _branch),
    (_WHILE_LOOP, "while_loop_op", while_loop_dense),
    (_SCAN, "scan_op", generic_scan),
    (_MAP, "map_impl", map_dense),
)


@contextmanager
def control_flow_seen() -> Iterator[None]:
    """Inside the block operators of control flow run as Python where a mode of ours looks on; else as torch does."""
    if _COMPILED is None or getattr(_utils, _PLACE) is not _COMPILED or not _is_looked_on():
        yield
        return
    with patch.object(_utils, _PLACE, _as_python):
        yield


@contextmanager
def control_flow_refused() -> Iterator[None]:
    """Inside the block operators of control flow raise NotImplementedError."""
    with nullcontext() if _COMPILED is None else patch.object(_utils, _PLACE, _refused):
        yield


def _as_python(function: Callable[..., Any], args: Any, kwargs: Any = None) -> Any:
    with ExitStack() as replaced:
        for module, name, steps in _AS_PYTHON:
            replaced.enter_context(patch(f"{module}.{name}", steps))
        return function(*args, **(kwargs or {}))


def _refused(function: Callable[..., Any], args: Any, kwargs: Any = None) -> Any:
    raise NotImplementedError("operators of control flow are not watched")


def _is_looked_on() -> bool:
    if any(isinstance(mode, DispatchMode) for mode in current_dispatch_modes()):
        return True
    return any(type(mode).__module__.startswith("diffexplore.") for mode in current_function_modes())
